# That the runners of the tests fail where they should: no programs, a crash, nothing to run.
cli="$ROOT/tests/tools/run.sh" all="$ROOT/tests/run.sh"

no_build() {
  expect_status 66 sh "$cli" nowhere 'nothing/*'
  mkdir hollow  # without bin/
  expect_status 66 sh "$cli" hollow 'nothing/*'
}
ok "a build folder without programs is refused" no_build

program() { mkdir -p b && printf '#!/bin/sh\n%s\n' "$2" > "b/test-$1" && chmod +x "b/test-$1"; }
good() {
  program good 'echo "2 passed, 0 failed, 1 skipped"'
  expect_status 0 sh "$all" b
  [ "$(tail -n 1 out)" = "2 passed, 0 failed, 1 skipped" ]
}
ok "counts are added up" good
crash() {
  program crash 'kill -SEGV $$'
  expect_status 1 sh "$all" b
  [ "$(tail -n 1 out)" = "2 passed, 1 failed, 1 skipped" ]
  expect_stdout '^test-crash: ended with status 139 and no count$'
}
ok "a test program that crashes counts as a failure" crash
failing() {
  rm b/test-crash
  program failing 'echo "3 passed, 1 failed, 0 skipped"; exit 1'
  expect_status 1 sh "$all" b
  [ "$(tail -n 1 out)" = "5 passed, 1 failed, 1 skipped" ]
}
ok "a test program that fails counts what it says" failing
silent() {
  rm b/test-failing
  program silent :
  expect_status 1 sh "$all" b
  [ "$(tail -n 1 out)" = "2 passed, 1 failed, 1 skipped" ]
}
ok "a test program without a count is a failure" silent
none() {
  mkdir empty
  expect_status 1 sh "$all" empty
  expect_stdout 'no test programs in empty'
}
ok "no test programs are a failure" none
