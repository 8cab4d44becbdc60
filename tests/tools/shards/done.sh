# An output that is there, whole and of the very same work, is left and the run succeeds; any other is 73.
. "$ROOT/tests/tools/tiny.inc"
needs rollout score label kl-report peek
p0=$TINY/p0
cp "$TINY/prompts.jsonl" "$TINY/sampled.jsonl" "$TINY/scored.jsonl" .

# work NAME [OPTION...]: writes out.zst from its usual input, in this folder.
work() {
  work_name=$1
  shift
  case $work_name in
    rollout) rollout --policy "$p0" --max-tokens 4 -o out.zst "$@" prompts.jsonl ;;
    score) score --reward-model "$TINY/rm" -o out.zst "$@" sampled.jsonl ;;
    label) label --by reward -o out.zst "$@" scored.jsonl ;;
    kl-report) kl-report --new "$TINY/base" -o out.zst "$@" sampled.jsonl ;;
  esac
}
input_of() { case $1 in rollout) echo prompts.jsonl ;; label) echo scored.jsonl ;; *) echo sampled.jsonl ;; esac; }
stays() { expect_same before.zst out.zst && [ "$(stat -c %i%Y out.zst)" = "$inode" ]; }
made() {  # NAME OPTION...: made afresh
  rm -f out.zst
  expect_status 0 work "$@"
  cp out.zst before.zst
  inode=$(stat -c %i%Y out.zst)
}
skipped() {  # NAME OPTION...
  expect_status 0 work "$@"
  expect_stderr "^$1: out.zst: exists already, from the same inputs and options: [0-9]+ records$"
  if grep -E 'pairs,|tokens,| s$' err; then return 1; fi
  stays
}
kept() { refused 73 "^$1: error: out.zst: exists already$" work "$@" && stays; }

again() {  # NAME
  made "$1"
  skipped "$1"
  expect_status 0 work "$1" -q
  [ ! -s err ]
  expect_status 0 work "$1" --force
  [ "$(stat -c %i%Y out.zst)" != "$inode" ] && expect_same before.zst out.zst
}
other_shard() {
  made "$1" --shard 1/2
  skipped "$1" --shard 1/2
  kept "$1" --shard 0/2
  kept "$1" --shard 1/3
  kept "$1"
}
other_input() {
  made "$1"
  file=$(input_of "$1")
  cp "$file" as-it-was
  sed -i '$d' "$file"
  kept "$1"
  cp as-it-was "$file"
  skipped "$1"
  # The same records in other files and compressed are the same input.
  zstd -qk "$file" -o moved.zst
  mv moved.zst "$file"
  skipped "$1"
  mv as-it-was "$file"
}
damaged() {
  made "$1"
  size=$(wc -c < out.zst)
  for length in $((size - 1)) $((size / 2)) 300; do
    head -c "$length" before.zst > out.zst
    refused 73 "^$1: error: out.zst: .*; it is the output of this command$" work "$1"
    expect_stderr 'an earlier run of the same command wrote it, and it was damaged since: --force writes it again$'
    [ "$(wc -c < out.zst)" = "$length" ]
  done
  cp before.zst out.zst
  printf '\001' | dd of=out.zst bs=1 seek=$((size / 2)) conv=notrunc 2> dd.log
  refused 73 "it is the output of this command$" work "$1"
  cat before.zst before.zst > out.zst  # whole, but more than was to be made
  refused 73 '^[a-z-]*: error: out.zst: exists already$' work "$1"
  expect_status 0 work "$1" --force
  expect_same before.zst out.zst
}
for name in rollout score label kl-report; do
  ok "$name: the same again" again $name
  ok "$name: another shard" other_shard $name
  ok "$name: another input" other_input $name
  ok "$name: a damaged one" damaged $name
done

other_options() {
  made rollout
  kept rollout --seed 1
  kept rollout --temperature 0.5
  skipped rollout --threads 2 --slots 1
  made score
  kept score --ref "$TINY/base"
  made label
  kept label --pairs all
  made kl-report
  kept kl-report --old "$p0"
}
ok "other options" other_options
other_models() {
  made score
  refused 73 'out.zst: exists already' score --reward-model "$TINY/rm" --ref "$TINY/rm/../base" -o out.zst sampled.jsonl
  cp -r "$TINY/rm" same-model
  expect_status 0 score --reward-model same-model -o out.zst sampled.jsonl
  expect_stderr 'exists already, from the same inputs'
}
ok "models count by what they compute" other_models
other_program() {
  made score
  refused 73 'exists already' label --by reward -o out.zst scored.jsonl
  stays
}
ok "another program's output" other_program
from_stdin() {
  made score
  score --reward-model "$TINY/rm" -o out.zst < sampled.jsonl 2> err
  expect_stderr 'exists already, from the same inputs'
  { cat sampled.jsonl | score --reward-model "$TINY/rm" -o out.zst; } 2> err
  expect_stderr 'exists already, from the same inputs'
  stays
}
ok "input from a pipe" from_stdin
lone_shards() {  # the shard is known by the input's end alone
  for i in 0 1; do rollout -q --policy "$p0" --max-tokens 4 --shard $i/2 prompts.jsonl -o r$i.zst; done
  expect_status 0 score --ref "$p0" r1.zst -o s1.zst
  expect_status 0 score --ref "$p0" r1.zst -o s1.zst
  expect_stderr 'exists already, from the same inputs'
  refused 73 'exists already' score --ref "$p0" r0.zst -o s1.zst
  refused 73 'exists already' score --ref "$p0" r0.zst r1.zst -o s1.zst
}
ok "a lone shard's output" lone_shards
plain() {  # no marks, no proof
  for name in rollout score label kl-report; do
    rm -f plain.jsonl
    expect_status 0 work $name -o plain.jsonl
    refused 73 "^$name: error: plain.jsonl: exists already$" work $name -o plain.jsonl
  done
}
ok "plain text is never taken for done" plain
compressed_by_option() {
  rm -f odd-name
  expect_status 0 work score -z -o odd-name
  expect_status 0 work score -z -o odd-name
  expect_stderr 'exists already, from the same inputs'
  refused 73 'exists already' work score -o odd-name
}
ok "-z where the name doesn't tell" compressed_by_option
bad_input() {  # done or not, the input is what it is
  made score
  sed 's/^{/[/' sampled.jsonl > broken.jsonl
  refused 65 'broken.jsonl: record 1' score --reward-model "$TINY/rm" -o out.zst broken.jsonl
  stays
}
ok "an input that can't be read is 65 all the same" bad_input
