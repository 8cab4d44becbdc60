# docs/experiments/run.sh: runs each experiment once and compares its tables with its page.
needs jq

mkdir scripts
cp "$ROOT/docs/experiments/run.sh" scripts
for name in even odd; do
  printf '%s\n' 'mkdir "$1"' "echo 'no table'" 'echo "| a | ${VALUE:-1} |"' "echo run >> $PWD/$name.runs" > scripts/$name.sh
  printf '%s\n' '# A page' '' '| a | 1 |' '| b | 2 |' > scripts/$name.md
done

compares() {
  expect_status 0 bash scripts/run.sh work even odd
  expect_stdout '^even: 0 minutes$'
  [ "$(cat work/even.txt)" = "$(printf 'no table\n| a | 1 |')" ]
  [ -d work/odd ]
  [ ! -e work/even.differs ]
  expect_status 0 bash scripts/run.sh work even odd
  [ ! -s out ]
  [ "$(wc -l < even.runs)" = 1 ]
}
ok "tables that are on their pages, and nothing is run twice" compares
differs() {
  VALUE=3 expect_status 1 bash scripts/run.sh other even
  expect_stdout '^even: 1 lines are not on its page, see other/even.differs$'
  [ "$(cat other/even.differs)" = '| a | 3 |' ]
}
ok "a line that isn't on the page" differs
fails() {
  echo 'exit 3' > scripts/bad.sh
  expect_status 1 bash scripts/run.sh third bad even
  expect_stdout '^bad: failed, see third/bad.log$'
  [ -e third/even.txt ]
  [ ! -e third/bad.txt ]
  expect_status 64 bash scripts/run.sh third absent
  expect_stderr "there is no experiment 'absent'"
}
ok "one that fails, and one that isn't there" fails
# Each experiment that `make experiments` runs has its page, whose picture is there, and is among README's documents.
pages() {
  for name in $(sed -n 's/^\[ \$# -gt 0 \] || set -- //p' "$ROOT/docs/experiments/run.sh"); do
    page=$ROOT/docs/experiments/$name.md
    for picture in $(sed -n 's/^!\[.*](\(.*\))$/\1/p' "$page"); do [ -s "$ROOT/docs/experiments/$picture" ]; done
    grep -q "docs/experiments/$name.md" "$ROOT/README.md"
    grep -q '^!\[' "$page"
  done
}
ok "pages, pictures, README's list" pages
