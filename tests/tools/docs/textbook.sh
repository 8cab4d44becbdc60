# docs/textbook.md: its commands run in order in an empty folder, print what the page shows, and make its pictures.
needs sft-train rollout label rm-train score ppo-step kl-report chart bash jq
if sanitized; then skip "minutes with a sanitizer"; fi
page=$ROOT/docs/textbook.md
mkdir blocks empty
# blocks/N.sh, commands, and blocks/N.out, the indented lines behind them; all.sh, all commands with each block's output
# in a file of its own.
awk '/^```sh$/ { ++k; code = "blocks/" k ".sh"; print FNR > ("blocks/" k ".line"); printf "" > code
      printf "" > ("blocks/" k ".out"); next }
  /^```$/ { close(code); code = ""; behind = 1; next }
  code != "" { print > code; next }
  behind && /^    / { print substr($0, 5) > ("blocks/" k ".out"); next }
  { behind = behind == 1 && $0 == "" ? 2 : 0 }' "$page"
blocks=$(find blocks -name '*.sh' | wc -l)
for k in $(seq "$blocks"); do
  echo "exec > ../blocks/$k.got 2>&1"
  cat "blocks/$k.sh"
done > all.sh
run_all() {
  [ "$blocks" -gt 10 ]
  (cd empty && bash ../all.sh) || { tail -n 5 $(ls -t blocks/*.got | sed -n 1p); return 1; }
}
ok "the commands run in order" run_all
for k in $(seq "$blocks"); do
  ok "what the commands of line $(cat "blocks/$k.line") print is on the page" diff "blocks/$k.out" "blocks/$k.got"
done

pictures() {
  [ "$(ls "$ROOT/docs/textbook")" = "$(cd empty && ls ./*.svg | sed 's|./||')" ]
  for picture in "$ROOT"/docs/textbook/*; do
    cmp "$picture" "empty/${picture##*/}"
    [ "$(wc -c < "$picture")" -lt 20000 ]
    [ "$(grep -c "^!\[.*](textbook/${picture##*/})$" "$page")" = 1 ]
  done
  for section in $(seq 11); do  # each heading has one
    sed -n "/^## $section\. /,/^## /p" "$page" | grep -q '^!\['
  done
}
ok "the pictures are the committed ones" pictures
# Numbers of two digits or more in a section's text are in its commands or in what they print.
numbers() {
  awk 'function numbers(line, from,   n) {
      gsub(/,/, "", line)
      while (match(line, /[0-9]+([.][0-9]+)?/)) {
        n = substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH)
        if (length(n) > 1) { if (from == "text") said[n] = FNR; else shown[n] }
      } }
    function check(   n) { for (n in said) { ++checked; if (!(n in shown)) { print "line " said[n] ": " n; bad = 1 } }
      split("", said); split("", shown) }
    /^## / { check(); numbered = 1; next }
    /^```/ { code = !code; next }
    numbered && !/^!\[/ { if (code || /^    /) numbers($0, "shown"); else numbers($0, "text") }
    END { check(); exit bad || checked < 20 }' "$page"
}
ok "numbers in the text are those shown" numbers

# The formulas, by awk from the programs' figures.
cd empty
off='function abs(x) { return x < 0 ? -x : x } function off(x, y) { return abs(x - y) > 1e-5 * (1 + abs(y)) }'
losses() {
  awk -F '\t' "$off"' function loss(x) { return x < 0 ? -x + log(1 + exp(x)) : log(1 + exp(-x)) }
    { want = $1 == "loss" ? loss($2) : 0.9 * loss($2) + 0.1 * loss(-$2) } off($3, want) { print; bad = 1 }
    END { exit bad || NR != 82 }' losses.tsv
}
surrogate() {
  awk -F '\t' "$off"' { sign = $1 == "A > 0" ? 1 : -1; clip = $2 < 0.8 ? 0.8 : $2 > 1.2 ? 1.2 : $2
      want = sign * $2 < sign * clip ? sign * $2 : sign * clip } off($3, want) { print; bad = 1 }
    END { exit bad || NR < 1000 }' surrogate.tsv
}
whole() {
  awk -F '\t' "$off"' off($6, $3 + $1 * $4 - 0.01 * $5) { print; bad = 1 } END { exit bad || NR != 64 }' whole.tsv
}
returns() {
  jq -es 'all(.gold as $gold | (.returns | all(. == $gold)) and ([.advantages, .values] | transpose
    | all(. as [$a, $v] | ($a + $v - $gold) | . < 1e-5 and . > -1e-5)))' valued.jsonl > said
}
shares() {  # by another program
  kl-report -q --json --old base --new is-1e-3-8 buffer.jsonl | jq -r '.files[0].old_new
    | [.effective_tokens / .tokens, .effective_sequences / .responses, .ratio.min, .ratio.max] | @tsv' > want
  awk -F '\t' -v OFS='\t' '$1 == "1e-3" && $2 == 8 { print $5, $6, $3, $4 }' reuse.tsv | paste - want |
    awk "$off"' { for (i = 1; i <= 4; ++i) bad += off($i, $(i + 4)) } bad { print } END { exit bad || NF != 8 }'
}
ok "a pair's loss is −log σ, with smoothing a tenth of the other's" losses
ok "the surrogate is the lesser of the two at every token" surrogate
ok "the loss is its three terms" whole
ok "with λ = 1 each token's return is the answer's score, the advantage what V misses" returns
ok "effective shares and extreme ratios are those of kl-report" shares
