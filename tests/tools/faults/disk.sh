# A disk that is full, a file that may not grow, calls that fail: 74 or 73, no output, nothing left; with room, the
# same bytes. tests/tools/faults/writing.sh has label's calls one by one.
. "$ROOT/tests/tools/faults/programs.inc"

# fails_cleanly PROGRAM OUTPUT STATUS: after a run that ended so: it says what of the output failed, and nothing is left.
fails_cleanly() {
  [ "$3" = 74 ] || [ "$3" = 73 ] || { echo "status $3"; cat err; return 1; }
  expect_stderr "^$1: error: ${2%/*}/\.?${2##*/}[^ ]*: "
  [ -z "$(ls -A "${2%/*}")" ] || { ls -lA "${2%/*}"; return 1; }
}
# limited PROGRAM: no file over N KiB, N growing until it suffices.
limited() {
  prepare "$1"
  kib=0 refused=0
  while under="prlimit --fsize=$((kib * 1024))" && ended=0 &&
    { (make_output "$1" "$output") 2>&1 || echo "status $?"; } | cat > err && grep -q '^status' err; do
    fails_cleanly "$1" "$output" "$(sed -n 's/^status //p' err)"
    refused=$((refused + 1)) kib=$((kib * 5 / 4 + 1))
  done
  [ $refused -ge 1 ]
  is_one_of "$output" "$whole"
  is_alone "$output"
}
# on_full_disk PROGRAM: in a file system with N pages left, N growing until they suffice.
on_full_disk() {
  prepare "$1"
  output=small/$output pages=0 refused=0
  while on_small_disk $pages refuses_on_disk "$1"; do
    refused=$((refused + 1)) pages=$((pages * 5 / 4 + 1))
  done
  [ "$(cat said)" = whole ] || { echo "with $pages pages:"; cat said; return 1; }
  [ $refused -ge 1 ]
}
# The part of it within: true where there was too little room.
refuses_on_disk() {
  mkdir small/work
  status_of make_output "$1" "$output"
  if [ "$status" = 0 ]; then
    { is_one_of "$output" "$whole" && is_alone "$output" && echo whole; } > said
    return 1
  fi
  fails_cleanly "$1" "$output" "$status" > said
}
# each PROGRAM CALL ERROR STEP: the Nth such call fails, every STEP-th in turn until the run is over before. What failed
# and was not of the output may leave it whole, or be the loader's, which closes libraries before there is a program.
each() {
  prepare "$1"
  n=1 failures=0
  while under="strace -f -qq -o trace -e trace=$2 -e inject=$2:error=$3:when=$n" &&
    status_of make_output "$1" "$output" && grep -q INJECTED trace; do
    if grep -q 'error: work: syncing failed' err && [ "$status" = 74 ]; then
      is_one_of "$output" "$whole"  # after the rename: it is there, but perhaps not for good
      rm -rf "$output"
    elif grep -q 'error: stdout: ' err && [ "$status" = 74 ]; then
      is_one_of "$output" "$whole"  # that is closed last of all
      rm -rf "$output"
    elif [ "$2/$status" = close/127 ]; then
      is_one_of "$output" absent
    elif [ "$2/$status" = close/0 ]; then
      is_one_of "$output" "$whole"
      rm -rf "$output"
    else
      fails_cleanly "$1" "$output" "$status" || { echo "$2 $n"; return 1; }
      failures=$((failures + 1))
    fi
    n=$((n + $4))
  done
  [ "$status" = 0 ]
  is_one_of "$output" "$whole"
  [ $failures -ge 1 ] || { echo "no $2 of the output failed"; return 1; }
}

needs prlimit
sed -n '/^[a-z_]*() {/,/^}/p' "$ROOT/tests/tools/faults/disk.sh" > functions.sh
# The thread sanitizer's runtime writes a file of its own, and ends by that limit.
for p in $writers; do sanitized t || ok "$p: a file-size limit" limited $p; done
(needs_small_disk) > skipped && for p in $writers; do ok "$p: a full disk" on_full_disk $p; done
(needs_strace) >> skipped && needs_strace && for p in sft-train ppo-step; do
  sanitized || ok "$p: any write fails" each $p write ENOSPC "$(often 1 7)"
  ok "$p: any sync fails" each $p fsync EIO "$(often 1 7)"
  ok "$p: a folder can't be made" each $p mkdir ENOSPC 1
  ok "$p: a rename fails" each $p renameat2 EXDEV 1
  ok "$p: any close fails" each $p close EIO "$(often 1 2)"
done
cat skipped
