# What no program takes: every one of them names the file and the record, exits with 65 and leaves no output.
. "$ROOT/tests/tools/tiny.inc"
needs label ppo-step kl-report peek zstd

# run PROGRAM INPUT OUTPUT: the program as it is used, its output a file or a folder.
run() {
  case $1 in
    sft-train) sft-train --init "$TINY/base" "$2" -o "$3" ;;
    rm-train) rm-train --init "$TINY/base" "$2" -o "$3" ;;
    rollout) rollout --policy "$TINY/p0" --max-tokens 4 "$2" -o "$3" ;;
    score) score --reward-model "$TINY/rm" "$2" -o "$3" ;;
    label) label --by reward "$2" -o "$3" ;;
    ppo-step) ppo-step --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 1 "$2" -o "$3" ;;
    kl-report) kl-report --html "$3" "$2" ;;
    peek) peek "$2" ;;
  esac
}
# What each reads, and a field that it can't do without.
input_of() {
  case $1 in
    sft-train) echo texts text ;;
    rm-train) echo pairs chosen ;;
    rollout) echo prompts prompt ;;
    score | kl-report) echo sampled response_ids ;;
    label | ppo-step | peek) echo scored reward ;;
  esac
}

# refuses PROGRAM INPUT WHERE: 65, a line that begins with WHERE, no output.
refuses() {
  rm -rf bad
  expect_status 65 run "$1" "$2" bad
  expect_stderr "^$1: error: $3"
  [ ! -e bad ] && [ -z "$(ls -d .bad* bad.* 2> /dev/null)" ]
}
# with_line PROGRAM LINE: in place of the second record stands LINE, in printf's words.
with_line() {
  # shellcheck disable=SC2046
  set -- "$1" "$2" $(input_of "$1")
  # shellcheck disable=SC2059
  { head -n 1 "$TINY/$3.jsonl"; printf "$2"; tail -n +3 "$TINY/$3.jsonl"; } > in.jsonl
  refuses "$1" in.jsonl 'in.jsonl: record 2: '
}
# with_field PROGRAM FILTER: the second record after a jq filter, in which F is the field it needs.
with_field() {
  # shellcheck disable=SC2046
  set -- "$1" "$2" $(input_of "$1")
  jq -c "if input_line_number == 2 then $(echo "$2" | sed "s/F/.$4/g") else . end" "$TINY/$3.jsonl" > in.jsonl
  refuses "$1" in.jsonl 'in.jsonl: record 2: '
}
empty_file() { : > in.jsonl; refuses "$1" in.jsonl 'in.jsonl: '; }
cut_file() {
  # shellcheck disable=SC2046
  set -- "$1" $(input_of "$1")
  zstd -q -c "$TINY/$2.jsonl" > whole.zst
  head -c $(($(wc -c < whole.zst) - 5)) whole.zst > cut.zst
  refuses "$1" cut.zst 'cut.zst: '
}

for p in sft-train rm-train rollout score label ppo-step kl-report peek; do
  ok "$p: bytes that are no UTF-8" with_line $p '{"id":"a\377b"}\n'
  ok "$p: no JSON" with_line $p '{"id":\n'
  ok "$p: a list instead of an object" with_line $p '[1]\n'
  ok "$p: NaN" with_line $p '{"id":"a","reward":NaN}\n'
  ok "$p: a byte order mark" with_line $p '\357\273\277{"id":"a"}\n'
  ok "$p: a byte 0" with_line $p '{"id":"a\000b"}\n'
  ok "$p: an empty file" empty_file $p
  ok "$p: a compressed file that was cut" cut_file $p
  [ $p != peek ] || continue
  ok "$p: a field that is missing" with_field $p 'del(F)'
  ok "$p: a field of another type" with_field $p 'F = {"a": 1}'
  ok "$p: a field that is null" with_field $p 'F = null'
done

# The same id twice, for every program that tells records by their ids.
twice() {
  # shellcheck disable=SC2046
  set -- "$1" $(input_of "$1")
  jq -c 'if input_line_number <= 2 then .id = "same" else . end' "$TINY/$2.jsonl" > in.jsonl
  refuses "$1" in.jsonl 'in.jsonl: record 2: .*(twice|duplicate)'
}
for p in sft-train rm-train rollout score ppo-step kl-report; do
  ok "$p: an id twice" twice $p
done

output_is_input() {
  # shellcheck disable=SC2046
  set -- "$1" $(input_of "$1")
  cp "$TINY/$2.jsonl" in.jsonl
  case $1 in sft-train | rm-train | ppo-step) status_wanted=73 ;; *) status_wanted=64 ;; esac  # a folder can't replace it
  expect_status $status_wanted run "$1" in.jsonl in.jsonl
  expect_same "$TINY/$2.jsonl" in.jsonl
}
full_disk() { expect_status 74 sh -c "$1 > /dev/full"; }
# Neither a word nor a status of its own: SIGPIPE, as the shell tells it.
closed_pipe() {
  rm -f pipe && mkfifo pipe
  : < pipe &
  exec 3> pipe
  wait $!  # "| :" would race: on a busy machine the reader is still there
  status=0
  sh -c "$1" >&3 2> err || status=$?
  exec 3>&-
  [ "$status" = 141 ] || { echo "status $status"; cat err; return 1; }
  [ ! -s err ]
}
for p in sft-train rm-train rollout score label ppo-step kl-report; do
  ok "$p: the output is the input" output_is_input $p
done
for words in "rollout -q --policy $TINY/p0 --max-tokens 4 $TINY/prompts.jsonl" \
             "score -q --reward-model $TINY/rm $TINY/sampled.jsonl" \
             "label -q --by reward $TINY/scored.jsonl" \
             "ppo-step -q --policy $TINY/p0 --critic-init $TINY/rm --dry-run $TINY/scored.jsonl" \
             "kl-report -q $TINY/scored.jsonl" "peek -q $TINY/scored.jsonl"; do
  [ ! -e /dev/full ] || ok "${words%% *}: a full disk behind stdout" full_disk "$words"
  ok "${words%% *}: a reader that has left" closed_pipe "$words"
done
