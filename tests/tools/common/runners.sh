# That the runners of the tests fail where they should: no programs, a crash, nothing to run.
cli="$ROOT/tests/tools/run.sh" all="$ROOT/tests/run.sh"

no_build() {
  expect_status 66 sh "$cli" nowhere 'nothing/*'
  mkdir hollow  # without bin/
  expect_status 66 sh "$cli" hollow 'nothing/*'
}
ok "a build folder without programs is refused" no_build

program() { mkdir -p b/bin && printf '#!/bin/sh\n%s\n' "$2" > "b/test-$1" && chmod +x "b/test-$1"; }
good() {
  program good 'echo "2 passed, 0 failed, 1 skipped"'
  expect_status 0 sh "$all" b "none/*"
  [ "$(tail -n 1 out)" = "2 passed, 0 failed, 1 skipped" ]
}
ok "counts are added up" good
crash() {
  program crash 'kill -SEGV $$'
  expect_status 1 sh "$all" b "none/*"
  [ "$(tail -n 1 out)" = "2 passed, 1 failed, 1 skipped" ]
  expect_stdout '^test-crash: ended with status 139 and no count$'
}
ok "a test program that crashes counts as a failure" crash
failing() {
  rm b/test-crash
  program failing 'echo "3 passed, 1 failed, 0 skipped"; exit 1'
  expect_status 1 sh "$all" b "none/*"
  [ "$(tail -n 1 out)" = "5 passed, 1 failed, 1 skipped" ]
}
ok "a test program that fails counts what it says" failing
silent() {
  rm b/test-failing
  program silent :
  expect_status 1 sh "$all" b "none/*"
  [ "$(tail -n 1 out)" = "2 passed, 1 failed, 1 skipped" ]
}
ok "a test program without a count is a failure" silent
oracle() {
  rm b/test-silent
  program skipping 'echo "skipped: one (no oracle folder)"; echo "0 passed, 0 failed, 1 skipped"'
  expect_status 0 sh "$all" b "none/*"
  [ "$(tail -n 1 out)" = "2 passed, 0 failed, 2 skipped" ]
  expect_stdout '^1 tests skipped: no oracle folder'
}
ok "what the oracle's absence skips is said" oracle
script() {  # of the programs' tests: a copy of the tree's runner with scripts of its own
  mkdir -p tree/tests/tools/area && cp "$ROOT"/tests/tools/*.sh tree/tests/tools
  printf 'ok "it is" true
ok "it is not" false
' > tree/tests/tools/area/mixed.sh
  printf 'echo once
' > tree/tests/tools/area/whole.sh && echo once > tree/tests/tools/area/whole.out
  printf 'skip "not here"
' > tree/tests/tools/area/skips.sh
  expect_status 1 sh tree/tests/tools/run.sh b
  [ "$(tail -n 1 out)" = "2 passed, 1 failed, 1 skipped" ]
  expect_stdout '^  failed: it is not$'
  expect_status 0 sh tree/tests/tools/run.sh b 'area/whole'
  echo more > tree/tests/tools/area/whole.out
  expect_status 1 sh tree/tests/tools/run.sh b 'area/whole'
  expect_stdout 'stdout differs from tests/tools/area/whole.out'
  echo 'kill -KILL $PPID $(ps -o ppid= -p $PPID)' > tree/tests/tools/area/whole.sh
  expect_status 1 sh tree/tests/tools/run.sh b 'area/whole'
  expect_stdout 'area/whole ended without a count'
}
ok "scripts count their cases, what they print, and their death" script
none() {
  mkdir empty
  expect_status 1 sh "$all" empty
  expect_stdout 'no test programs in empty'
}
ok "no test programs are a failure" none
