# Misuse is 64 and says why.
misuse() {
  expect_status 64 awk -f "$ROOT/docs/demo/reviews.awk" "$@"
  expect_stderr '^reviews.awk: '
  [ ! -s out ]
}
ok 'an unknown mode' misuse -v mode=poems
ok 'an unknown part' misuse -v part=test
ok 'no record' misuse -v n=0
ok 'too many records' misuse -v n=100001
ok 'a count that is no number' misuse -v n=many
ok 'a seed that is no number' misuse -v seed=x
ok 'a seed too large' misuse -v seed=1000001
