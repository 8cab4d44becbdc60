# kill -9 at any time: under the output's name stands nothing, the old or the new, whole, and the same command then
# ends in the same bytes and leaves nothing else.
. "$ROOT/tests/tools/faults/programs.inc"
needs_strace

# The calls by which files come to be, change and go. A program is killed in the Nth of one kind, of every
# $step-th in turn, until it is over before.
changes="openat pwrite64 write fsync ftruncate rename renameat2 unlink unlinkat mkdir rmdir close"
step=$(often 1 5)
# killed_in_each PROGRAM OLD [OPTION...]: where OLD stands under the name at first, or nothing ("absent").
killed_in_each() {
  prepare "$1"
  program=$1 old=$2 killed=0
  shift 2
  for call in $changes; do
    n=1
    while :; do
      [ "$old" = absent ] || [ -e "$output" ] || cp -r "$old" "$output"
      under="strace -f -qq -o trace -e trace=$call -e inject=$call:signal=SIGKILL:when=$n" status=0
      (make_output "$program" "$output" "$@") 2> err || status=$?
      under=
      is_one_of "$output" "$old" "$whole" || { echo "killed in $call $n"; return 1; }
      [ $status != 0 ] || break
      [ $status = 137 ] || { echo "status $status in $call $n"; cat err; return 1; }
      cmp -s "$output" "$old" || rm -rf "$output"
      killed=$((killed + 1))
      n=$((n + step))
    done
    rm -rf "$output"
  done
  [ $killed -ge 5 ] || { echo "killed $killed times only"; return 1; }
  make_output "$program" "$output" "$@"
  is_one_of "$output" "$whole"
  is_alone "$output"
}
ok "label in each call that changes a file" killed_in_each label absent
ok "label, over an older file" killed_in_each label "$TINY/prompts.jsonl" --force
ok "sft-train in each call that changes a file" killed_in_each sft-train absent
ok "sft-train, over an older folder" killed_in_each sft-train "$TINY/p0" --force

# killed_at_random PROGRAM ROUNDS: within the time that it takes, and some more.
killed_at_random() {
  prepare "$1"
  begin=$(date +%s%N)
  make_output "$1" work/timed
  took=$((($(date +%s%N) - begin) / 1000000))
  rm -rf work/timed
  awk -v n="$2" -v ms=$took 'BEGIN { srand(1); for (i = 0; i < n; ++i) printf "%.4f\n", rand() * ms * 1.2 / 1000 }' > waits
  while read -r wait; do
    under="exec"; make_output "$1" "$output" --force 2> err &
    under=
    sleep "$wait"
    kill -KILL $! 2> /dev/null || true
    wait $! || true
    is_one_of "$output" absent "$whole" || { echo "killed after $wait s"; return 1; }
  done < waits
  make_output "$1" "$output" --force
  is_one_of "$output" "$whole"
  is_alone "$output"
}
for p in $writers; do ok "$p at any time" killed_at_random $p "$(often 200 4)"; done
