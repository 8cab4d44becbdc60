# What the system refuses while an output is written: the status tells, and nothing half-made is left. label
# stands for every program that writes records.
needs label
needs_strace

for i in 0 1 2; do
  echo "{\"id\":\"g$i/0\",\"group\":\"g$i\",\"prompt\":\"p\",\"response\":\"a\",\"reward\":1}"
  echo "{\"id\":\"g$i/1\",\"group\":\"g$i\",\"prompt\":\"p\",\"response\":\"b\",\"reward\":2}"
done > in.jsonl
label --by reward in.jsonl -o whole.zst 2> err
# Of several frames and reads, so that threads do them.
awk 'BEGIN { for (i = 0; i < 25000; ++i) for (k = 0; k < 2; ++k)
  printf "{\"id\":\"g%d/%d\",\"group\":\"g%d\",\"prompt\":\"p\",\"response\":\"answer %d to %d\",\"reward\":%d}\n", \
    i, k, i, k, i * i, k }' > many.jsonl
label --by reward many.jsonl -o many.zst 2> err

input=in.jsonl whole=whole.zst
# inject CALL ERROR N [OPTION...]: the Nth such call fails; sets $status. Afterwards the output is whole or absent.
inject() {
  rm -rf folder && mkdir folder
  set -- "$1" "$1:error=$2:when=$3" "$@"
  call=$1 fault=$2
  shift 5
  status=0
  strace -f -qq -o trace -e trace="$call" -e inject="$fault" \
    label --by reward "$input" -o folder/out.zst "$@" > out 2> err || status=$?
  if [ "$status" = 0 ]; then
    cmp folder/out.zst $whole && [ "$(ls -A folder)" = out.zst ]
  else
    [ -z "$(ls -A folder)" ] || { ls -A folder; return 1; }
  fi
}
# each CALL ERROR STATUS [OPTION...]: fails every call in turn, until the run is over before the Nth; wants STATUS,
# and that some call was reached.
each() {
  each_call=$1 each_error=$2 each_status=$3
  shift 3
  n=1
  while inject "$each_call" "$each_error" $n "$@" && grep -q INJECTED trace; do
    [ "$status" = "$each_status" ] || { echo "call $n: status $status"; cat err; return 1; }
    n=$((n + 1))
  done
  [ "$status" = 0 ] || { echo "call $n left something: status $status"; return 1; }
  [ $n -gt 1 ] || { echo "$each_call was never called"; return 1; }
}
# old_file_system [CALL]: as there are that don't know RENAME_NOREPLACE, and links neither. Whole, and nothing is
# replaced.
old_file_system() {
  rm -rf folder && mkdir folder
  strace -f -qq -o trace -e trace="renameat2${1:+,$1}" -e inject=renameat2:error=EINVAL \
    ${1:+-e} ${1:+inject="$1":error=EPERM} \
    label --by reward in.jsonl -o folder/out.zst 2> err
  grep -q 'renameat2.*INJECTED' trace
  [ -z "${1:-}" ] || grep -q "$1.*INJECTED" trace
  expect_same folder/out.zst whole.zst
  [ "$(ls -A folder)" = out.zst ]
}
syncing_a_file() {
  inject fsync EIO 1
  [ "$status" = 74 ]
  expect_stderr '^label: error: folder/out.zst: syncing failed: Input/output error$'
}
large_and_full() (
  input=many.jsonl whole=many.zst
  each pwrite64 ENOSPC 74
  [ $n -gt 4 ] || { echo "only $((n - 1)) writes: no frame was closed before the end"; return 1; }
)
# A program that is interrupted at every other call ends in the same bytes.
interrupted() {
  strace -f -qq -o trace -e trace=pwrite64 -e inject=pwrite64:error=EINTR:when=1+2 \
    label --by reward "$1" -o written.zst 2> err
  grep -q INJECTED trace
  expect_same written.zst "$2"
  # Of reads only those of the input: the loader, which reads the libraries, does not try again.
  strace -f -qq -o trace -P "$PWD/$1" -e trace=read -e inject=read:error=EINTR:when=1+2 \
    label --by reward "$1" -o read.zst 2> err
  grep -q INJECTED trace
  expect_same read.zst "$2"
  rm written.zst read.zst
}
output_is_closed() {
  # The output's close is the one after its fsync; the others belong to the loader and the input.
  rm -rf folder && mkdir folder
  strace -f -qq -o trace -e trace=close,fsync label --by reward in.jsonl -o folder/out.zst 2> err
  n=$(awk '/close/ { n++ } /fsync/ { print n + 1; exit }' trace)
  inject close EIO "$n"
  [ "$status" = 74 ]
  expect_stderr 'folder/out.zst: closing failed: Input/output error$'
}
# reading INPUT N: the Nth read of it fails.
reading() {
  strace -f -qq -o trace -P "$PWD/$1" -e trace=read -e inject=read:error=EIO:when="$2" \
    label --by reward "$1" -o folder.zst > out 2> err && return 1
  grep -q INJECTED trace
  [ ! -e folder.zst ]
  expect_stderr "^label: error: $1: reading failed: Input/output error\$"
}

ok "a disk that is full at any write gives 74 and no file" each pwrite64 ENOSPC 74
ok "so does one that is full behind a thread" large_and_full
ok "a rename that fails gives 73 and no file" each renameat2 EXDEV 73
ok "so it does with --force" each rename EXDEV 73 --force
ok "a file system without RENAME_NOREPLACE" old_file_system
ok "a file system without RENAME_NOREPLACE and links" old_file_system link
ok "a sync that fails gives 74 and no file" syncing_a_file
ok "a close that fails gives 74 and no file" output_is_closed
ok "interrupted calls change nothing" interrupted in.jsonl whole.zst
ok "nor do those of threads" interrupted many.jsonl many.zst
ok "a read that fails gives no file" reading in.jsonl 1
ok "nor does one that fails in a thread" reading many.jsonl 4
