# Invents short film reviews, for the demo: text to learn a language from, and openings to go on from.
#
#   awk -f reviews.awk -v mode=text    -v seed=1 -v n=4000                  {"text": "..."}
#   awk -f reviews.awk -v mode=prompts -v seed=2 -v n=500 -v part=train     {"id": "train-0", "prompt": "..."}
#   awk -f reviews.awk -v mode=prompts -v seed=2 -v n=100 -v part=held-out  prompts that part=train never gives
#
# POSIX awk (mawk, gawk, busybox). The random numbers are our own, for rand() differs between awks: Park
# and Miller's generator (CACM 31:10, 1988), whose products stay below 2^53, so that every awk computes
# them exactly and a seed gives the same bytes everywhere.
#
# About half of the reviews are kind. A clause says what it means directly ("the plot was superb"), or by
# denying the opposite ("far from dull", "hardly a failure"), or concedes it ("although the music was
# awful, ..."), or means nothing ("the story ran for two hours"); so counting words doesn't tell which.

BEGIN {
  if (mode == "") mode = "text"
  if (part == "") part = "train"
  if (n == "") n = 1000
  if (mode != "text" && mode != "prompts") die("mode is text or prompts, not " mode)
  if (part != "train" && part != "held-out") die("part is train or held-out, not " part)
  if (n !~ /^[0-9]+$/ || n < 1 || n > 100000) die("n is a number from 1 to 100000, not " n)
  if (seed == "") seed = 1
  if (seed !~ /^[0-9]+$/ || seed > 1000000) die("seed is a number from 0 to 1000000, not " seed)
  words()
  state = (seed * 1999 + 12345) % 2147483647
  for (i = 0; i < 20; i++) below(2)

  for (i = 0; i < n; i++)
    if (mode == "text") printf "{\"text\": \"%s\"}\n", plain(review())
    else printf "{\"id\": \"%s-%d\", \"prompt\": \"%s\"}\n", part, i, fresh_prompt()
  exit
}

function die(why) {
  print "reviews.awk: " why | "cat 1>&2"
  close("cat 1>&2")
  exit 64
}

# A whole number in [0, k).
function below(k) {
  state = (state * 16807) % 2147483647
  return int(state / 2147483647 * k)
}

function chance(percent) { return below(100) < percent }

# One of the phrases of list `name`; `used` holds what this review has said already.
function pick(name,   tries, w) {
  do w = list[name, below(size[name])]
  while ((w in used) && ++tries < 50)
  used[w] = 1
  return w
}

function put(name, phrases,   i, a) {
  size[name] = split(phrases, a, "/")
  for (i = 1; i <= size[name]; i++) list[name, i - 1] = a[i]
}

function words() {
  put("one", "film/movie/plot/story/acting/cast/music/script/dialogue/director/hero/villain/humour/pace/ending/" \
              "opening/first half/second half/camera work/main role")
  put("many", "jokes/songs/actors/costumes/characters/scenes/effects/pictures")
  put("adj+", "good/great/superb/lovely/funny/clever/moving/brilliant/charming/gripping/fresh/honest/warm/" \
              "beautiful/wonderful/fine/elegant/sharp/witty/tender")
  put("adj-", "bad/weak/dull/boring/awful/poor/terrible/clumsy/predictable/empty/silly/flat/cheap/messy/dreadful/" \
              "lifeless/tedious/stale/cold/hollow")
  put("adj0", "long/short/quiet/loud/simple/familiar/strange/old/dark/slow/modern/serious")
  put("noun+", "triumph/joy/delight/masterpiece/pleasure/treat/success")
  put("noun-", "mess/failure/bore/disaster/disappointment/mistake/waste of time")
  put("have+", "charm/wit/heart/style/depth/energy")
  put("have-", "flaws/holes/weaknesses/clumsy moments")
  put("like+", "loved/liked/enjoyed/admired")
  put("like-", "hated/disliked/regretted")
  put("base+", "love/like/enjoy/admire")
  put("base-", "hate/dislike/regret")
  put("made+", "laugh/smile/cheer")
  put("made-", "yawn/cringe/sigh")
  put("very", "very/really/truly/utterly/so/quite/rather/simply")
  put("not", "not/never/hardly/far from/anything but/not at all")
  put("who", "sister/brother/friend/mother/father/neighbour")
  put("day", "monday/rainy sunday/windy friday/summer night/quiet evening")
  put("about", "a lost dog/two brothers/a war/an old house/a small town/a journey to the sea/a family in trouble/" \
              "a bank robbery")
  put("place", "paris/a village/the desert/space/london/a prison")
}

function an(phrase) { return (phrase ~ /^[aeiou]/ ? "an " : "a ") phrase }

function sign(kind) { return kind ? "+" : "-" }

# A subject with its verb to be.
function subject() {
  if (chance(20)) { plural = 1; return "the " pick("many") " were" }
  plural = 0
  return "the " pick("one") " was"
}

# What follows the verb to be. A bar marks where a prompt may end.
function predicate(kind,   k) {
  k = below(100)
  if (k < 30) return "| " pick("adj" sign(kind))
  if (k < 48) return "| " pick("very") " " pick("adj" sign(kind))
  if (k < 56) return "| " pick("adj" sign(kind)) " and " pick("adj" sign(kind))
  if (k < 80 || plural) return "| " pick("not") " " pick("adj" sign(!kind))
  if (k < 85) return "| not " pick("very") " " pick("adj" sign(!kind))
  if (k < 92) return "| " an(pick("noun" sign(kind)))
  if (k < 96) return "| " (chance(50) ? "hardly " : "not ") an(pick("noun" sign(!kind)))
  return "| nothing short of " an(pick("noun" sign(kind)))
}

function neutral(   k) {
  k = below(7)
  if (k == 0) return "the story was about| " pick("about")
  if (k == 1) return "the film ran| for " (chance(50) ? "two" : "three") " hours"
  if (k == 2) return "it was set| in " pick("place")
  if (k == 3) return subject() "| " pick("adj0")
  if (k == 4) return "my " pick("who") " slept| through the second half"
  if (k == 5) return "i hoped that it would be| " pick("adj" sign(chance(50)))
  return "i expected| " an(pick("adj" sign(chance(50)))) " film"
}

# A clause that stands alone; kind is 1 for praise, 0 for blame.
function clause(kind,   k) {
  k = below(100)
  if (k < 58) return subject() predicate(kind)
  if (k < 66) return "i| " pick("like" sign(kind)) " the " pick(chance(70) ? "one" : "many")
  if (k < 72) return "i did not| " pick("base" sign(!kind)) " the " pick(chance(70) ? "one" : "many")
  if (k < 79) return "the " pick("one") " had| " \
                       (kind ? (chance(60) ? "plenty of " pick("have+") : "no " pick("have-")) \
                             : (chance(60) ? "no " pick("have+") : "plenty of " pick("have-")))
  if (k < 83) return "the " pick("one") (kind ? " never lacked| " : " lacked| ") pick("have+")
  if (k < 89) return "the " pick("one") " made me| " pick("made" sign(kind))
  if (k < 93) return "there was nothing| " pick("adj" sign(!kind)) " about the " pick("one")
  if (k < 97) return "the " pick("one") (kind ? " never failed" : " failed")
  return "my " pick("who") " found it| " pick("adj" sign(!kind)) " but i thought it was| " pick("adj" sign(kind))
}

# Two clauses of which the second weighs more, or one that is conceded.
function contrast(kind,   k) {
  k = below(100)
  if (k < 45) return clause(!kind) (chance(50) ? ", but " : " but ") clause(kind)
  if (k < 60) return clause(!kind) ", yet " clause(kind)
  if (k < 85) return (chance(50) ? "although " : "even though ") subject() predicate(!kind) ", " clause(kind)
  return "despite the " pick("adj" sign(!kind)) " " pick("one") ", " clause(kind)
}

function opener(   k) {
  k = below(8)
  if (k == 0) return "i watched it with my " pick("who") " and "
  if (k == 1) return "we saw it on a " pick("day") " and "
  if (k == 2) return "i saw this film last night and "
  if (k == 3) return "my " pick("who") " took me to the cinema and "
  if (k == 4) return "to be honest, "
  if (k == 5) return "after a long day, "
  if (k == 6) return "as a fan of the " pick("one") ", i must say that "
  return "it was shown on a " pick("day") " and "
}

function sentence(kind,   k) {
  k = below(100)
  if (k < 38) return clause(kind)
  if (k < 68) return contrast(kind)
  if (k < 85) return clause(kind) " and " clause(kind)
  return neutral() " and " clause(kind)
}

function closing(kind,   k) {
  k = below(4)
  if (k == 0) return kind ? "i would recommend| it" : "i would not recommend| it"
  if (k == 1) return "in short, it was " an(pick("noun" sign(kind)))
  if (k == 2) return kind ? "i left the cinema happy" : "i left the cinema angry"
  return "all in all, i was| " (kind ? (chance(50) ? "charmed" : "not bored") : (chance(50) ? "bored" : "not charmed"))
}

function review(   kind, text, k) {
  for (k in used) delete used[k]
  kind = chance(50)
  text = (chance(40) ? opener() : "") sentence(chance(85) ? kind : !kind)
  k = below(100)
  if (k < 60 || word_count(text) < 12) text = text ". " sentence(chance(85) ? kind : !kind)
  if (k >= 40 && k < 65 && word_count(text) < 26) text = text ". " closing(kind)
  return text "."
}

function word_count(text,   a) { return split(text, a, " ") }

function plain(text) { gsub(/\|/, "", text); return text }

# A review up to its first bar, or its second where that isn't far.
function opening(   a, bars, text) {
  bars = split(review(), a, "|")
  text = a[1]
  if (bars > 2 && chance(40) && word_count(text a[2]) <= 10) text = text a[2]
  return text
}

# A prompt of this part, of 2 to 10 words, that wasn't given before. Which part a prompt belongs to follows from its
# text alone, so no seed can leak a held-out prompt into training.
function fresh_prompt(   k, text) {
  do {
    text = opening()
    k = word_count(text)
  } while ((text in given) || (hash(text) % 5 == 0) != (part == "held-out") || k < 2 || k > 10)
  given[text] = 1
  return text
}

function hash(text,   h, i) {
  h = 7
  for (i = 1; i <= length(text); i++)
    h = (h * 31 + index("abcdefghijklmnopqrstuvwxyz ,.", substr(text, i, 1))) % 1000003
  return h
}
