# docs/data.md: each command turns its sample into the hand-written records (data/NAME.in, NAME.outN), and the program
# that they are for reads them. data/list says which. For Parquet a stand-in for parquet2jsonl prints the sample
# unchanged; tests/ecosystem/run.sh runs the script itself on real Parquet.
needs jq gzip sft-train rm-train rollout
page=$ROOT/docs/data.md
samples=$ROOT/tests/tools/docs/data
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
tab=$(printf '\t')

mkdir blocks bin
awk -v to=blocks -f "$samples/blocks.awk" "$page"
cat "$samples"/*.in | jq -cR '{text: .}' > texts.jsonl
sft-train -q --init new --layers 1 --width 16 --heads 2 --context 1024 --vocab 300 --epochs 0 texts.jsonl -o base

stand_in() { printf '#!/bin/sh\nexec cat "$@"\n' > parquet2jsonl && chmod +x parquet2jsonl; }
put() {  # NAME PATH PACKING: the sample where the line looks for it
  mkdir -p "$(dirname "$2")"
  case $3 in
    gzip) gzip -c "$samples/$1.in" > "$2" ;;
    parquet) cp "$samples/$1.in" "$2" && stand_in ;;
    *) cp "$samples/$1.in" "$2" ;;
  esac
}
same_records() {  # FILE FILE: numbers by value, for 2.0 and 2 are one
  jq -en --slurpfile a "$1" --slurpfile b "$2" '$a == $b and $a != []' > equal && return 0
  diff "$1" "$2"
  return 1
}
# read_by READER FILE MODEL: one step or token; no record is refused.
read_by() {
  format=
  grep -q '"role"' "$2" && format='--chat-format zephyr'
  rm -rf read
  # shellcheck disable=SC2086
  case $1 in
    sft) sft-train -q --init "$3" --batch 64 --epochs 1 $format --metrics figures "$2" -o read ;;
    rm) rm-train -q --init "$3" --batch 64 --epochs 1 $format --metrics figures "$2" -o read ;;
    rollout) rollout -q --policy "$3" --max-tokens 1 $format "$2" -o read ;;
  esac
  [ "$1" != rollout ] || [ "$(jq -r .group read | sort -u | wc -l)" = "$(wc -l < "$2")" ]
}
line_runs() {  # NAME SECTION BLOCK PATH PACKING OUTPUT EXPECTED READER
  rm -rf here && mkdir here && cd here
  put "$1" "$4" "$5"
  bash -euo pipefail "../blocks/$2-$3.sh"
  same_records "$6" "$samples/$1.out$7"
  [ "$8" = - ] || read_by "$8" "$6" ../base
}
while IFS=$tab read -r name section block path packing output expected reader; do
  program=jq
  case $name in '#'*) continue ;; csv) program=python3 ;; surrogates) program=perl ;; esac
  ok_with $program "$section, block $block, for $reader" line_runs "$name" "$section" "$block" "$path" "$packing" \
    "$output" "$expected" "$reader"
done < "$samples/list"

all_are_run() {  # but for the script that is pyarrow's, and hh-rlhf's first, which are below
  grep -v '^#' "$samples/list" | cut -f 2,3 | tr '\t' - | sort -u > listed
  (cd blocks && ls) | sed 's/\.sh$//' | grep -vxF -e 'Getting it-3' -e hh-rlhf-1 | sort | diff listed -
}
ok "no line of the page is left out" all_are_run
samples_are_used() {
  grep -v '^#' "$samples/list" | awk -F "$tab" '{ print $1 ".in"; print $1 ".out" $7 }' | sort -u > listed
  (cd "$samples" && ls ./*.in ./*.out*) | sed 's,^\./,,' | sort | diff listed -
}
ok "no sample is left out" samples_are_used
fetched() {  # a folder that a line reads is one that a line before fetches
  grep -oE -- '--local-dir [^ ]+' "$page" | cut -d ' ' -f 2 | sort > folders
  [ -z "$(uniq -d folders)" ]
  grep -v '^#' "$samples/list" | cut -f 4 | grep / | cut -d / -f 1 | sort -u | diff folders -
}
ok "what the lines read is what hf fetches" fetched
included() {  # each file that a line reads, by the --include of its folder
  sed -nE "s/^hf download .*--include '([^']+)' --local-dir (.*)/\\2 \\1/p" "$page" > includes
  [ "$(wc -l < includes)" = "$(grep -c '^hf download' "$page")" ]
  while read -r folder pattern; do
    for path in $(grep -v '^#' "$samples/list" | cut -f 4 | grep "^$folder/"); do
      # shellcheck disable=SC2254
      case ${path#*/} in $pattern) ;; *) echo "$path is not among $pattern"; return 1 ;; esac
    done
  done < includes
}
ok "by the patterns of its line" included
texts_of_hh() {  # read as they are: whole dialogues in texts; the third has no answer, and is text all the same
  rm -rf here && mkdir here && cd here
  put hh-rlhf hh-rlhf/helpful-base/train.jsonl.gz gzip
  ln -s ../base base
  bash -euo pipefail ../blocks/hh-rlhf-1.sh
  jq -e '.architectures[0] | test("ForSequenceClassification$")' rm/config.json
}
ok "hh-rlhf as it is" texts_of_hh
script_is_made() {
  rm -rf here && mkdir here && cd here
  bash -euo pipefail "../blocks/Getting it-3.sh"
  [ -x parquet2jsonl ]
}
ok "the script for Parquet is written" script_is_made

# The table of containers: each command, with F a file of that kind, gives the records.
printf '{"text":"The sky is blue."}\n{"text":"Käse"}\n' > plain
container() {  # LINE KIND: the line without its last |
  rm -f F
  case $2 in
    gzip) gzip -c plain > F ;;
    xz) xz -c plain > F ;;
    bzip2) bzip2 -c plain > F ;;
    zip) zip -q - plain > F ;;
    tar) tar -czf F plain ;;
    array) jq -s . plain > F ;;
    pretty) jq . plain > F ;;
    python) printf '\357\273\277{"text":"The sky is blue."}\r\n\n{"text":"Käse"}\n\n{"text":"","x":NaN}\n' > F ;;
    object) jq -s '{version: 1, data: .}' plain > F ;;
    utf16) iconv -f UTF-8 -t UTF-16 plain > F ;;
    lines) jq -r .text plain > F ;;
    file) printf 'The sky\nis blue.\n' > F ;;
  esac
  bash -euo pipefail -c "$1" > got
  case $2 in
    file) [ "$(cat got)" = '{"text":"The sky\nis blue.\n"}' ] ;;
    python) [ "$(tail -n 1 got)" = '{"text":"","x":null}' ] && sed -i '$d' got && same_records got plain ;;
    *) same_records got plain ;;
  esac
  read_by sft got base
}
of_table() {  # LINE KIND: it stands in the table, where a | is \|
  grep -qF "$(printf %s "$1 |" | sed 's/|/\\|/g')" "$page" || { echo "not in docs/data.md: $1"; return 1; }
  container "$1" "$2"
}
for kind in gzip:zcat xz:xzcat bzip2:bzcat; do
  ok_with "${kind%:*}" "table: ${kind%:*}" of_table "${kind#*:} F" "${kind%:*}"
done
ok "table: tar" of_table "tar -xOf F" tar
ok_with unzip "table: zip" of_table "unzip -p F" zip
ok "table: an array" of_table "jq -c '.[]' F" array
ok "table: an array, in a stream" of_table "jq -cn --stream 'fromstream(1 | truncate_stream(inputs))' F" array
ok "table: several lines" of_table "jq -c . F" pretty
ok "table: blank lines, a byte order mark, NaN" of_table "jq -c . F" python
ok "table: an array in an object" of_table "jq -c '.data[]' F" object
ok "table: UTF-16" of_table "iconv -f UTF-16 -t UTF-8 F" utf16
ok "table: a text a line" of_table "jq -cR '{text: .}' F" lines
ok "table: a file a text" of_table "jq -cRs '{text: .}' F" file
if command -v zstd > /dev/null; then
  zstd -qf plain -o F
  ok "table: zstd, as it is" read_by sft F base
fi

# TRL's types, which are read as they are according to the page. Expected: their texts by zephyr's template.
user='{"role":"user","content":"What color is the sky?"}'
good='{"role":"assistant","content":"It is blue."}'
bad='{"role":"assistant","content":"It is green."}'
as_is() {
  printf '%s\n' "$2" > record
  read_by "$1" record base
}
ok "TRL: language modeling, text" as_is sft '{"text":"The sky is blue."}'
ok "TRL: language modeling, messages" as_is sft "{\"messages\":[$user,$good]}"
ok "TRL: prompt-only, text" as_is rollout '{"prompt":"The sky is"}'
prompt_only() {
  as_is rollout "{\"prompt\":[$user]}"
  [ "$(jq -r .prompt read)" = "$(printf '<|user|>\nWhat color is the sky?<|endoftext|>\n<|assistant|>\n')" ]
}
ok "TRL: prompt-only, dialogue" prompt_only
ok "TRL: prompt-completion, texts" as_is sft '{"prompt":"The sky is","completion":" blue."}'
ok "TRL: prompt-completion, dialogues" as_is sft "{\"prompt\":[$user],\"completion\":[$good]}"
pair() {  # NAME RECORD: read by score, too
  as_is rm "$2"
  score -q --reward-model read --chat-format zephyr record --force -o "$1"
  jq -e '(.chosen_reward | type) == "number" and .chosen_reward != .rejected_reward' "$1"
}
ok "TRL: preference, explicit prompt, texts" pair texts '{"prompt":"The sky is","chosen":" blue.","rejected":" green."}'
ok "TRL: preference, implicit prompt, texts" pair whole '{"chosen":"The sky is blue.","rejected":"The sky is green."}'
ok "TRL: preference, explicit prompt, dialogues" pair explicit \
  "{\"prompt\":[$user],\"chosen\":[$good],\"rejected\":[$bad]}"
ok "TRL: preference, implicit prompt, dialogues" pair implicit "{\"chosen\":[$user,$good],\"rejected\":[$user,$bad]}"
alike() { jq -es '.[0].chosen_reward == .[1].chosen_reward and .[0].rejected_reward == .[1].rejected_reward' "$1" "$2"; }
ok "TRL: both forms of a pair of dialogues are the same pair" alike explicit implicit
