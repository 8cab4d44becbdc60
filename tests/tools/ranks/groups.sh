# --groups: their number counts, and what is done within them doesn't; --ranks as far as it needs no MPI.
. "$ROOT/tests/tools/tiny.inc"
sft() { sft-train -q --init "$TINY/base" --lr 1e-3 --batch 10 "$@" "$TINY/answers.jsonl"; }
rm_() { rm-train -q --init "$TINY/base" --lr 1e-3 --batch 7 "$@" "$TINY/pairs.jsonl"; }
ppo() {
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --lr 1e-3 --critic-lr 1e-3 --epochs 2 --minibatch 10 "$@" \
    "$TINY/scored.jsonl"
}
weights() { cmp "$1/model.safetensors" "$2/model.safetensors"; }

number_counts() {  # PROGRAM
  for g in 1 2 4 64; do $1 --groups $g -o "$1.$g"; done
  $1 -o "$1.default"
  diff -r "$1.default" "$1.1"
  for pair in '1 2' '2 4' '4 64'; do
    differ "$1.${pair% *}/model.safetensors" "$1.${pair#* }/model.safetensors"
  done
  for g in 1 4; do
    jq -e --arg g "$g" '.provenance | test("\ngroups=" + $g + "\n")' "$1.$g/trainer/provenance.json" > /dev/null
  done
}
for program in sft rm_ ppo; do
  ok "${program%_}: the number of groups counts and is recorded" number_counts $program
done
rest_counts_not() {
  $1 --groups 4 --threads 2 --micro-batch-tokens 1 -o "$1.again"
  diff -r "$1.4" "$1.again"
  $1 --groups 4 --threads 3 --micro-batch-tokens 70 --recompute -o "$1.more"
  diff -r "$1.4" "$1.more"
}
for program in sft rm_ ppo; do
  ok "${program%_}: threads and micro-batches change no byte in groups" rest_counts_not $program
done
near() {  # groups are another rounding, no other mathematics
  sft --groups 1 --metrics a.m -o a
  sft --groups 64 --metrics b.m -o b
  holds a.m 'length == 7'
  jq -s 'map(.["loss/train"], .grad_norm)' a.m > a.json
  jq -s 'map(.["loss/train"], .grad_norm)' b.m > b.json
  jq -se '.[0] as $a | .[1] as $b | [range($a | length)] | all($a[.] / $b[.] - 1 | fabs < 1e-4)' a.json b.json
  differ a.json b.json
}
ok "losses and norms in groups are those of one group, but for rounding" near
again_elsewhere() {  # another number of groups is another run
  expect_status 0 sft --groups 4 -o sft.4
  refused 73 'sft.4: exists already, from other inputs or options$' sft --groups 2 -o sft.4
}
ok "another number of groups is another run" again_elsewhere

misuse() {
  for program in sft rm_ ppo; do
    refused 64 'error: --groups 3 is not a power of two$' $program --groups 3 -o no
    refused 64 'error: --groups 2048: ' $program --groups 2048 -o no || refused 64 groups $program --groups 2048 -o no
    refused 64 'error: --ranks 3 is not a power of two$' $program --ranks 3 --groups 4 -o no
    refused 64 "error: --ranks 4 doesn't divide --groups 2\$" $program --ranks 4 --groups 2 -o no
    expect_stderr 'hint: a rank takes whole gradient parts: give --groups 4 or more'
    refused 64 groups $program --groups 0 -o no
    refused 64 ranks $program --ranks 0 -o no
    [ ! -e no ]
  done
}
ok "numbers that make no tree are refused" misuse
without_mpi() {
  mkdir -p bare/bin
  cp "$BIN/sft-train" bare/bin && cp "$BIN/../libnudge.so.0" bare
  refused 64 'error: --ranks: this build is without MPI$' bare/bin/sft-train --init "$TINY/base" --ranks 1 \
    "$TINY/answers.jsonl" -o no
  expect_stderr '^sft-train: hint: install an MPI '
  bare/bin/sft-train -q --init "$TINY/base" --lr 1e-3 --batch 10 "$TINY/answers.jsonl" -o plain
  weights plain sft.1
  if ldd bare/bin/sft-train | grep -i mpi; then return 1; fi
}
ok "without the library for MPI all but --ranks runs, and --ranks says how to build it" without_mpi
broken() {  # a library beside the programs that isn't what it should be
  mkdir -p bad/bin
  cp "$BIN/sft-train" bad/bin && cp "$BIN/../libnudge.so.0" bad
  ranks() { bad/bin/sft-train --init "$TINY/base" --ranks 2 --groups 2 "$TINY/answers.jsonl" -o no; }
  echo text > bad/libnudge-mpi.so
  refused 64 'error: --ranks: .*libnudge-mpi.so: ' ranks
  stub() {  # version, what `start` returns, what `exchange` returns
    cat > stub.cc <<END
#include "lib/base/comm_mpi.h"
static const char* start(int* rank, int* size) { *rank = 0; *size = 2; return $2; }
static const char* exchange(int, const void*, decltype(sizeof 0), void*, decltype(sizeof 0)) { return $3; }
static void end_all(int) {}
static const char* finish() { return nullptr; }
extern "C" { extern const nudge::MpiCalls nudge_mpi_calls; const nudge::MpiCalls nudge_mpi_calls = {$1, start, exchange, end_all, finish}; }
END
    ${CXX:-g++} -std=c++20 -I"$ROOT" -shared -fPIC stub.cc -o bad/libnudge-mpi.so
  }
  stub 0 nullptr nullptr
  refused 64 'error: --ranks: .*libnudge-mpi.so has another version$' ranks
  stub 1 '"no network"' nullptr
  refused 74 'error: MPI: no network$' ranks
  stub 1 nullptr '"the cable is cut"'
  refused 74 'error: MPI: the cable is cut$' ranks
  [ ! -e no ]
}
ok "what is wrong with the library, or with MPI, is told" broken
