# Training makes a folder that is whole and knows the text better.
. "$ROOT/tests/tools/sft/data.inc"

sft-train --init new $small --batch 8 --lr 5e-3 --epochs 2 --held-out unseen.jsonl --metrics m.jsonl text.jsonl -o base 2> err > out

held_out_loss_falls() {
  before=$(jq -s '[.[] | select(has("held_out/loss"))][0]["held_out/loss"]' m.jsonl)
  after=$(jq -s '[.[] | select(has("held_out/loss"))][-1]["held_out/loss"]' m.jsonl)
  # An untrained model spreads over about 280 tokens: log 280 = 5.63.
  jq -en "($before - 5.63 | fabs) < 0.3 and $after < $before - 1"
}
perplexity_is_exp_of_loss() {
  jq -es 'map(select(has("held_out/loss"))) | length == 2 and
          all((.["held_out/loss"] | exp) - .["held_out/perplexity"] | fabs < 1e-6)' m.jsonl
}
a_line_a_step() {
  jq -es 'map(select(has("loss/train"))) | (map(.step) == [range(1; length + 1)]) and .[-1].epoch == 2 and
          all(.lr > 0.00499 and .grad_norm > 0 and .tokens > 0)' m.jsonl
}
tally_tells_all() {
  expect_stderr '^sft-train: [0-9]+ sequences, [0-9]+ steps, [0-9,]+ tokens, loss 5\.[0-9]+ to [34]\.[0-9]+, held-out loss 5\.[0-9]+ to [34]\.[0-9]+ \(perplexity [0-9.]+\)'
  [ ! -s out ]
}
folder_is_whole() {
  for f in config.json model.safetensors tokenizer.json tokenizer_config.json generation_config.json trainer/provenance.json; do
    [ -s base/$f ] || { echo "$f is missing"; return 1; }
  done
  jq -e '.n_layer == 1 and .n_embd == 24 and .n_head == 2 and .n_positions == 48 and .vocab_size == 280 and
         .eos_token_id == 278 and .bos_token_id == 278 and .pad_token_id == 279' base/config.json
  jq -e '.eos_token_id == 278 and .pad_token_id == 279' base/generation_config.json
  jq -e '.eos_token == "<|endoftext|>" and .bos_token == "<|endoftext|>" and .pad_token == "<|pad|>"' \
    base/tokenizer_config.json
}
provenance_holds_no_path() { ! grep -E 'text\.jsonl|unseen|/|threads' base/trainer/provenance.json; }
goes_on_from_a_folder() {
  sft-train -q --init base --lr 1e-3 --held-out unseen.jsonl --metrics more.jsonl text.jsonl -o next
  jq -es '.[0]["held_out/loss"] as $begin | .[-1]["held_out/loss"] < $begin' more.jsonl
  [ "$(jq -s '.[0]["held_out/loss"]' more.jsonl)" = "$(jq -s '.[-1]["held_out/loss"]' m.jsonl)" ]
  cmp base/tokenizer.json next/tokenizer.json
  cmp base/generation_config.json next/generation_config.json
}
no_epoch_writes_the_model_anew() {
  sft-train --init base --epochs 0 text.jsonl -o same 2> err
  weights base same
  cmp base/config.json same/config.json
  grep -Eq '0 steps' err
}
quiet_is_quiet() { sft-train -q --init base --epochs 0 --held-out unseen.jsonl text.jsonl -o hushed > out 2>&1; [ ! -s out ]; }
metrics_are_appended() {
  before=$(wc -l < m.jsonl)
  sft-train -q --init base --epochs 0 --held-out unseen.jsonl --metrics m.jsonl text.jsonl -o appended
  [ "$(wc -l < m.jsonl)" = $((before + 1)) ]
}
completions_are_learnt() {
  for i in 1 2 3 4 5 6 7 8; do echo "{\"prompt\":\"the movie was seen by $i people, they say\",\"completion\":\" yes\"}"; done > qa.jsonl
  sft-train -q --init base --lr 5e-3 --epochs 20 --held-out qa.jsonl --metrics qa.m qa.jsonl -o qa
  jq -es '.[-1]["held_out/loss"] < 0.5 * .[0]["held_out/loss"]' qa.m
}

ok "held-out loss begins at that of a uniform guess and falls" held_out_loss_falls
ok "perplexity is the exponential of the loss" perplexity_is_exp_of_loss
ok "metrics have a line a step" a_line_a_step
ok "the tally tells sequences, steps, tokens and losses; stdout is empty" tally_tells_all
ok "a new model's folder is whole and has the sizes asked for" folder_is_whole
ok "the provenance holds neither paths nor threads" provenance_holds_no_path
ok "training goes on from a folder" goes_on_from_a_folder
ok "no epoch writes the same model anew" no_epoch_writes_the_model_anew
ok "-q silences all but errors" quiet_is_quiet
ok "--metrics appends" metrics_are_appended
ok "completions are learnt" completions_are_learnt
