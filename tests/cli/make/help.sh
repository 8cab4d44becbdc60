# What `make help` lists, and that a tree that is built stays as it is.
. "$ROOT/tests/cli/make/make.inc"
in_tree help > help

names_all() {  # but those that only other targets and scripts ask for
  sed -n 's/^\.PHONY: //p' "$ROOT/Makefile" | tr ' ' '\n' | grep -vxE 'man|test-programs|print-build' > targets
  [ "$(wc -l < targets)" -ge 10 ]
  while read -r target; do grep -Eq "^$target  +[^ ]" help || { echo "not listed: $target"; return 1; }; done < targets
}
ok "make help has every target, with words" names_all
names_nothing_else() {
  awk '!/^variables: / { print $1 }' help > listed
  while read -r target; do
    grep -q "^\.PHONY:.* $target\( \|$\)" "$ROOT/Makefile" || { echo "no target: $target"; return 1; }
  done < listed
}
ok "make help lists targets only" names_nothing_else
commented() { [ "$(grep -cE '^[a-z-]+:.*## ' "$ROOT/Makefile")" = "$(grep -cv '^variables: ' help)" ]; }
ok "every target with a ## comment is in make help" commented
variables() {
  for name in $(sed -n 's/^variables: \(.*\) (.*/\1/p' help | tr ' ' '\n' | sed 's/=.*//'); do
    grep -Eq "\\\$\($name\)" "$ROOT/Makefile" || { echo "not used: $name"; return 1; }
  done
}
ok "the variables in make help are used" variables
nothing_to_do() { expect_status 0 in_tree -q all; }
ok "a tree that is built needs nothing" nothing_to_do
layers() { in_tree check-layers; }
ok "make check-layers is content" layers
job_count() {  # what check hands on: nothing where -j was given, all processors elsewhere
  in_tree -n -j3 check > jobs 2>&1
  grep -q 'no-print-directory  *all test-programs' jobs || { cat jobs; return 1; }
  in_tree -n check > jobs 2>&1
  grep -q "no-print-directory -j$(nproc) all test-programs" jobs || { cat jobs; return 1; }
}
ok "-j is the caller's where it was given" job_count
