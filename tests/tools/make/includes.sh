# tests/includes.awk: what make check-clang finds where clang, to which all standard headers are known, can't.
mkdir -p lib/a
printf '#include <vector>\n' > lib/a/reached.h
check() { awk -f "$ROOT/tests/includes.awk" lib/a/*; }
found() {  # PATTERN
  expect_status 1 check
  expect_stdout "$1"
  [ "$(wc -l < out)" = 1 ]
}
missing() {
  printf '#include "lib/a/reached.h"\nstd::vector<int> v;\nvoid f() { std::sort(v.begin(), v.end()); }\n' > lib/a/one.cc
  found '^lib/a/one.cc:3: std::sort needs #include <algorithm>$'
}
unknown() {
  printf 'std::novelty n;\n' > lib/a/one.cc
  found '^includes.awk: lib/a/one.cc:1: std::novelty is not in its table$'
}
none() {
  printf '#include <algorithm>\n\n#include "lib/a/reached.h"\nint n = std::max(1, 2);  // std::map\n' > lib/a/one.cc
  expect_status 0 check
  [ ! -s out ]
}
ok "a name of std whose header is neither included nor reached is refused, with its line" missing
ok "a name that isn't in its table is refused" unknown
ok "what is included, here or by a header of ours, and comments are not" none
