# What goes wrong in one rank ends all, in seconds, and leaves nothing.
. "$ROOT/tests/tools/tiny.inc"
. "$ROOT/tests/tools/ranks/mpi.inc"
two="$launcher $launcher_options -n 2"
train="sft-train --init $TINY/base --groups 4"
# ends COMMAND...: it does within 20 s (of a launcher's own, mostly), with that in $status, out and err.
ends() { status_of timeout 20 "$@"; [ "$status" != 124 ] || { echo "still runs after 20 s"; cat err; return 1; }; }
absent() { [ -z "$(ls -d "$1" .*"$1"* 2> /dev/null)" ] || { echo "something is left of $1"; ls -a; return 1; }; }

other_world() {
  ends $two $train --ranks 4 "$TINY/answers.jsonl" -o no
  [ "$status" = 64 ] || { echo "status $status"; cat err; return 1; }
  expect_stderr '^sft-train: error: --ranks 4: the launcher started 2 ranks$'
  [ "$(grep -c '^sft-train: error' err)" = 1 ]
  absent no
}
ok "a world of another size is refused, by one voice" other_world
no_launcher() {  # as under a launcher of another MPI: worlds of one
  refused 64 '^sft-train: error: --ranks 2: the launcher started 1 rank$' $train --ranks 2 "$TINY/answers.jsonl" -o no
  expect_stderr '^sft-train: hint: start it by mpirun -n 2 or srun -n 2 '
  absent no
}
ok "worlds of one are refused" no_launcher
bad_record() {
  (cat "$TINY/answers.jsonl"; echo '{"text":3}') > bad.jsonl
  ends $two $train --ranks 2 bad.jsonl -o no
  [ "$status" = 65 ] || { echo "status $status"; cat err; return 1; }
  expect_stderr '^sft-train: error: bad.jsonl: record 65: field "text" '
  [ "$(grep -c '^sft-train: error' err)" = 1 ]
  absent no
}
ok "a bad record is told once, with its status" bad_record
cut_input() {
  head -c 1000 "$TINY/answers.jsonl" > cut.jsonl
  ends $two $train --ranks 2 cut.jsonl -o no
  [ "$status" = 65 ] || { echo "status $status"; cat err; return 1; }
  absent no
}
ok "so is what rank 0 alone finds while it reads" cut_input
# What rank 0 runs and what rank 1 does. (The mpirun of Open MPI 5.0.7 takes no two commands with a colon between them:
# it ends by a segmentation fault, whatever they are.)
cat > by_rank.sh <<'END'
if [ "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" = 0 ]; then exec $1; else exec $2; fi
END
by_rank="$two sh by_rank.sh"
one_alone() {  # rank 1 lacks its model
  ends $by_rank "$train --ranks 2 $TINY/answers.jsonl -o no" \
    "sft-train --init nowhere --groups 4 --ranks 2 $TINY/answers.jsonl -o no"
  [ "$status" = 66 ] || { echo "status $status"; cat err; return 1; }
  expect_stderr '^sft-train: error: rank 1: nowhere'
  absent no
}
ok "an error of another rank is told by its number and ends all" one_alone
other_options() {
  ends $by_rank "$train --ranks 2 $TINY/answers.jsonl -o no" "$train --seed 7 --ranks 2 $TINY/answers.jsonl -o no"
  [ "$status" = 65 ] || { echo "status $status"; cat err; return 1; }
  expect_stderr '^sft-train: error: rank 1 has other options, models or programs than rank 0$'
  absent no
}
ok "ranks with other options are refused" other_options
exists() {
  mkdir mine
  ends $two $train --ranks 2 "$TINY/answers.jsonl" -o mine
  [ "$status" = 73 ] || { echo "status $status"; cat err; return 1; }
  rmdir mine
}
ok "an output that exists is refused before any work" exists
killed() {  # rank $1 of 2
  rm -f pid.* begun
  cat > as_rank.sh <<'END'
echo $$ > pid.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
exec "$@"
END
  (status=0
   timeout 60 $two sh as_rank.sh $train --ranks 2 --epochs 100000 --metrics begun "$TINY/answers.jsonl" -o no 2> said ||
     status=$?
   echo $status > ended) &
  i=0
  until [ -s begun ]; do i=$((i + 1)); [ $i -lt 200 ] || { cat said; return 1; }; sleep 0.1; done
  kill -9 "$(cat "pid.$1")"
  i=0
  until [ -s ended ]; do i=$((i + 1)); [ $i -lt 200 ] || { echo "still runs"; return 1; }; sleep 0.1; done
  [ "$(cat ended)" != 0 ] && [ "$(cat ended)" != 124 ]
  if kill -0 "$(cat "pid.$((1 - $1))")" 2> /dev/null; then sleep 2; fi
  if kill -0 "$(cat "pid.$((1 - $1))")" 2> /dev/null; then echo "the other rank lives"; return 1; fi
  [ ! -e no ]
  rm -f ended
}
ok "when rank 1 is killed, all end in seconds" killed 1
ok "when rank 0 is killed, too" killed 0
