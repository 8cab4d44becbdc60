# What `make help` lists, and that a tree that is built stays as it is.
. "$ROOT/tests/tools/make/make.inc"
in_tree help > help

names_all() {  # but those that only other targets and scripts ask for
  sed -n 's/^\.PHONY: //p' "$ROOT/Makefile" | tr ' ' '\n' | grep -vxE 'man|completions|test-programs|print-build|fuzz-program|syntax|compile_commands.json' > targets
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
commented() { [ "$(grep -cE '^[a-z0-9_-]+:.*## ' "$ROOT/Makefile")" = "$(grep -cv '^variables: ' help)" ]; }
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
folder_of_flags() {  # what objects are built with names their folder
  folder=$(in_tree -s print-build)
  for change in CXX=clang++-14 CXXFLAGS=-O0 LEVELFLAGS=-O1 LDFLAGS=-s level_flags=-O3 test_flags=-O0 \
    march_v3=-march=haswell march_v4=-march=icelake-server; do
    [ "$(in_tree -s print-build "$change")" != "$folder" ] || { echo "the same folder with $change"; return 1; }
  done
  [ "$(in_tree -s print-build)" = "$folder" ]
}
ok "other flags have another folder of objects" folder_of_flags
without_apt() {  # what deps.sh says where there is none; every program but the compiler is a stand-in
  mkdir stand-ins
  for p in pkg-config zstd jq man mandoc strace column script c++; do
    printf '#!/bin/sh\n[ "${1-}" != fail ]\n' > stand-ins/$p
    chmod +x stand-ins/$p
  done
  expect_status 0 env "PATH=$PWD/stand-ins" "CXX=c++" /bin/sh "$ROOT/tests/deps.sh"
  expect_status 1 env "PATH=$PWD/stand-ins" "CXX=c++ fail" /bin/sh "$ROOT/tests/deps.sh"
  expect_stderr 'no apt here; install .* doctest-dev '
  expect_status 1 env "PATH=$PWD/stand-ins" CXX=absent /bin/sh "$ROOT/tests/deps.sh"
}
ok "deps.sh asks for doctest where there is no apt" without_apt
known_packages() {  # what deps.sh and the targets beyond it name, to an apt that has its lists
  ls /var/lib/apt/lists/*_Packages* > lists 2> /dev/null || return 0
  { sed -n "/^packages='/,/'$/p" "$ROOT/tests/deps.sh" | sed "s/^packages='//; s/'$//"
    sed -n 's/.*tests\/deps.sh //p' "$ROOT/Makefile"; } | tr ' ' '\n' | sort -u > named
  [ "$(wc -l < named)" -ge 25 ]
  while read -r package; do
    apt-cache show "$package" > shown 2>&1 || { echo "not in this release: $package"; return 1; }
  done < named
}
ok "the packages that targets ask for are in this release" known_packages
fuzzing() {
  in_tree -n fuzz TIME=7 FUZZ='mark text' > commands 2>&1
  grep -E 'tests/fuzz/run.sh .*/fuzz 7 mark text$' commands
}
ok "make fuzz takes TIME and FUZZ" fuzzing
job_count() {  # what check hands on: nothing where -j was given, all processors elsewhere
  in_tree -n -j3 check > jobs 2>&1
  grep -q 'no-print-directory  *all test-programs' jobs || { cat jobs; return 1; }
  in_tree -n check > jobs 2>&1
  grep -q "no-print-directory -j$(nproc) all test-programs" jobs || { cat jobs; return 1; }
}
ok "-j is the caller's where it was given" job_count
