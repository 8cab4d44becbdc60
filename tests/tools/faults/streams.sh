# What comes through pipes and goes to places, for every program: an upstream that dies, reads that fail, a place that
# can't be written, a reader that has left where SIGPIPE is ignored.
. "$ROOT/tests/tools/faults/programs.inc"
needs label ppo-step kl-report peek zstd

# use PROGRAM OUTPUT [FILE]: it writes a file or a folder, what it reads is its stdin or FILE.
use() {
  used=$1 made=$2
  shift 2
  case $used in
    sft-train) $under sft-train -q --init "$TINY/base" -o "$made" "$@" ;;
    rm-train) $under rm-train -q --init "$TINY/base" -o "$made" "$@" ;;
    rollout) $under rollout -q --policy "$TINY/p0" --max-tokens 4 -o "$made" "$@" ;;
    score) $under score -q --reward-model "$TINY/rm" -o "$made" "$@" ;;
    label) $under label -q --by reward -o "$made" "$@" ;;
    ppo-step) $under ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 1 -o "$made" "$@" ;;
    kl-report) $under kl-report -q --html "$made" "$@" ;;
    peek) $under peek -q "$@" ;;
  esac
}
records_of() {
  case $1 in
    sft-train) echo "$TINY/answers.jsonl" ;;
    rm-train) echo "$TINY/pairs.jsonl" ;;
    rollout) echo "$TINY/prompts.jsonl" ;;
    *) echo "$TINY/scored.jsonl" ;;
  esac
}
# refuses STATUS PATTERN PROGRAM [FILE]: nothing of the output is left.
refuses() {
  rm -rf work && mkdir work
  wanted_status=$1 wanted_words=$2 program=$3
  shift 3
  status_of use "$program" work/out "$@"
  [ "$status" = "$wanted_status" ] || { echo "status $status"; cat err; return 1; }
  expect_stderr "^$program: error: $wanted_words"
  [ -z "$(ls -A work)" ] || { ls -A work; return 1; }
}

# What an upstream leaves that died within a line, and, of a stream of ours, behind a whole frame: zstd itself takes that
# for the end. The mark that opens a stream is a skippable frame: 8 bytes, the last 4 of which are the size of the rest.
score -q -z --ref "$TINY/base" "$TINY/sampled.jsonl" > marked.zst
mark=$((8 + $(od -An -tu4 -j4 -N4 marked.zst)))
within_a_line() {
  head -c $(($(wc -c < "$(records_of "$1")") - 5)) "$(records_of "$1")" > cut
  refuses 65 'stdin: after record [0-9]+, byte [0-9]+: the input ends in the middle of a line' "$1" < cut
}
behind_a_frame() {
  { head -c $mark marked.zst; zstd -qc "$(records_of "$1")"; } > cut
  zstdcat cut | cmp - "$(records_of "$1")"
  refuses 65 'stdin: .*incomplete: the end mark is missing' "$1" < cut
}
# read_fails PROGRAM INPUT ERROR: the first read of its input.
read_fails() {
  under="strace -f -qq -o trace -P $2 -e trace=read,pread64 -e inject=read,pread64:error=EIO:when=1"
  refuses 74 "$2: reading failed: Input/output error" "$1" "$2"
  under=
  grep -q INJECTED trace
}
# Some bytes of each read alone, and each second one interrupted: the same output.
read_shortly() {
  rm -rf work && mkdir work
  use "$1" work/whole "$2"
  (split -b 37 --filter='cat; sleep 0.001' "$2") | use "$1" work/pieces
  diff -r work/whole work/pieces
  under="strace -f -qq -o trace -P $2 -e trace=read -e inject=read:error=EINTR:when=1+2"
  use "$1" work/interrupted "$2"
  under=
  grep -q INJECTED trace
  diff -r work/whole work/interrupted
}
# No such folder, and one in a file system that is read-only: told before the input, which is at fault too, is looked at.
no_place() {
  echo '{' > bad.jsonl
  expect_status 73 use "$1" nowhere/out bad.jsonl
  expect_stderr "^$1: error: nowhere[^ ]*: "
}
cat > on_read_only.sh <<'END_OF_SCRIPT'
unshare -rm sh -c 'mount -t tmpfs -o ro none small && exec "$@"' sh "$@"
END_OF_SCRIPT
read_only() {
  echo '{' > bad.jsonl
  under="sh on_read_only.sh"
  expect_status 73 use "$1" small/out bad.jsonl
  under=
  expect_stderr "^$1: error: small/[^ ]*: .*(Read-only file system|not a writable folder)"
}
left_and_ignored() {
  rm -f pipe && mkfifo pipe
  : < pipe &
  exec 3> pipe
  wait $!
  status=0
  (trap '' PIPE; "$@") >&3 2> err || status=$?
  exec 3>&-
  [ "$status" = 141 ] && [ ! -s err ] || { echo "status $status"; cat err; return 1; }
}

for p in $writers kl-report peek; do
  ok "$p: an upstream that died within a line" within_a_line $p
  ok "$p: an upstream that died behind a whole frame" behind_a_frame $p
  [ $p = peek ] || ok "$p: a folder that is missing" no_place $p
done
ok "rollout: a reader that has left, SIGPIPE ignored" \
  left_and_ignored rollout -q --policy "$TINY/p0" --max-tokens 4 "$TINY/prompts.jsonl"
ok "score: a reader that has left, SIGPIPE ignored" left_and_ignored score -q --reward-model "$TINY/rm" "$TINY/sampled.jsonl"
ok "peek: a reader that has left, SIGPIPE ignored" left_and_ignored peek -q "$TINY/scored.jsonl"

# A rollout is killed behind its first three answers. Marked, they are refused; plain, score takes them for all there
# is, and only the rollout's own status tells (pipefail).
killed_upstream() {
  rm -rf work prompts between && mkdir work && mkfifo prompts between
  : > passed
  rollout -q "$@" --policy "$TINY/p0" --max-tokens 4 prompts > between &
  upstream=$!
  tee passed < between | score -q --ref "$TINY/base" -o work/out 2> err &
  reader=$!
  exec 9> prompts
  head -n 3 "$TINY/prompts.jsonl" >&9
  i=0
  until [ "$({ zstd -dcfq passed 2> /dev/null || true; } | wc -l)" = 3 ]; do
    i=$((i + 1))
    [ $i -lt 200 ] || { echo "three answers never came"; return 1; }
    sleep 0.05
  done
  kill -KILL $upstream
  exec 9>&-
  status=0
  wait $upstream || status=$?
  [ $status = 137 ]
  status=0
  wait $reader || status=$?
}
killed_marked() {
  killed_upstream -z
  [ $status = 65 ] || { echo "status $status"; cat err; return 1; }
  expect_stderr '^score: error: stdin: .*incomplete: the end mark is missing'
  [ -z "$(ls -A work)" ]
}
killed_plain() {
  killed_upstream
  [ $status = 0 ] || { echo "status $status"; cat err; return 1; }
  holds work/out 'length == 3'
}
ok "a rollout -z that is killed at a line's end is refused" killed_marked
ok "a plain one can't be told by its reader" killed_plain
(needs_small_disk) > skipped && for p in $writers kl-report; do
  ok "$p: a read-only folder" read_only $p
done
(needs_strace) >> skipped && needs_strace && for p in $writers kl-report peek; do
  ok "$p: a read that fails" read_fails $p "$(records_of $p)"
done
(needs_strace) > /dev/null && for p in $writers; do ok "$p: short and interrupted reads" read_shortly $p "$(records_of $p)"; done
cat skipped
