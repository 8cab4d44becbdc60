# docs/real-data.sh in its small mode: it prints its table, holds out the right pairs, and leaves other files alone.
needs jq zstd zstdcat bash
# make_data: records like the real ones, in made/data, for where those are absent.
make_data() {
  mkdir -p made/data
  echo '{}' > made/data/MANIFEST.json
  (
    cd made
    awk -f "$ROOT/tests/tools/docs/real_data.awk"
    for kind in prefix free; do zstd -q $kind -o data/rt-polarity.pairs-$kind.train.jsonl.zst; done
    zstd -q text -o data/rt-polarity.train.jsonl.zst
    zstd -q chat -o data/hh-harmless.pairs.train.jsonl.zst
  )
}
oracle=${NUDGE_ORACLE:-$ROOT/../shared/oracle}
if [ ! -r "$oracle/data/MANIFEST.json" ]; then
  make_data
  oracle=$PWD/made
fi
export NUDGE_ORACLE="$oracle" NUDGE_REAL_SMALL=1
script=$ROOT/docs/real-data.sh

runs() {
  "$script" small > out 2> err
  [ "$(tail -n 4 out | awk '{ print $1 }' | paste -sd ' ')" = 'data film-prefix film-free chat-last' ]
  jq -es 'length == 3 and all(.[]; .held > 5 and .measured > 0 and .measured <= .held and .accuracy >= 0 and
          .accuracy <= 1 and .words >= 0 and .words <= 1 and .error > 0 and .log_loss > 0)' small/result.jsonl
}
nothing_is_on_both_sides() {
  for name in film-prefix film-free chat; do
    cat small/$name.train.jsonl small/$name.held-out.jsonl | sort > both
    sort small/$name.all.jsonl | cmp - both
    for part in train held-out; do
      jq -r '.prompt + .chosen, .prompt + .rejected | gsub("\n"; " ")' small/$name.$part.jsonl | sort -u > $part
    done
    [ -z "$(comm -12 train held-out)" ]
  done
  for part in train held-out; do
    jq '.prompt | split("\n\nAssistant:")[0]' small/chat.$part.jsonl | sort -u > $part
  done
  [ -z "$(comm -12 train held-out)" ]
}
bases_see_no_held_out_text() {
  jq -r '.prompt + .chosen, .prompt + .rejected' small/film-*.held-out.jsonl | sort -u > held-out
  jq -r .text small/film.text.jsonl | sort -u > text
  [ -s text ]
  [ -z "$(comm -12 text held-out)" ]
}
same_again() {
  cp -r small first
  "$script" small > out 2> err
  diff -r first small
}
tuning_leaves_the_held_out_pairs_alone() {
  NUDGE_REAL_TUNE=1 "$script" tuned > out 2> err
  for name in film-prefix film-free chat; do
    jq -es 'length > 0 and all(.[]; .bucket >= 20)' tuned/$name.train.jsonl tuned/$name.held-out.jsonl
  done
}
another_folder() {
  mkdir mine && touch mine/precious
  expect_status 73 "$script" mine
  [ -e mine/precious ]
}
ok "it runs to its table" runs
ok "no sentence and no conversation is on both sides" nothing_is_on_both_sides
ok "the base models see no held-out text" bases_see_no_held_out_text
ok "it gives the same again" same_again
ok "choosing options leaves the held-out pairs alone" tuning_leaves_the_held_out_pairs_alone
ok "a folder of somebody else is left alone" another_folder
