# make install and uninstall, from the tree as it is built.
. "$ROOT/tests/tools/tiny.inc"
. "$ROOT/tests/tools/make/make.inc"
# Installing from a tree that isn't up to date would build here what another make may be building.
in_tree -q all || skip "the tree is not built to the end"
install_at() { in_tree V=1 install "DESTDIR=$PWD/$1" PREFIX=/usr > log 2>&1 || { tail -n 5 log; return 1; }; }
usr=$PWD/dest/usr

ls -l --time-style=full-iso "$BUILD/libnudge.so.0" "$BIN" > before
ok "make install succeeds" install_at dest
rebuilds_nothing() {
  ls -l --time-style=full-iso "$BUILD/libnudge.so.0" "$BIN" | cmp - before
  ! grep -E ' -c | -o ' log || return 1
}
ok "it builds nothing that exists already, from the same inputs" rebuilds_nothing
programs_run() {
  [ "$(ls "$usr/bin")" = "$(programs)" ]
  for p in $(programs); do "$usr/bin/$p" --version | cmp - "$p.version"; done
}
for p in $(programs); do "$p" --version > "$p.version"; done
ok "all programs are there and run" programs_run
pages() {
  for p in $(programs); do "$p" --man | cmp - "$usr/share/man/man1/$p.1"; done
  [ "$(ls "$usr/share/man/man1" | wc -l)" = "$(programs | wc -l)" ]
}
ok "all man pages are there" pages
completions() {
  for p in $(programs); do
    "$p" --completion bash | cmp - "$usr/share/bash-completion/completions/$p"
    "$p" --completion zsh | cmp - "$usr/share/zsh/site-functions/_$p"
  done
}
ok "all completions are there" completions
headers() { (cd "$ROOT" && ls lib/*/*.h) > expected; (cd "$usr/include/nudge" && ls lib/*/*.h) | cmp - expected; }
ok "the library's headers are there under their paths" headers
ranks() {  # the library for MPI is found where it is installed
  [ -e "$BUILD/libnudge-mpi.so" ] || return 0
  expect_status 66 env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
    "$usr/bin/sft-train" --init nowhere --ranks 1 /dev/null -o no
}
ok "--ranks finds its library" ranks
modes() { [ -z "$(find "$usr" -type f ! -perm -a=r)$(find "$usr/bin" -type f ! -perm -a=x)" ]; }
ok "everybody may read the files and run the programs" modes
small() { [ "$(du -sk "$usr" | cut -f 1)" -lt 10240 ] || { du -sh "$usr"/*; return 1; }; }
sanitized || ok "all of it is less than 10 MB" small
builds_against() {
  needs pkg-config
  cat > use.cc <<'END'
#include <cstdio>
#include "lib/io/record.h"
#include "lib/kernels/kernels.h"
int main() {
  const nudge::Record r = nudge::Record::parse("{\"x\":[3,4]}", "here");
  std::printf("%g\n", static_cast<double>(nudge::kernels().sum_squares(r.reals("x").data(), 2)));
}
END
  with_installed use.cc -o use
  [ "$(LD_LIBRARY_PATH="$usr/lib" ./use)" = 25 ]
}
# with_installed ARGUMENTS...: compiles by what pkg-config says of the installed library, moved to where it lies.
with_installed() {
  # shellcheck disable=SC2046,SC2086
  PKG_CONFIG_PATH="$usr/lib/pkgconfig" ${CXX:-g++} -std=c++20 ${CXXFLAGS:-} "$@" \
    $(PKG_CONFIG_PATH="$usr/lib/pkgconfig" pkg-config --define-variable=prefix="$usr" --cflags --libs nudge) ${LDFLAGS:-}
}
ok "a program builds against the installed library and runs" builds_against
version() {
  [ "nudge $(PKG_CONFIG_PATH="$usr/lib/pkgconfig" pkg-config --modversion nudge)" = "$(peek --version | sed -n '1s/.*(\(nudge\)) /\1 /p')" ]
}
ok "nudge.pc has the programs' version" version
library_page() {
  page=$usr/share/doc/nudge/docs/library.md
  sed -n 's/^| `\(lib[^`]*\.h\)`.*/\1/p' "$page" > public
  [ "$(wc -l < public)" -gt 15 ]
  sed 's/.*/#include "&"/' public > all.cc
  with_installed -fsyntax-only all.cc
  sed -n '/^```cpp/,/^```/{/^```/!p}' "$page" > page.cc
  with_installed page.cc -o page
  [ "$(LD_LIBRARY_PATH="$usr/lib" ./page "$TINY/p0" "$TINY/scored.jsonl")" = "$(jq -s 'map(.logprobs | length) | add' "$TINY/scored.jsonl" | sed 's/.*/& of & log-probs are the same/')" ]
}
ok "the public headers of docs/library.md are there, and its program builds" library_page
documents() { (cd "$ROOT" && find README.md LICENSE docs -type f | sort) > expected
  (cd "$usr/share/doc/nudge" && find . -type f | sed 's|^./||' | sort) | cmp - expected; }
ok "the documents are there" documents

uninstalls() {
  in_tree uninstall "DESTDIR=$PWD/dest" PREFIX=/usr
  [ -z "$(find dest -type f -o -type l)" ] || { find dest -type f -o -type l; return 1; }
  [ ! -e dest/usr/include/nudge ]
}
ok "make uninstall leaves nothing" uninstalls
named_with_spaces() {  # a word of the name may be a folder of its own, which isn't ours
  mkdir a && echo mine > a/mine
  install_at "a b'c"
  "a b'c/usr/bin/peek" --version | cmp - peek.version
  in_tree uninstall "DESTDIR=$PWD/a b'c" PREFIX=/usr
  [ -z "$(find "a b'c" -type f -o -type l)" ] || { find "a b'c" -type f -o -type l; return 1; }
  in_tree uninstall DESTDIR= "PREFIX=$PWD/a b'c/usr"
  [ "$(cat a/mine)" = mine ]
}
ok "install and uninstall take a folder whose name has spaces" named_with_spaces
spares_others() {
  install_at again
  echo mine > again/usr/bin/mine
  echo mine > again/usr/include/mine.h
  in_tree uninstall "DESTDIR=$PWD/again" PREFIX=/usr
  [ "$(find again -type f -o -type l | sort)" = "$(printf 'again/usr/bin/mine\nagain/usr/include/mine.h')" ]
}
ok "make uninstall leaves what others put there" spares_others
