# --freeze: the embeddings and the first blocks stay, and have no moments.
. "$ROOT/tests/tools/lora/lora.inc"

# head_of FILE: the JSON of a safetensors file. digests FILE: the name and a checksum of each of its tensors.
head_of() { tail -c +9 "$1" | head -c "$(od -An -t u8 -N 8 "$1" | tr -d ' ')"; }
digests() {
  digests_from=$((9 + $(od -An -t u8 -N 8 "$1" | tr -d ' ')))
  head_of "$1" | jq -r 'del(.__metadata__) | to_entries[] | "\(.key) \(.value.data_offsets | join(" "))"' |
    while read -r name begin end; do
      echo "$name $(tail -c +$((digests_from + begin)) "$1" | head -c $((end - begin)) | cksum)"
    done | sort
}
# changed FOLDER FOLDER: the tensors in which two folders differ.
changed() {
  digests "$1/model.safetensors" > changed.a
  digests "$2/model.safetensors" > changed.b
  comm -13 changed.a changed.b | cut -d ' ' -f 1
}

sft_keeps_them() {
  tune frozen --freeze 1
  changed base frozen > now
  ! grep -E 'wte|wpe|h\.0\.' now || return 1
  [ "$(grep -c 'h\.1\.' now)" = 12 ]
  grep -q 'ln_f.weight' now
  tune all --freeze 0
  changed base all | grep -q wte
}
ok "sft-train --freeze 1 changes the second block and the final norm alone" sft_keeps_them
same_bytes() {
  tune again --freeze 1 --threads 1 --micro-batch-tokens 40 --recompute
  cmp frozen/model.safetensors again/model.safetensors
}
ok "threads, micro-batches and --recompute change no byte of that" same_bytes
every_block() {
  tune norm --freeze 2
  changed base norm > now
  [ "$(tr '\n' ' ' < now)" = 'transformer.ln_f.bias transformer.ln_f.weight ' ]
}
ok "with all blocks frozen the final norm is left" every_block
ppo_keeps_them() {
  ppo-step -q --policy p0 --freeze 1 --critic-init p0 --epochs 2 --minibatch 10 "$scored" -o whole_step
  changed p0 whole_step > now
  ! grep -E 'wte|wpe|h\.0\.' now || return 1
  grep -q 'h\.1\.' now
  for f in optimizer critic-optimizer; do
    head_of "whole_step/trainer/$f.safetensors" | jq -e 'keys | any(test("h[.]1[.]")) and (any(test("h[.]0[.]|wte|wpe")) | not)'
  done
  changed p0 whole_step/critic > now
  ! grep -E 'wte|wpe|h\.0\.' now || return 1
}
ok "ppo-step --freeze: of policy and critic, whose moments are of the rest alone" ppo_keeps_them
rm_keeps_them() {
  rm-train -q --init base --freeze 1 "$pairs" -o reward
  changed base reward > now
  ! grep -E 'wte|wpe|h\.0\.' now || return 1
  grep -q 'score.weight' now
}
ok "rm-train --freeze" rm_keeps_them
resumed() {
  status=0
  sft-train -q --init base --batch 4 --epochs 3 --freeze 1 --save-every 1 "$answers" -o cut & pid=$!
  while [ -z "$(ls -d .cut.checkpoint* cut.checkpoint* 2> /dev/null)" ] && kill -0 $pid 2> /dev/null; do :; done
  kill -USR1 $pid 2> /dev/null || :
  wait $pid || status=$?
  [ $status = 75 ] || [ $status = 0 ]
  sft-train -q --init base --batch 4 --epochs 3 --freeze 1 --save-every 1 "$answers" -o cut
  sft-train -q --init base --batch 4 --epochs 3 --freeze 1 "$answers" -o uncut
  cmp cut/model.safetensors uncut/model.safetensors
}
ok "a run that was stopped ends in the same bytes" resumed
misuse() {
  expect_status 64 tune none --freeze 3
  expect_stderr 'error: --freeze 3: the model has 2 blocks'
  expect_status 64 tune none --freeze 1 --lora-rank 2
  expect_stderr -- '--freeze'
  tune adapter --lora-rank 2
  expect_status 64 sft-train -q --init adapter --freeze 1 "$answers" -o none
  expect_stderr 'error: --freeze: an adapter has no blocks of its own'
  absent none
}
ok "more blocks than there are, and adapters, are refused" misuse
