# What goes wrong while a run is saved, and two copies of a run at once.
. "$ROOT/tests/tools/resume/cut.inc"
train() { $under sft-train --init "$TINY/base" --batch 16 --epochs 2 --lr 3e-3 "$answers" "$@"; }
train -q -o whole

# saved NAME: a run that was stopped after step 3 of 8.
saved() {
  only=$PWD/$1.m
  cut TERM write 3 train -o "$1" --metrics "$1.m"
  stopped_after "step 3"
  only=
}
goes_on() {
  train -o "$1" 2> err
  expect_stderr 'resuming after step 3 of 8'
  diff -r whole "$1"
  nothing_left "$1"
}

second_signal() {  # the first at a line of metrics, the second 0.25 s later while the stop is saved
  saved a
  under="strace -f -qq -o trace -e trace=write,fsync,mkdir -e inject=write:signal=$1:when=3"
  under="$under -e inject=mkdir:delay_exit=250000 -e inject=fsync:signal=$1:when=2"
  status_of train -o a --metrics a2.m
  under=
  [ "$status" != 75 ] && [ "$status" -gt 128 ] || { echo "status $status"; cat err; return 1; }
  [ "$(checkpoint_of a | sed 's/.*-\.//')" = 3.0.part ]
  goes_on a
  rm -r a
}
for signal in TERM INT USR1 HUP; do
  ok "a second SIG$signal while it is saved leaves the checkpoint before" second_signal $signal
done

# fails CALL ERROR: each such call in turn, while a checkpoint and then the output is made; the checkpoint before stays
# until there is another.
fails() {
  n=1
  while :; do
    rm -rf b
    saved b
    under="strace -f -qq -o trace -e trace=$1 -e inject=$1:error=$2:when=$n"
    status_of train -q -o b --save-every 8
    under=
    grep -q INJECTED trace || break
    [ "$status" = 74 ] || { echo "call $n: status $status"; cat err; return 1; }
    n=$((n + 1))
    if [ -e b ]; then  # its name could not be made sure of, and all before was
      diff -r whole b
      expect_stderr 'error: \.: syncing failed'
    elif left b | grep -q '[.]8[.]0[.]part'; then  # it was the output that could not be made
      train -o b 2> err
      expect_stderr 'resuming after step 8 of 8'
    else
      goes_on b
    fi
    train -q -o b
    diff -r whole b
    nothing_left b
  done
  [ $n -gt 3 ] || { echo "only $((n - 1)) calls"; return 1; }
}
ok "a disk that fails at any sync gives 74, and a checkpoint to go on from" fails fsync EIO
sanitized || ok "a disk that is full at any write likewise" fails write ENOSPC
no_rename() {
  saved c
  status_of strace -f -qq -o trace -e trace=renameat2 -e inject=renameat2:error=EXDEV:when=1 \
    sft-train --init "$TINY/base" --batch 16 --epochs 2 --lr 3e-3 "$answers" --save-every 1 -o c
  [ "$status" = 73 ]
  goes_on c
}
ok "so does a rename that fails" no_rename
no_exchange() {  # nor RENAME_NOREPLACE, nor links
  cat "$answers" | strace -f -qq -o trace -e trace=renameat2,link,linkat -e inject=renameat2:error=EINVAL \
    -e inject=link,linkat:error=EPERM sft-train --init "$TINY/base" --batch 16 --epochs 2 --lr 3e-3 --save-every 1 -o d
  grep -q 'link.*INJECTED' trace
  diff -r whole d
  nothing_left d
}
ok "file systems without links and exchange of names will do" no_exchange

two_copies() {  # as where a scheduler lost sight of a node: the first wakes up when the second is done
  long="sft-train --init $TINY/base --batch 1 --epochs 20 --save-every 20 $answers -q"
  $long -o single
  $long --metrics e.m -o e &
  until [ -s e.m ]; do sleep 0.01; done
  kill -STOP $!
  $long -o e
  kill -CONT $!
  wait $!
  diff -r single e
  nothing_left e
}
ok "two copies of a run both succeed" two_copies
