# docs/data.md's lines that read Parquet, on Parquet that pyarrow writes of the samples in tests/tools/docs/data: its script
# parquet2jsonl as it stands there, its line of DuckDB, and the programs that the records are for. For run.sh.
samples=$ROOT/tests/tools/docs/data
mkdir lines blocks
awk -v to=blocks -f "$samples/blocks.awk" "$ROOT/docs/data.md"
inside=${scratch#"$python_root"}
mkdir base
jq -cR '{text: .}' "$samples"/*.in > base/texts.jsonl
sft-train -q --init new --layers 1 --width 16 --heads 2 --context 1024 --vocab 300 --epochs 0 base/texts.jsonl -o base/model

# The page's script behind its name: Python may run in a root of its own.
(mkdir script && cd script && sh "../blocks/Getting it-3.sh")
cat > front <<END
#!/bin/sh
exec $NUDGE_PYTHON "$inside/script/parquet2jsonl" \$(printf "$inside/lines/%s " "\$@")
END
chmod +x front

same_records() {
  jq -en --slurpfile a "$1" --slurpfile b "$2" '$a == $b and $a != []' > equal && return 0
  diff "$1" "$2"
  return 1
}
written() {  # NAME PATH
  rm -rf lines && mkdir lines && cp "$samples/$1.in" lines/in.jsonl && cp front lines/parquet2jsonl
  python parquet.py write "$inside/lines/in.jsonl" "$inside/lines/$2"
  [ "$(head -c 4 "lines/$2")" = PAR1 ]
}
line_of_parquet() {  # NAME SECTION BLOCK PATH OUTPUT EXPECTED READER
  written "$1" "$4"
  (cd lines && bash -euo pipefail "../blocks/$2-$3.sh")
  same_records "lines/$5" "$samples/$1.out$6"
  format=
  ! grep -q '"role"' "lines/$5" || format='--chat-format zephyr'
  # shellcheck disable=SC2086
  case $7 in
    sft) sft-train -q --init base/model --epochs 1 $format "lines/$5" -o lines/read ;;
    rm) rm-train -q --init base/model --epochs 1 $format "lines/$5" -o lines/read ;;
    rollout) rollout -q --policy base/model --max-tokens 1 $format "lines/$5" -o lines/read ;;
  esac
}
tab=$(printf '\t')
while IFS=$tab read -r name section block path packing output expected reader; do
  [ "$packing" = parquet ] || continue
  ok "Parquet: $section, block $block, for $reader" line_of_parquet "$name" "$section" "$block" "$path" "$output" \
    "$expected" "$reader"
done < "$samples/list"

duckdb_line=$(grep '^duckdb ' "$ROOT/docs/data.md")
duckdb_reads() {  # NAME PATH LINE OUTPUT
  written "$1" "$2"
  python parquet.py shell "$inside/lines" "$3"
  same_records "lines/$4" lines/in.jsonl
}
if python parquet.py shell "$inside" 'duckdb --version' > /dev/null; then
  ok "Parquet: DuckDB's line" duckdb_reads imdb imdb/plain_text/train-00000-of-00001.parquet "$duckdb_line" imdb-all.jsonl
  ok "Parquet: DuckDB's line, lists of objects and nulls" duckdb_reads nectar nectar/data/rlaif.parquet \
    "$(printf %s "$duckdb_line" | sed 's,imdb/plain_text/train-\*,nectar/data/*,')" imdb-all.jsonl
else
  echo "skipped: no duckdb beside Python"
fi
