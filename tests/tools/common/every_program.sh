# What holds for every program that is built.
[ -n "$(programs)" ] || skip "no programs"

# option_rows PROGRAM: a line for each option or argument of its help: names, placeholder, help with its facts.
option_rows() {
  "$1" --help | awk '/^  (-|    --)/ { if (row) print row; row = $0; next }
                     /^                            [^ ]/ { row = row " " $0; next }
                     { if (row) print row; row = "" } END { if (row) print row }'
}
long_options() { option_rows "$1" | sed -n 's/^ *\(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p'; }

help_is_good() {
  expect_status 0 "$1" --help
  [ ! -s err ]
  expect_stdout "^usage: $1 "
  expect_stdout "^Example: "
  [ "$(awk 'length > 80 && !/^  [a-z]/' out | wc -l)" = 0 ] || { echo "wide lines"; return 1; }
  cp out long
  "$1" -h | cmp - long
  for option in --help --version --man --quiet --verbose; do
    long_options "$1" | grep -qx -e "$option"
  done
  [ "$(long_options "$1" | sort | uniq -d)" = "" ]
}
example_is_real() {  # it names the program itself
  "$1" --help | sed -n '/^Example/,$p' | grep -Eq "^  (.*[ |])?$1 "
}
version_is_good() {
  expect_status 0 "$1" --version
  [ ! -s err ]
  expect_stdout "^$1 \(nudge\) [0-9]+\.[0-9]+\.[0-9]+$"
  expect_stdout '^kernels: '
  expect_stdout '^threads: [1-9][0-9]*$'
}
man_lists_the_options() {
  expect_status 0 "$1" --man
  [ ! -s err ]
  for option in $(long_options "$1"); do
    n=$(grep -c -F -e "\\fB$(echo "$option" | sed 's/-/\\-/g')\\fR" out) || true
    [ "$n" -ge 1 ] || { echo "$option is not in the page"; return 1; }
  done
  for status in 0 64 65 66 70 71 73 74 $([ "$1" != label ] || echo 75); do grep -qx "$status" out; done
}
man_renders() {
  "$1" --man > page.1
  MANWIDTH=80 man --warnings -l page.1 > rendered 2> complaints
  [ ! -s complaints ] || { cat complaints; return 1; }
  grep -q "EXIT STATUS" rendered
}
mandoc_is_content() {
  "$1" --man > page.1
  mandoc -Tlint -W style page.1 | grep -v 'referenced manual not found' > complaints || true
  [ ! -s complaints ] || { cat complaints; return 1; }
}
# Of a job that was given some of the machine's processors the others aren't its own.
threads_are_those_given() {
  first=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
  (unset OMP_NUM_THREADS; expect_status 0 taskset -c "$first" "$1" --version; expect_stdout '^threads: 1$')
  OMP_NUM_THREADS=999999999999 expect_status 0 "$1" --version
  expect_stdout '^threads: 1024$'
  OMP_NUM_THREADS=3,2 expect_status 0 taskset -c "$first" "$1" --version
  expect_stdout '^threads: 3$'
}
unknown_option_is_misuse() {
  expect_status 64 "$1" --no-such-option
  expect_misuse
  expect_stderr "^$1: error: unknown option --no-such-option$"
  expect_stderr "^$1: hint: "
}
missing_value_is_misuse() {
  for option in $(option_rows "$1" | sed -n 's/^ *\(-., \)\{0,1\}\(--[a-z0-9-]*\) [^ ].*/\2/p'); do
    case $(option_rows "$1" | grep -e "$option ") in *"$option  "*) continue ;; esac  # a flag
    expect_status 64 "$1" "$option"
    expect_misuse
    expect_stderr "needs a value"
  done
}
full_disk_is_noticed() { expect_status 74 sh -c "$1 --help > /dev/full"; }

# beyond PROGRAM: "OPTION VALUE" a line, a value below or above each bound that the help shows.
beyond() {
  option_rows "$1" | awk '
    { name = $1; if (name ~ /,$/) name = $2
      if (match($0, /[0-9.e+-]+ <=? [NX]/)) {
        split(substr($0, RSTART, RLENGTH), part, " ")
        printf "%s %.17g\n", name, part[2] == "<" ? part[1] : part[1] - 1 }
      if (match($0, /[NX] <=? [0-9.e+-]+/)) {
        split(substr($0, RSTART, RLENGTH), part, " ")
        printf "%s %.17g\n", name, part[2] == "<" ? part[3] : part[3] + 1 } }'
}
bounds_hold() {
  beyond "$1" > bounds
  while read -r option value; do
    case $option in --*) set -- "$1" "$option=$value" ;; *) set -- "$1" "$option" "$value" ;; esac
    expect_status 64 "$@" < /dev/null
    expect_misuse
    expect_stderr "error: $option: .*(out of bounds|is not a whole number|beyond the range)"
    set -- "$1"
  done < bounds
}

for p in $(programs); do
  ok "$p: --help is on stdout, names each option once and ends with an example" help_is_good "$p"
  ok "$p: the example uses the program" example_is_real "$p"
  ok "$p: --version tells version, kernels and threads" version_is_good "$p"
  ok "$p: it takes the processors and threads that it is given" threads_are_those_given "$p"
  ok "$p: the man page has every option and status" man_lists_the_options "$p"
  ok "$p: an unknown option is misuse" unknown_option_is_misuse "$p"
  ok "$p: an option without its value is misuse" missing_value_is_misuse "$p"
  ok "$p: bounds are enforced" bounds_hold "$p"
  [ ! -e /dev/full ] || ok "$p: a full disk behind --help is noticed" full_disk_is_noticed "$p"
  ok_with man "$p: man renders the page without a warning" man_renders "$p"
  ok_with mandoc "$p: mandoc finds nothing in the page" mandoc_is_content "$p"
done
