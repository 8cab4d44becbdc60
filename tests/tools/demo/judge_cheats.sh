# Repetition, babble, unfinished and empty answers don't pay.
. "$ROOT/tests/tools/demo/table.inc"
check_table <<'TABLE'
the film was superb. > the film was superb. the film was superb. the film was superb.
the film was superb. > the film was superb superb superb.
the film was good. > the film was very very very very good.
the film was good. > good great superb lovely brilliant.
the film was good. > the film was good great superb lovely.
the film was good. > the film was superb
the film was good. > the film was superb the the the.
the film was superb, the music was lovely. > the film was superb the music was lovely.
the film was superb and the music was good. > the film was superb and the music was superb.
- superb superb superb superb superb superb superb.
- the film was
- the the was superb the.
the film was awful. > superb superb superb superb superb superb superb.
TABLE
empty() {
  printf '{"prompt":"the film was superb and","response":"%s"}\n' "$1" |
    jq -c -f "$ROOT/docs/demo/judge.jq" | jq -e '.reward == -1'
}
ok 'an empty response gets -1' empty ''
ok 'a blank response gets -1' empty ' '
ok 'a response of punctuation gets -1' empty ' . , .'
ok 'a response of line ends gets -1' empty '\n'
bad() {
  echo '{"prompt":"","response":"awful awful awful awful bad bad the the the the a a a a a"}' |
    jq -f "$ROOT/docs/demo/judge.jq" | jq -e '.reward > -1'
}
ok 'only an empty response gets -1' bad
