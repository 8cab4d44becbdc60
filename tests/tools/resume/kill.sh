# Killed (-9) at each system call that changes what is on the disk, a run leaves nothing that the next one trips over.
. "$ROOT/tests/tools/resume/cut.inc"
train() { cat "$answers" | $under sft-train -q --init "$TINY/base" --batch 32 --save-every 1 "$@"; }
calls=mkdir,renameat2,rename,unlinkat,unlink,rmdir,fsync,link
train -o whole

# killed_at_each NAME COMMAND...: at the first such call, then at the second, and so on until it gets through.
killed_at_each() {
  name=$1
  shift
  n=1
  while :; do
    cut KILL $calls $n "$@"
    [ "$status" != 0 ] || break
    n=$((n + 1))
    # At every moment the name stands for a whole folder, the old one or the new one.
    [ -z "${start:-}" ] || diff -r "$start" "$name" > differences || diff -r whole "$name"
    [ -n "${start:-}" ] || [ ! -e "$name" ] || diff -r whole "$name"
    "$@"
    diff -r whole "$name"
    nothing_left "$name"
    rm -r "$name"
    [ -z "${start:-}" ] || cp -r "$start" "$name"
  done
  [ $n -gt "${least:-20}" ] || { echo "only $n calls"; return 1; }
}
once_more() { killed_at_each a train -o a; }
ok "a new folder, records from a pipe" once_more
replacing() {
  cp -r "$TINY/p0" b
  start=$TINY/p0 killed_at_each b train -o b --force
}
ok "in the place of another" replacing
