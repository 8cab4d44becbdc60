# Records in the four forms of docs/real-data.sh's data, into the files prefix, free, text and chat: every sentence stands
# in one pair only, and its words tell mostly, not always, whether it was chosen.
function noun(i) { return nouns[i % n + 1] }
function sentence(i, chosen) {
  end = chosen || i % 4 == 0 ? "a joy" : "a bore"
  return noun(i) " is " words[(5 * i + (chosen ? 0 : i % 3)) % m + 1] " , " end " , no " i " ."
}
function pair(file, prompt, before, up, down) {
  printf "{\"prompt\":\"%s\",\"chosen\":\"%s%s\",\"rejected\":\"%s%s\"}\n", prompt, before, up, before, down > file
}
BEGIN {
  n = split("film play song book cast plot scene end", nouns)
  m = split("good fine warm great calm kind neat fair", words)
  for (i = 0; i < 260; ++i) {
    up = sentence(2 * i, 1)
    down = sentence(2 * i + 1, 0)
    pair("prefix", "the", " ", up, down)
    pair("free", "", "a ", up, down)
    printf "{\"text\":\"the %s\"}\n{\"text\":\"a %s\"}\n", up, down > "text"
    more = i % 3 ? "" : " no .\\n\\nHuman: and then ?\\n\\nAssistant:"
    pair("chat", "\\n\\nHuman: what of number " i " ?\\n\\nAssistant:" more, " it ", up, down)
  }
}
