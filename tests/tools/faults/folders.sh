# A model folder is published: all of it is on the disk before its name is, and an older one is replaced whole, also
# where the file system can't swap two names.
. "$ROOT/tests/tools/tiny.inc"
needs sft-train
needs_strace

train="sft-train -q --init $TINY/base $TINY/answers.jsonl"
$train -o whole

synced_before_the_rename() {
  rm -rf made
  strace -f -y -qq -o trace -e trace=fsync,rename,renameat2 $train -o made
  sed '/rename/q' trace > before
  (cd made && find . -type f -o -type d) | sed 's|^\./||' > names
  while read -r name; do
    [ "$name" != . ] && name=/$name || name=
    grep -Eq "fsync\([0-9]+<[^>]*/\.made\.[^/>]*$name>" before && continue
    echo "made$name was not synced"
    cat before
    return 1
  done < names
}
# The first swap of two names is refused; then, N of the renames in its place fails as well (0: none).
without_a_swap() {
  rm -rf old && cp -r "$TINY/p0" old
  expect_status "$2" strace -f -qq -o trace -e trace=renameat2,rename -e inject=renameat2:error=EINVAL \
    ${3:+-e} ${3:+inject=rename:error=EIO:when=$3} \
    $train -o old --force
  grep -q 'renameat2.*INJECTED' trace
  diff -r old "$1"
  [ -z "$(ls -d .old* 2> /dev/null)" ] || { ls -d .old*; return 1; }
}
ok "files and folders are synced before the name stands for them" synced_before_the_rename
ok "without a swap the new folder stands, and nothing of the old" without_a_swap whole 0
ok "without a swap, and the first rename fails" without_a_swap "$TINY/p0" 74 1
ok "without a swap, and the second rename fails" without_a_swap "$TINY/p0" 74 2
