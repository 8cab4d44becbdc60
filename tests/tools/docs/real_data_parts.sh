# The parts of docs/real-data.sh that can be tested without the data.
without_data() {
  expect_status 66 env NUDGE_ORACLE=nowhere "$ROOT/docs/real-data.sh" run
  expect_stderr '^real-data.sh: nowhere/data: no data here'
  [ ! -e run ]
}
words_count() {
  # good is only ever chosen, bad only rejected; the last pair has no known word and is a tie: 2.5 of 4 are right.
  yes "$(printf 'a good film\ta bad film')" | head -n 20 > train.words
  printf 'good\tbad\nthe good\tthe bad\nit is bad\tit is good\nx\ty\n' > held.words
  [ "$(awk -f "$ROOT/docs/real-data/words.awk" train.words held.words)" = 0.6250 ]
}
ok "without the data it says so and does nothing" without_data
ok "the bag of words knows good from bad, and a tie is a half" words_count
