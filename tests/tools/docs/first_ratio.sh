# docs/experiments/first-ratio.sh in miniature: our columns are zero, and what counts as outside and as unequal is right.
# PyTorch's columns are tried where NUDGE_PYTHON names one.
needs jq awk bash
. "$ROOT/tests/tools/goldens.inc"
set_goldens() { GOLDENS=$ROOT/tests/goldens; set_story; }
set_goldens
export FIRST_SEEDS="1 2" FIRST_STORIES=$story FIRST_TEXTS=300 FIRST_WIDTH=24 FIRST_WORDS=300 FIRST_TOKENS=8 FIRST_PROMPTS=1
export FIRST_SHAPE="--layers 2 --width 64 --heads 4 --vocab 600"
experiment=$ROOT/docs/experiments/first-ratio.sh
zero='0\.00 ± 0\.00 \| 0\.00 ± 0\.00 \| 0'

ours() {
  NUDGE_PYTHON=false expect_status 0 bash "$experiment" work
  expect_stdout '^no Python with torch and transformers: our columns alone$'
  for model in reviews stories random; do for dtype in f32 bf16; do
    for pair in decode8:pass8 decode8:pass1 decode1:decode8 pass1:pass8; do
      expect_stdout "^\| $model \| $dtype, ${pair%:*} \| $dtype, ${pair#*:} \| $zero \|$"
    done; done
    # 2 seeds of 8 answers.
    [ "$(jq -s 'map(select(.dtype == "f32")) | length' "work/records-$model")" = 16 ]
    tokens=$(jq -s 'map(select(.dtype == "f32") | .response_ids | length) | add' "work/records-$model")
    expect_stdout "^\| $model \| $tokens \| [0-9]+\.[0-9]{2} \| 1 to 1 \|$"
  done
}
# What was sampled in bf16 has other log-probs in f32.
mixed() {
  for model in reviews stories random; do
    expect_stdout "^\| $model \| bf16, decode8 \| f32, pass8 \| [0-9.]+ ± [0-9.]+ \| (100\.00 ± 0\.00|9[0-9]\.[0-9]+ ± [0-9.]+) \| 0\.[0-9]+ \|$"
  done
}
# Of made log-probs: of the first job's four tokens one is outside below (log 0.9 is -0.105), none of 0.0953 above; of the
# second's two one above and one that wasn't drawn; so 25 and 100%, of unequal 75 and 100.
counts() {
  sed -n '/^differences()/,/^}/p;/^ratio_cells()/,/^}/p' "$experiment" > functions.sh
  cat > made-model <<'END'
{"job":"f32-1","decode8":[-1,-1,-1,-1],"pass8":[-1,-1.1054,-0.9047,-1.1]}
{"job":"f32-2","decode8":[-2,null],"pass8":[-1.9046,-1]}
{"job":"bf16-1","decode8":[-2],"pass8":[-1]}
END
  [ "$(bash -c '. ./functions.sh; ratio_cells made model f32 decode8 pass8')" = ' 62.50 ± 53.03 | 87.50 ± 17.68 | 1e+09 |' ]
}
misuse() {
  mkdir full && : > full/file
  NUDGE_PYTHON=false expect_status 73 bash "$experiment" full
}
theirs() {
  rm -rf work
  expect_status 0 bash "$experiment" work
  expect_stdout '^PyTorch [0-9.]+.*, transformers [0-9.]+'
  figure='[0-9]+\.[0-9]{2} ± [0-9]+\.[0-9]{2}'
  for model in reviews stories random; do
    expect_stdout "^\| $model \| f32, decode8 \| f32, pass8 \| $zero \| 0\.00 ± 0\.00 \| $figure \| [0-9.e-]+ \|$"
    # The same model by both: their log-probs are near ours.
    jq -sr '.[].pass8[]' "work/ours-$model" > a
    jq -sr '.[].pass8[]' "work/theirs-$model" > b
    paste a b | awk '{d = $1 - $2; if (d < 0) d = -d; if (d > most) most = d; ++n} END {exit !(n > 50 && most < 0.3)}'
  done
  jq -es 'map(select(.job | startswith("f32"))) | length > 0' work/theirs-random
}
ok "ours are equal in every bit, whatever the chunks, and ppo-step's first ratio is 1" ours
ok "types mixed are not" mixed
ok "tokens outside 0.9 to 1.1 and unequal ones are counted" counts
ok "a folder in use is refused" misuse
[ -z "${NUDGE_PYTHON:-}" ] || ok "PyTorch's log-probs are near ours, and have their columns" theirs
