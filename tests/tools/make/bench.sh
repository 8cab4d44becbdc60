# The benchmarks' scripts: who is compared and how, and what is drawn. Nothing is timed here.
. "$ROOT/tests/tools/make/make.inc"

real=${NUDGE_PYTHON:-} real_root=${NUDGE_PYTHON_ROOT:-}
unset NUDGE_PYTHON_ROOT
# A Python and programs of ours that know their lines: each prints another figure every time.
mkdir build
cat > python <<'END'
#!/bin/sh
[ "$1" = -I ] || exit 9  # NUDGE_PYTHON is a command of several words
shift
if [ "${1##*/}" = at_hand.py ]; then
  printf 'pytorch 1.2.3\ncompiled 1.2.3\nabsent transformers: none here\nllama 4.5\ntrl 6.7\n'
  exit 0
fi
[ -e "$1" ] || exit 9
script=${1##*/}
shift
echo "$script $*" | sed 's| /[^ ]*||g' >> "$STUB/calls"
turn=$(grep -cxF "$(tail -n 1 "$STUB/calls")" "$STUB/calls")
case $script in
  softmax.py) printf 'log-prob 0.%s\nbackward 4\n' "$turn" ;;
  steps.py) case $2 in decode-*) echo "tokens/s $turn${2#*-}" ;; *) echo "tokens/s ${turn}0.5" ;; esac ;;
  llama.py) if [ "$1" = convert ]; then : > "$3"; else echo "tokens/s 8"; fi ;;
  iteration.py) printf 'rollout 1\nscore 2\nstep 3\nsaving 4\nseconds %s\nGiB 5.04\n' "$turn"0 ;;
  trl_iteration.py) printf 'seconds 50\nGiB 6\n' ;;
esac
END
cat > build/bench <<'END'
#!/bin/sh
printf '| FMA | 400.0 GFLOP/s | | |\n| log-sum-exp, log-prob, entropy of [512, 50257] |   6.0 GB/s | 30 | 20%% |\n'
printf "| clipped loss's backward of the same, read + write | 16.0 GB/s | 30 | 21%% |\n"
END
cat > build/bench_steps <<'END'
#!/bin/sh
[ "$1" = f32 ] || [ "$1" = bf16 ] || exit 64
case $2 in
  train) echo "| training, B=4 T=256, $1 | 41.0 tokens/s | 400 | 10% |" ;;
  ppo) echo "| PPO update, own critic, entropy bonus, $1 | 82.0 tokens/s | 400 | 20% |"
       echo "| its peak memory / weights, gradients, moments (percent) | 18.0 % | | |" ;;
  *) echo "| prefill of 128, batch ${2#*-}, $1 | 999.0 tokens/s | 1 | 1% |"
     echo "| decode 128 + 128, batch ${2#*-}, $1 | 4${2#*-}.0 tokens/s | 400 | 1% |" ;;
esac
END
cat > build/bench_iteration <<'END'
#!/bin/sh
if [ "$1" = model ]; then
  echo '{"text":"the cast was good, the film was not"}' > texts.jsonl
  exec sft-train -q --init new --layers 2 --width 64 --heads 2 --context 128 --vocab 270 --epochs 0 texts.jsonl -o "$2"
fi
echo "| rollout, $1 | 1.5 s | 1 | 67% |"
echo "|   rollout, sampling: 0.5 s | 3.0 GB/s | 30 | 10% |"
echo "| score, $1 | 0.5 s | 0.1 | 20% |"
echo "| ppo-step, $1 | 3.0 s | 2 | 67% |"
echo "| ppo-step's peak memory, $1 | 2.5 GiB | | |"
echo "| the iteration, $1 | 5.0 s | 3.1 | 62% |"
END
chmod +x python build/*
export NUDGE_PYTHON="$PWD/python -I" STUB="$PWD" OMP_NUM_THREADS=2
peers() { sh "$ROOT/tests/bench/peers.sh" "$@"; }
no_torch() {
  NUDGE_PYTHON=false expect_status 0 in_tree bench-peers
  expect_stdout '^bench-peers: no Python with torch .* nothing was measured$'
}
ok "without torch bench-peers says so, measures nothing and succeeds" no_torch
ratios() {
  rm -f calls
  peers run build 3 | tr -s ' ' > table
  # Of the peer's figures of three turns the middle one: 0.2 GB/s, 20.5 tokens/s, 2BATCH, 20 s.
  cat > expected <<'END'
at hand:
- pytorch 1.2.3
- compiled 1.2.3
- absent transformers: none here
- llama 4.5
- trl 6.7

medians of 3 rounds, 2 threads

| what | ours | of the limit | peer | its figure | ratio |
|---|---|---|---|---|---|
| log-prob and entropy of [512, 50257] | 6.0 GB/s | 20% | pytorch | 0.2 GB/s | 30.00 |
| clipped loss's backward of the same | 16.0 GB/s | 21% | pytorch | 4.0 GB/s | 4.00 |
| training, B=4 T=256, f32 | 41.0 tokens/s | 10% | pytorch | 20.5 tokens/s | 2.00 |
| training, B=4 T=256, f32 | 41.0 tokens/s | 10% | compiled | 20.5 tokens/s | 2.00 |
| PPO update, own critic, entropy bonus, f32 | 82.0 tokens/s | 20% | pytorch | 20.5 tokens/s | 4.00 |
| PPO update, own critic, entropy bonus, f32 | 82.0 tokens/s | 20% | compiled | 20.5 tokens/s | 4.00 |
| decode 128 + 128, batch 1, f32 | 41.0 tokens/s | 1% | pytorch | 21.0 tokens/s | 1.95 |
| decode 128 + 128, batch 1, f32 | 41.0 tokens/s | 1% | compiled | 21.0 tokens/s | 1.95 |
| decode 128 + 128, batch 1, f32 | 41.0 tokens/s | 1% | llama | 8.0 tokens/s | 5.12 |
END
  head -n 20 table | expect_same expected /dev/stdin
  cat > expected <<'END'
| an iteration, bf16 | 5.0 s | 62% | pytorch | 20.0 s | 4.00 |
| an iteration, bf16 | 5.0 s | 62% | compiled | 20.0 s | 4.00 |
| an iteration, bf16 | 5.0 s | 62% | trl | 50.0 s | 10.00 |

| an iteration, seconds | rollout | score | step and saving | peak memory, GiB |
|---|---|---|---|---|
| ours, f32 | 1.5 | 0.5 | 3.0 | 2.5 |
| pytorch, f32 | 1.0 | 2.0 | 7.0 | 5.0 |
| compiled, f32 | 1.0 | 2.0 | 7.0 | 5.0 |
| trl, f32 | | | 50.0 in all | 6.0 |
END
  tail -n 14 table | head -n 10 | expect_same expected /dev/stdin
  [ "$(wc -l < table)" = 56 ]
  # Each is told what it is asked for.
  [ "$(grep -c '^steps.py bf16 decode-32 --compile$' calls)" = 3 ]
  [ "$(grep -c '^llama.py convert f32$' calls)" = 1 ]
  [ "$(grep -c '^llama.py decode bf16 8 128$' calls)" = 3 ]
}
ok "figures are medians of runs in turn, with ratios and shares of the limit" ratios
selected() {
  PEERS='trl compiled' peers run build 1 ppo iteration | tr -s ' ' > table
  grep -E '^\| (PPO|an iteration,)[^|]*(f32|seconds)' table | cut -d '|' -f 2,5 > got
  printf '%s\n' ' PPO update, own critic, entropy bonus, f32 | compiled ' ' an iteration, f32 | compiled ' \
    ' an iteration, f32 | trl ' ' an iteration, seconds | step and saving ' | expect_same got /dev/stdin
  ! grep -qE 'log-prob|decode' table
  expect_status 64 peers run build 1 decoding
  expect_stderr "no row 'decoding'; rows: softmax train ppo decode iteration"
  PEERS=torch expect_status 64 peers run build 1
  expect_stderr "no peer 'torch'"
}
ok "rows and peers can be selected by name" selected
in_a_root() {  # its Python sees the folder as /
  mkdir -p root
  cat > rooted <<END
#!/bin/sh
case \$1 in /tmp/nudge-peers.*/at_hand.py) exec "$PWD/python" -I "\$@" ;; /tmp/nudge-peers.*) ;; *) exit 9 ;; esac
script=$PWD/root\$1; shift
exec "$PWD/python" -I "\$script" "\$@"
END
  chmod +x rooted
  NUDGE_PYTHON=$PWD/rooted NUDGE_PYTHON_ROOT=$PWD/root PEERS=pytorch peers run build 1 train > table
  grep -q '^| training.* pytorch ' table
  [ -z "$(ls root/tmp)" ]
}
ok "a Python in a root of its own finds the scripts in its own names" in_a_root
really() {  # tiny models in each peer that this Python has
  NUDGE_PYTHON=$real NUDGE_PYTHON_ROOT=$real_root SMALL=1 PEERS='pytorch transformers llama trl' \
    peers run build 1 > table 2> err || { tail -n 20 err; return 1; }
  for peer in $(sed -nE 's/^- (pytorch|transformers|llama|trl) .*/\1/p' table); do
    grep -qE "^\\| .* \\| $peer +\\| +[0-9.]+ " table
  done
}
[ -z "$real" ] || ok "the peers that NUDGE_PYTHON has run" really
broken() {  # a peer that says something else is no row of nothing
  sed -i 's|tokens/s \$turn|tokens/min $turn|' python
  ! peers run build 1 decode > table 2> err || return 1
}
ok "a program that prints no figure is a failure" broken
unset NUDGE_PYTHON
plain_python() {
  python3 "$ROOT/tests/bench/peers/at_hand.py" > hand
  [ "$(sed 's/^absent //; s/[: ].*//' hand | paste -sd ' ')" = 'pytorch compiled transformers llama trl' ]
  ! python3 -c 'import torch' 2> err || return 0
  grep -qx "absent pytorch: No module named 'torch'" hand
}
command -v python3 > /dev/null && ok "what a Python lacks is named" plain_python

iteration() {
  in_tree -s "${BUILD#"$ROOT"/}/bench_iteration" > /dev/null
  "$BUILD/bench_iteration" bf16 2 32 2 1200 > table || { cat table; return 1; }
  [ "$(grep -cE '^\| (rollout|score|ppo-step|the iteration), bf16 +\| +[0-9.]+ s +\| +[0-9.]+ \| +[0-9]+% \|$' table)" = 4 ]
  grep -qE "^\| ppo-step's peak memory, bf16 +\| +[0-9.]+ GiB" table
  grep -qE '^\|   ppo-step, products backward: [0-9.]+ s +\| +[0-9.]+ GFLOP/s +\| +[0-9.]+ \|' table
  expect_status 64 "$BUILD/bench_iteration" bf16 2 32
  "$BUILD/bench_iteration" model model 2 32 2 1200
  jq -e '.n_layer == 2 and .n_embd == 32 and .vocab_size == 1200' model/config.json
}
ok "make bench's iteration runs the programs and tells their parts" iteration

cat > growth.tsv <<'END'
grows	value	step	tokens/s	GFLOP/s	percent of FMA
length	128	train	1000.0	10.00	25.0
length	1024	train	500.0	20.00	50.0
threads	1	decode	10.0	1.00	1.0
threads	1	train	99.5	1.00	2.0
threads	2	decode	20.0	1.00	1.5
threads	2	train	1234.5	1.00	2.5
END
tables() {
  awk -f "$ROOT/tests/bench/growth.awk" -v form=table growth.tsv > table
  cat > expected <<'END'
| sequence length (4,096 tokens a step) | 128 | 1,024 |
|---|---|---|
| training, tokens/s (% of FMA) | 1,000 (25.0) | 500 (50.0) |

| threads | 1 | 2 |
|---|---|---|
| training, tokens/s (% of FMA) | 99.5 (2.0) | 1,234 (2.5) |
| decoding, tokens/s (% of FMA) | 10.0 (1.0) | 20.0 (1.5) |

END
  expect_same expected table
}
ok "growth.awk makes tables" tables
plot() {
  awk -f "$ROOT/tests/bench/growth.awk" growth.tsv > plot.svg
  [ "$(grep -c '<circle' plot.svg)" = 6 ]
  # From 500 to 1,000 between the decades 100 and 1,000 (30 to 230 downwards): log10(5) is 0.699.
  grep -q '<polyline points="72.0,30.0 348.0,90.2" ' plot.svg || { grep polyline plot.svg; return 1; }
  [ "$(grep -c '<polyline' plot.svg)" = 3 ]
  [ "$(grep -o '<text' plot.svg | wc -l)" = "$(grep -o '</text>' plot.svg | wc -l)" ]
}
ok "growth.awk draws a point for each figure where its logarithms are" plot
