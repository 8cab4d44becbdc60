# A folder written anew: other numbers, other files, the same model; no records are needed for that.
. "$ROOT/tests/tools/sft/data.inc"
new -o base
anew() { from=$1; to=$2; shift 2; sft-train -q --init "$from" --epochs 0 "$@" -o "$to"; }
size() { stat -c %s "$1/model.safetensors"; }

no_records_are_needed() {
  sft-train --init base --epochs 0 -o same 2> err < /dev/null
  diff -r -x provenance.json base same && grep -q 'sft-train: 1 model, ' err
}
numbers_are_halved() {
  anew base b --store bf16 && anew base h --store f16 && anew base f --store f32
  weights base f && differ b h
  for m in b h; do [ $(($(size base) / $(size $m))) = 1 ] && [ $(($(size base) * 10 / $(size $m))) -ge 17 ]; done
  [ "$(jq -r .torch_dtype b/config.json h/config.json f/config.json | xargs)" = 'bfloat16 float16 float32' ]
  anew b b2 --store bf16 && weights b b2
  echo '{"prompt":"the film"}' | rollout -q --policy b --max-tokens 4 | jq -es 'length == 1' > /dev/null
}
files_are_cut() {
  anew base cut --shard-size 1 && [ -e cut/model.safetensors ]  # less than a megabyte is one file
  sft-train -q --init new --layers 2 --width 96 --heads 2 --context 48 --vocab 280 --epochs 0 text.jsonl -o wide
  anew wide shards --shard-size 1
  [ ! -e shards/model.safetensors ] && [ -e shards/model.safetensors.index.json ]
  for shard in shards/model-0000?-of-00002.safetensors; do [ "$(stat -c %s "$shard")" -lt 1010000 ]; done
  anew shards joined && weights wide joined
}
trained_too() {
  sft-train -q --init base --store bf16 text.jsonl -o t
  sft-train -q --init base text.jsonl -o u
  anew u u16 --store bf16 && weights t u16
}
held_out_alone() {
  sft-train --init base --epochs 0 --held-out unseen.jsonl -o measured < /dev/null 2> err
  grep -Eq 'held-out loss [0-9.]+ \(perplexity' err
}
ok "--epochs 0 without records writes the same folder" no_records_are_needed
ok "--store says the numbers in the folder" numbers_are_halved
ok "--shard-size cuts the weights into files" files_are_cut
ok "what is trained is stored so, too" trained_too
ok "held-out records are measured without others" held_out_alone
