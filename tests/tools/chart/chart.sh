# chart: what it draws of a table, and what it refuses.
needs chart

printf '%s\t%s\t%s\t%s\n' clip 1 0.5 0.125 clip 10 1.5 0.25 clip 100 2.5 0.5 none 1 0 '' none 100 -1 '' > t.tsv

# numbers FILE: data-x, data-y and data-se of each marker, in their order.
numbers() { grep -o 'data-x="[^"]*" data-y="[^"]*"\( data-se="[^"]*"\)\{0,1\}' "$1" | sed 's/[a-z-]*=//g; s/"//g'; }
series() { grep -o '<g class="series [^>]*data-label="[^"]*"' "$1" | sed 's/.*class="series \([^"]*\)".*label="\([^"]*\)"/\2: \1/'; }
places() { sed -n 's/.*translate(\([0-9.]*\) .*data-x="\([^"]*\)".*/\1 \2/p' "$1"; }

draws() {
  expect_status 0 chart --title 'A & B' --x rate --y J t.tsv
  expect_stderr '^chart: 2 series, 5 points$'
  numbers out > drawn
  printf '%s\n' '1 0.5 0.125' '10 1.5 0.25' '100 2.5 0.5' '1 0' '100 -1' | diff - drawn
  printf '%s\n' 'clip: s1' 'none: s2' > names
  series out | diff - names
  for text in 'A &amp; B' rate J clip none; do grep -q ">$text</text>" out; done
  grep -q '<title>clip, rate 10: J 1.5 ± 0.25</title>' out
  # The place of 10 between those of 1 and 100: a tenth of the way, and the middle by logarithms.
  places out | awk '$2 == 1 {a = $1} $2 == 10 {b = $1} $2 == 100 {c = $1} END {d = (b - a) / (c - a); exit !(d > 0.08 && d < 0.1)}'
  expect_status 0 chart --log-x t.tsv
  places out | awk '$2 == 1 {a = $1} $2 == 10 {b = $1} $2 == 100 {c = $1} END {d = (b - a) / (c - a); exit !(d > 0.499 && d < 0.501)}'
}
ok "each point's numbers, series by their names, titles of the axes, logarithms" draws
kinds() {
  expect_status 0 chart --curve none t.tsv
  series out | grep -qx 'none: s2 curve'
  [ "$(numbers out | wc -l)" = 3 ]
  expect_status 0 chart t.tsv
  lines=$(grep -c '^<path class="line"' out)
  expect_status 0 chart --points clip t.tsv
  [ "$(grep -c '^<path class="line"' out)" = $((lines - 1)) ]
  grep -q 'class="error"' out
}
ok "--curve has no markers, --points no line" kinds
zero() {
  printf 'a\t1\t5\na\t2\t6\n' > far.tsv
  chart -q far.tsv | grep -q '>0</text>' && return 1
  chart -q --zero far.tsv | grep -q '>0</text>'
}
ok "--zero shows 0" zero
inputs() {
  chart -q t.tsv > file
  chart -q < t.tsv > stdin
  expect_same file stdin
  head -n 2 t.tsv > a.tsv; tail -n +3 t.tsv > b.tsv
  chart -q a.tsv - < b.tsv > two
  expect_same file two
  { echo '# a comment'; echo; sed 's/$/\r/' t.tsv; } | chart -q > crlf
  expect_same file crlf
  printf 'a\t1\t1\na\t2\t\na\t3\t3\na\t4\t4\n' | chart -q > gap
  [ "$(numbers gap | wc -l)" = 3 ]
  grep -q 'class="line" d="M[0-9. ]*L[0-9. ]*"' gap
}
ok "files, stdin, comments, lines of Windows, gaps" inputs
output() {
  expect_status 0 chart t.tsv -o t.svg
  [ ! -s out ]
  chart -q t.tsv > again
  expect_same t.svg again
  expect_status 73 chart t.tsv -o t.svg
  expect_status 0 chart --force --zero t.tsv -o t.svg
  expect_status 64 chart t.tsv -o t.tsv
}
ok "-o writes a file, over another one with --force" output
refused() {
  printf 'a\t1\n' > two.tsv
  expect_status 65 chart two.tsv
  expect_stderr '^chart: error: two.tsv: line 1: 2 columns, not 3 or 4$'
  printf 'a\t1\t2\na\tx\t2\n' > x.tsv
  expect_status 65 chart x.tsv
  expect_stderr "line 2: X is 'x', not a number"
  printf 'a\t1\t2x\n' | expect_status 65 chart
  expect_stderr "stdin: line 1: Y is '2x', not a number"
  printf 'a\t1\t2\t?\n' | expect_status 65 chart
  expect_stderr "line 1: the error is '\?', not a number"
  printf 'a\t0\t2\n' | expect_status 65 chart --log-x
  expect_stderr 'line 1: X is 0, not above 0'
  expect_status 65 chart /dev/null
  expect_stderr 'no point to draw'
  expect_status 66 chart absent.tsv
  expect_status 64 chart --curve nobody t.tsv
  expect_stderr "no line has the series 'nobody'"
}
ok "what is no table, and names that no line has, are refused" refused
