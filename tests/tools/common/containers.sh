# Inputs that hold no records, but something that records can be made of: each is named, never taken for a damaged one,
# and the hint's command, run as it is printed, makes records that our programs read.
needs peek label jq zstd

cat > r.jsonl <<'END_OF_RECORDS'
{"prompt":"The sky is","completion":" blue, \"mostly\"."}
{"prompt":"Tee heißt tea","completion":"two\nlines"}
END_OF_RECORDS
jq -c . r.jsonl > records

# hinted: the command of the last hint, as it is printed, but for the bar behind which a program of ours is to stand.
hinted() { sed -n 's/^peek: hint: [^:]*: \(.*\) |$/\1/p' err; }

# named FILE WHAT: by peek, and by a program with --salvage, in the same words.
named() {
  expect_status 65 peek --color never "$1"
  [ ! -s out ] || { echo "peek tells of an input that it can't read"; cat out; return 1; }
  expect_stderr "^peek: error: .*: $2\$"
  if grep -Eiq 'damage|salvage|whole' err; then cat err; return 1; fi
  sed 's/^peek: //' err > words
  for option in '' --salvage; do
    # shellcheck disable=SC2086
    expect_status 65 label --by reward $option "$1" -o none.jsonl
    [ ! -e none.jsonl ]
    sed 's/^label: //' err | cmp - words
  done
  expect_status 65 peek --verify "$1"
  sed 's/^peek: //' err | cmp - words
}
# gives FILE WHAT EXPECTED [COMMAND]: so it is named, as a file, on stdin and in zstd, and each hint gives the lines of
# EXPECTED. For the file it is COMMAND.
gives() {
  named "$1" "$2"
  line=$(hinted)
  [ -z "${4:-}" ] || [ "$line" = "$4" ] || { echo "the hint is: $line"; return 1; }
  sh -c "$line" > made
  expect_same "$3" made
  peek -q made > shown
  status=0
  peek < "$1" > out 2> err || status=$?
  [ $status = 65 ]
  expect_stderr "^peek: error: stdin: $2\$"
  sh -c "$(hinted)" < "$1" > made
  expect_same "$3" made
  zstd -qc "$1" > packed
  expect_status 65 peek packed
  expect_stderr "^peek: error: packed: $2\$"
  sh -c "$(hinted)" > made
  expect_same "$3" made
  rm -f FILE
}
# Where a program that the hint names is absent, the container can't be made either.
case_of() {  # NAME PROGRAM COMMAND...
  if command -v "$2" > /dev/null; then name=$1; shift 2; ok "$name" "$@"; else echo "left out, no $2: $1"; fi
}

gzipped() { gzip -c r.jsonl > r.gz; gives r.gz 'is gzip-compressed' records 'zcat r.gz'; }
case_of "gzip" gzip gzipped
xzipped() {
  xz -c r.jsonl > r.xz
  gives r.xz 'is xz-compressed' records 'xzcat r.xz'
  xz --format=lzma -c r.jsonl > r.lzma
  gives r.lzma 'is lzma-compressed' records 'xzcat r.lzma'
}
case_of "xz, and its older format" xz xzipped
bzipped() {
  bzip2 -c r.jsonl > r.bz2
  gives r.bz2 'is bzip2-compressed' records 'bzcat r.bz2'
  bzip2 -c /dev/null > none.bz2
  named none.bz2 'is bzip2-compressed'
}
case_of "bzip2" bzip2 bzipped
lz4d() { lz4 -qc r.jsonl > r.lz4; gives r.lz4 'is lz4-compressed' records 'lz4cat r.lz4'; }
case_of "lz4" lz4 lz4d
lzipped() { lzip -c r.jsonl > r.lz; gives r.lz 'is lzip-compressed' records 'lzip -dc r.lz'; }
case_of "lzip" lzip lzipped
tarred() { tar -cf r.tar r.jsonl; gives r.tar 'is a tar archive' records 'tar -xOf - < r.tar'; }
case_of "tar" tar tarred
zipped() {
  python3 -c 'import zipfile; zipfile.ZipFile("r.zip", "w", zipfile.ZIP_DEFLATED).write("r.jsonl")'
  named r.zip 'is a zip archive'
  [ "$(hinted)" = 'unzip -p r.zip' ]
  ! type unzip > /dev/null || gives r.zip 'is a zip archive' records
  for inner in archive/data.pkl:'is a PyTorch file' a.npy:'is an archive of NumPy arrays' \
               '[Content_Types].xml':'is an office document (xlsx, docx)'; do
    python3 -c 'import sys,zipfile; zipfile.ZipFile("i.zip", "w").writestr(sys.argv[1], "x")' "${inner%:*}"
    named i.zip "$(echo "${inner##*:}" | sed 's/[()]/./g')"
  done
}
case_of "zip, and what is kept in one" python3 zipped

odd_names() {
  gzip -c r.jsonl > "it's a file.gz"
  gives "it's a file.gz" 'is gzip-compressed' records "zcat 'it'\\''s a file.gz'"
  cp r.jsonl ./-r
  gzip -c ./-r > ./-r.gz
  expect_status 65 peek -- -r.gz
  [ "$(hinted)" = 'zcat ./-r.gz' ]
  sh -c "$(hinted)" | cmp records -
}
case_of "names that a shell would take for something else" gzip odd_names

wide() {
  for e in UTF-16LE UTF-16BE UTF-32LE UTF-32BE; do
    iconv -f UTF-8 -t $e r.jsonl > wide
    gives wide "is ${e%??}" records "iconv -f $e -t UTF-8 wide"
    printf '\357\273\277' | cat - r.jsonl | iconv -f UTF-8 -t $e > wide  # with the mark
    gives wide "is ${e%??}" records "iconv -f ${e%??} -t UTF-8 wide"
  done
}
case_of "UTF-16 and UTF-32, with a mark and without" iconv wide
latin() {
  printf 'caf\351 au lait, se\361or\n' > latin.txt
  named latin.txt 'is text, but not in UTF-8'
  [ "$(hinted)" = 'iconv -f latin1 -t UTF-8 latin.txt' ]
  [ "$(sh -c "$(hinted)")" = 'café au lait, señor' ]
}
case_of "text of one byte a character" iconv latin
mark() {
  printf '\357\273\277' | cat - r.jsonl > marked
  gives marked 'begins with a byte order mark \(EF BB BF\), which is not JSON' records 'tail -c +4 marked'
  { printf '\357\273\277'; jq -s . r.jsonl; } > marked
  gives marked 'is a JSON array, not one record per line' records "jq -c '.[]' marked"
}
ok "a byte order mark" mark

arrays() {
  what='is a JSON array, not one record per line'
  jq -s . r.jsonl > a.json
  gives a.json "$what" records "jq -c '.[]' a.json"
  jq -cs . r.jsonl > a.json
  gives a.json "$what" records
  { echo '['; sed '1s/$/,/' r.jsonl; echo ']'; } > a.json  # a record a line, but for brackets and commas
  gives a.json "$what" records
  printf '\n\n  ' | cat - a.json > b.json
  gives b.json "$what" records
  jq -c .prompt r.jsonl | jq -s . > a.json
  jq -c '{prompt}' r.jsonl > prompts
  gives a.json "$what" prompts "jq -c '.[] | {prompt: .}' a.json"
  jq -c '[.prompt, .completion]' r.jsonl | jq -s . > a.json
  gives a.json "$what" records
  jq -c '[{role: "user", content: .prompt}]' r.jsonl | jq -s . > a.json
  jq -c '{messages: .[]}' a.json > chats
  gives a.json "$what" chats
  echo '[]' > a.json
  named a.json 'is an empty JSON array'
}
ok "a JSON array, of whatever" arrays
long_array() {  # longer than a line may be: it is not read to its end
  { printf '['; yes '{"a":1},' | tr -d '\n' | head -c 80000000; } > long.json
  named long.json 'is a JSON array, not one record per line'
}
ok "a JSON array longer than a line may be" long_array
lines_of_others() {
  jq -c '[.prompt, .completion]' r.jsonl > l.jsonl
  gives l.jsonl 'holds a JSON array on each line, not an object' records
  jq -c '[{role: "user", content: .prompt}]' r.jsonl > l.jsonl
  jq -c '{messages: .}' l.jsonl > chats
  gives l.jsonl 'holds a JSON array on each line, not an object' chats "jq -c '{messages: .}' l.jsonl"
  jq -c '[.]' r.jsonl > l.jsonl
  gives l.jsonl 'holds a JSON array on each line, not an object' records "jq -c '.[]' l.jsonl"
  jq -c .prompt r.jsonl > l.jsonl
  jq -c '{prompt}' r.jsonl > prompts
  gives l.jsonl 'holds JSON texts or numbers, not objects' prompts "jq -c '{prompt: .}' l.jsonl"
  printf '3\n-1.5\ntrue\n' > l.jsonl
  printf '{"prompt":"3"}\n{"prompt":"-1.5"}\n{"prompt":"true"}\n' > prompts
  gives l.jsonl 'holds JSON texts or numbers, not objects' prompts
}
ok "lines of JSON that are no objects" lines_of_others
pretty() {
  what='is JSON over several lines, not one record per line'
  jq . r.jsonl > p.json
  gives p.json "$what" records 'jq -c . p.json'
  head -n 1 r.jsonl | jq . > p.json
  head -n 1 records > one
  gives p.json "$what" one
  jq -s '{version: "1.0", data: .}' r.jsonl > p.json
  gives p.json "$what" records "jq -c '.data[]' p.json"
  jq -s "{\"it's a list\": .}" r.jsonl > p.json
  gives p.json "$what" records
  { echo '{"data": ['; sed '1s/$/,/' r.jsonl; echo ']}'; } > p.json
  gives p.json "$what" records
  { printf "{\n"; sleep 0.2; printf "\"prompt\": 1,"; sleep 0.2; printf "\"completion\": 2}"; } |
    { peek 2> err || true; }
  expect_stderr "^peek: error: stdin: $what\$"
}
ok "JSON over several lines" pretty
on_a_line() {
  sed '$!s/$/,/' r.jsonl > c.json
  gives c.json 'has a comma after each object' records
  tr -d '\n' < r.jsonl > c.json
  gives c.json 'holds several objects on a line' records 'jq -c . c.json'
}
ok "objects with commas between, or without lines" on_a_line

table() {
  python3 - <<'END_OF_PYTHON'
import csv, json
rows = [json.loads(line) for line in open("r.jsonl", encoding="utf-8")]
for name, separator in ("t.csv", ","), ("t.tsv", "\t"), ("s.csv", ";"):
    with open(name, "w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, rows[0], delimiter=separator)
        out.writeheader()
        out.writerows(rows)
END_OF_PYTHON
  python3 -c 'import json; [print(json.dumps(json.loads(r))) for r in open("r.jsonl", encoding="utf-8")]' > dumped
  gives t.csv 'is CSV' dumped
  gives t.tsv 'is TSV' dumped
  gives s.csv 'is CSV with semicolons' dumped
  printf '\357\273\277' | cat - t.csv > m.csv
  gives m.csv 'is CSV' dumped
  printf 'text,label\n"The sky is blue.",1\nTea.,0\n' > t.csv
  printf '{"text": "The sky is blue.", "label": "1"}\n{"text": "Tea.", "label": "0"}\n' > dumped
  gives t.csv 'is CSV' dumped
}
case_of "CSV and TSV" python3 table
python() {
  python3 -c 'import json; [print(json.loads(r)) for r in open("r.jsonl", encoding="utf-8")]' > p.py
  python3 -c 'import json; [print(json.dumps(json.loads(r))) for r in open("r.jsonl", encoding="utf-8")]' > dumped
  gives p.py "is Python's notation, not JSON" dumped
  python3 -c 'import json; print([json.loads(r) for r in open("r.jsonl", encoding="utf-8")])' > p.py
  gives p.py "is Python's notation, not JSON" dumped
}
case_of "Python's notation" python3 python

prose() {
  printf 'The sky, they say, is blue.\n\n  \nTea\tis "hot", [1] {ok}\n' > t.txt
  printf '{"prompt":"The sky, they say, is blue."}\n{"prompt":"Tea\\tis \\"hot\\", [1] {ok}"}\n' > prompts
  gives t.txt 'is plain text' prompts
  printf '"Hi," she said, and left.\nORC or not\n' > t.txt
  named t.txt 'is plain text'
  printf '[INFO] 12 files\n[INFO] 13 files\n' > t.txt
  named t.txt 'is plain text'
  printf 'PAR1 and ORC and GGUF are words\n' > t.txt
  named t.txt 'is plain text'
  printf '2024\nThat was the year\n' > t.txt
  named t.txt 'is plain text'
}
ok "plain text" prose
without_records() {  # named, with advice and no command
  printf 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n' > w
  named w 'is a Git LFS pointer, not the file itself'
  printf '\n<!DOCTYPE html>\n<html lang="en">\n' > w; named w 'is a web page .HTML.'
  printf '<?xml version="1.0"?>\n<a/>\n' > w; named w 'is XML'
  printf 'SQLite format 3\0\20\0' > w; named w 'is a SQLite database'
  printf '\211HDF\r\n\032\n\0' > w; named w 'is HDF5'
  printf '\223NUMPY\1\0v\0{' > w; named w 'is a NumPy array'
  printf '\200\4\225\6\0\0\0\0\0\0\0]' > w; named w 'is a Python pickle'
  printf '7z\274\257\047\034\0\4' > w; named w 'is a 7z archive'
  printf 'GGUF\3\0\0\0' > w; named w "holds a model's weights .GGUF."
  printf '@\0\0\0\0\0\0\0{"w":{"dtype":"F32"' > w; named w "holds a model's weights .safetensors."
  printf '{\n  "architectures": [\n    "GPT2LMHeadModel"\n  ]\n}\n' > w; named w "is a model's config.json, not records"
  expect_stderr "^label: hint|^peek: hint: a model's folder goes to an option such as --policy"
  printf '{\n  "version": "1.0",\n  "added_tokens": []\n}\n' > w; named w "is a tokenizer's JSON, not records"
}
ok "what no records are in" without_records
# The hints' lines are run where python3 has pyarrow, which is not in Debian.
columns() {
  printf 'PAR1\25\4\25\0\0' > c.parquet
  named c.parquet 'is Parquet'
  expect_stderr 'docs/data.md .*duckdb.*pyarrow'
  printf 'ARROW1\0\0\377\377\377\377' > c.arrow; named c.arrow 'is an Arrow .Feather. file'
  printf '\377\377\377\377\170\0\0\0\20\0' > c.arrow; named c.arrow 'is an Arrow stream, as datasets saves it'
  python3 -c 'import pyarrow.parquet' 2> no.pyarrow || return 0
  python3 - <<'END_OF_PYTHON'
import json, pyarrow, pyarrow.parquet
t = pyarrow.Table.from_pylist([json.loads(line) for line in open("r.jsonl", encoding="utf-8")])
pyarrow.parquet.write_table(t, "c.parquet")
with pyarrow.ipc.new_file("c.feather", t.schema) as out: out.write_table(t)
with pyarrow.ipc.new_stream("c.arrow", t.schema) as out: out.write_table(t)
END_OF_PYTHON
  python3 -c 'import json; [print(json.dumps(json.loads(r))) for r in open("r.jsonl", encoding="utf-8")]' > dumped
  gives c.parquet 'is Parquet' dumped
  gives c.feather 'is an Arrow .Feather. file' dumped
  gives c.arrow 'is an Arrow stream, as datasets saves it' dumped
}
case_of "Parquet and Arrow" python3 columns

folders() {
  mkdir -p folder model
  echo '{}' > model/config.json
  expect_status 66 peek folder
  expect_stderr '^peek: error: folder: is a folder, not a file$'
  expect_stderr '^peek: hint: give the files in it: .*/\*$'
  expect_status 66 peek model
  expect_stderr "^peek: hint: a model's folder goes to an option such as --policy"
}
ok "folders" folders

# damaged FILE RECORDS: as before, it is ours; RECORDS are whole and given by --salvage.
damaged() {
  status=0
  peek --json "$1" > out 2> err || status=$?
  [ $status = 65 ]
  [ "$(jq '.files[0].whole' out)" = false ]
  [ "$(jq .records out)" = "$2" ] || { jq .records out; return 1; }
  expect_stderr 'hint: other programs keep what is intact with --salvage'
}
ours() {
  { echo 'Loading the model'; cat r.jsonl; } > d; damaged d 2
  { printf '\0\0\0\0\0\0\0\0'; cat r.jsonl; } > d; damaged d 1
  { head -c 4096 /dev/zero; echo; cat r.jsonl; } > d; damaged d 2
  tail -c +4 r.jsonl > d; damaged d 1
  tail -c +4 r.jsonl | head -n 1 > d; damaged d 0
  head -c 20 r.jsonl > d; damaged d 0
  { printf '{"a":1,\n'; cat r.jsonl; } > d; damaged d 2   # cut between two tokens
  { printf '{"a":\n'; cat r.jsonl; } > d; damaged d 2
  { printf '{"a":1}{"b":2}\n'; cat r.jsonl; } > d; damaged d 2
  { printf '[1]\n'; cat r.jsonl; } > d; damaged d 2
  { cat r.jsonl; gzip -c r.jsonl | head -c 10; } > d; damaged d 2
  zstd -qc r.jsonl | head -c 30 > d; damaged d 0
  { (echo log; sleep 0.2; cat r.jsonl) | peek --json > out 2> err || true; }  # whenever it comes
  [ "$(jq .records out)" = 2 ]
}
ok "what is ours and damaged stays so" ours
