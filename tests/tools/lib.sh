# What a test of the programs has at hand; tests/tools/run.sh reads it in front of each script.
#
# A script runs in an empty folder of its own, with the built programs in PATH, $ROOT the checkout and $BIN
# their folder, under set -eu: a command that fails ends it as failed. Beside it may stand NAME.out and NAME.err,
# what its stdout and stderr have to be exactly. It counts as one case, or as one for each `ok`.

# ok NAME COMMAND...: a case of its own, COMMAND mostly a function; the script resuming after a failure. It has
# to stand where a failure counts: not behind `if`, `!` or before `&&` and `||`.
ok() {
  ok_name=$1
  shift
  # Not `if ("$@")`: a shell ignores -e in what it tests.
  set +e
  (set -e; "$@") > ok.log 2>&1
  ok_status=$?
  set -e
  if [ $ok_status = 0 ]; then
    echo "passed" >> "$CASES"
  else
    echo "failed" >> "$CASES"
    echo "failed: $ok_name"
    sed 's/^/    /' ok.log
  fi
}

# ok_with PROGRAM NAME COMMAND...: ok, or a skipped case where the program is missing.
ok_with() {
  if command -v "$1" > /dev/null; then
    shift
    ok "$@"
  else
    echo "skipped: no $1: $2" >> "$CASES"
  fi
}

# status_of COMMAND...: runs it with stdout in the file out and stderr in the file err, and sets $status.
status_of() {
  status=0
  "$@" > out 2> err || status=$?
}

# expect_status N COMMAND...: as status_of, and fails unless the status is N.
expect_status() {
  wanted=$1
  shift
  status_of "$@"
  [ "$status" = "$wanted" ] && return 0
  echo "status $status, not $wanted: $*"
  sed 's/^/  stderr: /' err
  return 1
}

# What the last command wrote: expect_stderr PATTERN (extended regular expression), expect_stdout PATTERN,
# expect_misuse (two lines on stderr, nothing on stdout).
expect_stderr() {
  grep -Eq -e "$1" err && return 0
  echo "stderr does not match: $1"
  sed 's/^/  stderr: /' err
  return 1
}
expect_stdout() {
  grep -Eq -e "$1" out && return 0
  echo "stdout does not match: $1"
  sed 's/^/  stdout: /' out
  return 1
}
expect_misuse() {
  [ ! -s out ] || { echo "stdout is not empty"; return 1; }
  [ "$(wc -l < err)" = 2 ] || { echo "stderr is not two lines"; cat err; return 1; }
}

# expect_no_warning: the last command's stderr has none.
expect_no_warning() {
  grep -q ': warning: ' err || return 0
  echo "stderr has a warning"
  sed 's/^/  stderr: /' err
  return 1
}

# expect_same FILE FILE: the same bytes.
expect_same() {
  cmp "$1" "$2" && return 0
  diff "$1" "$2" | head -20
  return 1
}

# near_shown FIGURE NUMBER: the figure is the number, rounded to the figure's last digit.
near_shown() {
  awk -v shown="$1" -v number="$2" 'BEGIN {
    digits = index(shown, ".") ? length(shown) - index(shown, ".") : 0
    difference = shown - number
    exit !(shown != "" && (difference < 0 ? -difference : difference) <= 0.5001 * 10 ^ -digits)
  }' && return 0
  echo "$1 is not $2, rounded"
  return 1
}

# programs: the names of all programs built.
programs() { (cd "$BIN" && ls); }

# needs PROGRAM...: skips the script where one of them is missing, a program of ours or of the system.
needs() {
  for needed in "$@"; do
    command -v "$needed" > /dev/null || skip "no $needed"
  done
}

# needs_strace: skips where nothing may be traced. A leak check, which traces too, is switched off.
needs_strace() {
  needs strace
  strace -qq -o /dev/null true 2> /dev/null || skip "strace is not allowed here"
  export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
}

# sanitized [LETTER]: whether the programs were built with the address or thread sanitizer (a or t: with this one), whose
# runtime takes memory, writes and has a long start of its own.
sanitized() { grep -aqE "__[${1:-at}]san_init" "$BIN/../libnudge.so.0"; }

skip() {
  echo "skipped: $*"
  exit 77
}

# on_terminal COMMAND...: runs it with a pseudo terminal as stdin, stdout and stderr; what it shows goes to
# stdout, and its status is that of the command.
on_terminal() {
  terminal_line=
  for word in "$@"; do
    terminal_line="$terminal_line '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"
  done
  TERM=xterm script -qefc "$terminal_line" /dev/null < /dev/null
}
