# No program writes outside of its outputs: every file and folder that the programs of an iteration open for writing,
# make, rename or remove lies in the outputs' folder.
. "$ROOT/tests/tools/faults/programs.inc"
needs kl-report peek
needs_strace

calls=open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink
calls=$calls,symlinkat,truncate,chmod,fchmodat,chown,mknod,mknodat
unchanged=' = -1 |O_RDONLY|/tmp/tsan\.rodata\.'  # the last is the thread sanitizer's own
# within COMMAND...: traces it, and looks at the names in those calls that change something and succeed; what is told by
# a folder's descriptor is put together. A device is no file.
within() {
  strace -f -y -qq -o trace -e trace=$calls "$@" > out 2> err || { cat err; return 1; }
  grep -vE "$unchanged" trace | sed -E 's/\(AT_FDCWD<[^>]*>, /(/g; s/(at2?)\([0-9]+<([^>]*)>, "/\1("\2\//g' |
    grep -oE '"[^"]*"' | tr -d '"' | sed "s|^$PWD/||" | sort -u > names
  grep -q '^work/' names || { echo "nothing was written"; cat trace; return 1; }
  if grep -vE '^work/|^/dev/(null|tty)$' names; then return 1; fi
}
writes() {
  mkdir -p work
  rm -rf work/*
  under="within" && make_output "$1" work/out
}
for p in $writers; do ok "$p" writes $p; done
trains_on() {  # with checkpoints, over an older folder, and metrics
  rm -rf work/*
  cp -r "$TINY/p0" work/out
  within ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --save-every 1 --metrics work/metrics.jsonl --force \
    "$TINY/scored.jsonl" -o work/out
}
ok "ppo-step with checkpoints and metrics" trains_on
reports() {
  rm -rf work/*
  within kl-report -q --old "$TINY/p0" --new "$TINY/base" --html work/page.html "$TINY/scored.jsonl"
}
ok "kl-report" reports
looks() {
  strace -f -qq -o trace -e trace=$calls peek "$TINY/scored.jsonl" > out
  if grep -vE "$unchanged" trace; then return 1; fi
}
ok "peek, nowhere" looks
