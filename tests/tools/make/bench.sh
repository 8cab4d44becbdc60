# The benchmarks' scripts: who is compared and how, and what is drawn. Nothing is timed here.
. "$ROOT/tests/tools/make/make.inc"

nobody() {
  NUDGE_PEERS='' expect_status 0 in_tree bench-peers
  expect_stdout "no peers in the folder '' .* nothing was measured"
  [ "$(wc -l < out)" = 1 ]
  NUDGE_PEERS=$PWD/nowhere expect_status 0 in_tree bench-peers
  expect_stdout 'no peers in the folder .*nowhere.* nothing was measured'
}
ok "without a folder of peers bench-peers says so, measures nothing and succeeds" nobody

# A folder of peers, a Python and programs of ours that know their lines: each prints another figure every time.
mkdir peers build
touch peers/gpt2_torch.py peers/softmax_torch.py
cat > python <<'END'
#!/bin/sh
case $2 in 'import torch;'*) echo "7f0000-7f1000 r-xp 00 08:01 1 ${BLAS-}"; exit 0 ;; *version*) echo "PyTorch 1.2.3"; exit 0 ;; esac
echo x >> "$STUB/turns.$3.$2"
turn=$(wc -l < "$STUB/turns.$3.$2")
case ${1##*/} in
  softmax_torch.py)
    printf 'torch fwd log_softmax+gather           2t median     1.00 ms (min 1.00)\n'
    printf 'torch fwd log_softmax+gather+entropy   2t median   %s ms (min 1.00)\n' "$turn"02.926336
    printf 'torch bwd only clip loss               2t median    51.463168 ms (min 1.00)\n' ;;
  *) case $2 in
    gen) echo "torch gen $3 2t batch=$5: prefill 900.0 tok/s, decode $turn$5.0 tok/s (9.9 steps/s), overall 8.0 /s" ;;
    *) echo "torch $2 $3 2t B=4 T=256: step 6.0 s (fwd+loss 2, bwd 3, adamw 1) -> ${turn}0.5 tokens/s; min step 5.5" ;;
  esac ;;
esac
END
cat > build/bench <<'END'
#!/bin/sh
printf '| FMA | 400.0 GFLOP/s | | |\n| log-sum-exp, log-prob, entropy of [512, 50257] |   6.0 GB/s | 30 | 20%% |\n'
printf "| clipped loss's backward of the same, read + write | 16.0 GB/s | 30 | 20%% |\n"
END
cat > build/bench_steps <<'END'
#!/bin/sh
[ "$1" = f32 ] || [ "$1" = bf16 ] || exit 64
case $2 in
  train) echo "| training, B=4 T=256, $1 | 41.0 tokens/s | 400 | 10% |" ;;
  ppo) echo "| PPO update, own critic, entropy bonus, $1 | 82.0 tokens/s | 400 | 20% |" ;;
  *) echo "| prefill of 128, batch ${2#*-}, $1 | 999.0 tokens/s | 1 | 1% |"
     echo "| decode 128 + 128, batch ${2#*-}, $1 | 4${2#*-}.0 tokens/s | 400 | 1% |" ;;
esac
END
chmod +x python build/*
export NUDGE_PEERS="$PWD/peers" NUDGE_PYTHON="$PWD/python" STUB="$PWD" OMP_NUM_THREADS=2
no_torch() {
  NUDGE_PYTHON=false expect_status 0 in_tree bench-peers
  expect_stdout '^bench-peers: no Python with torch .* nothing was measured$'
}
ok "without torch it says so, measures nothing and succeeds" no_torch
reference_blas() {
  BLAS=/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0 expect_status 0 in_tree bench-peers
  expect_stdout '^bench-peers: torch would multiply by the reference BLAS .* nothing was measured$'
}
ok "a torch without a BLAS that is worth comparing with is not compared with" reference_blas
ratios() {
  BLAS=/usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3
  export BLAS
  sh "$ROOT/tests/bench/peers.sh" run build 3 | tr -s ' ' > table
  # Of the peer's figures of three turns the middle one: 202.9 ms for 102.9 MB, 20.5 tokens/s, 2BATCH.
  cat > expected <<'END'
PyTorch 1.2.3
medians of 3 rounds, 2 threads

| what | ours | PyTorch | ratio |
|---|---|---|---|
| log-prob and entropy of [512, 50257] | 6.0 GB/s | 0.5 GB/s | 11.83 |
| clipped loss's backward of the same | 16.0 GB/s | 4.0 GB/s | 4.00 |
| training, B=4 T=256, f32 | 41.0 tokens/s | 20.5 tokens/s | 2.00 |
| PPO update, own critic, entropy bonus, f32 | 82.0 tokens/s | 20.5 tokens/s | 4.00 |
| decode 128 + 128, batch 1, f32 | 41.0 tokens/s | 21.0 tokens/s | 1.95 |
END
  head -n 10 table | expect_same expected /dev/stdin
  [ "$(wc -l < table)" = 17 ]
  tail -n 5 table | sed 's/bf16/f32/' > rest
  sed -n 8,12p table | expect_same rest /dev/stdin
}
ok "figures are medians of runs in turn, and their ratios" ratios
broken() {  # a peer that says something else is no row of nothing
  sed -i 's/decode \$turn/encode $turn/' python
  ! sh "$ROOT/tests/bench/peers.sh" run build 1 > table 2> err || return 1
}
ok "a program that prints no figure is a failure" broken

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
