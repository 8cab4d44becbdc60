# The demo's gold judge: how kind is a review, in [-1, 1]? A filter for trajectories:
#
#   rollout -z ... | zstdcat | jq -c --arg field gold -f docs/demo/judge.jq | ...
#
# adds the field ("reward" unless --arg field names another) and leaves the rest alone. It reads prompt and
# response (or `text`) and knows nothing of the generator. It reads clause by clause:
# - a word of praise or blame counts where grammar licenses it (after a verb to be, before a noun, ...); a
#   stray one counts 0.15 of that, and each breach of grammar costs;
# - "not", "never", "hardly", "far from", "nothing", "no", "lacked" turn what follows in their clause;
# - in "X but Y" and "although X, Y" the conceded X weighs 0.4; hopes and expectations count nothing;
#   what others thought counts half;
# - a clause's value is the mean of its items and the review's is the mean over clauses, so length doesn't
#   pay; one opinion alone is held to be less sure than three (0.7, 0.9, 1), more than three add nothing;
# - a word of praise counts once a review, and repeated triples of words are subtracted;
# - a review that doesn't end in . ! or ? is halved and loses 0.15; an empty response is -1, the least.
#
# Numbers keep their values, whatever jq: 1.6 reads them as doubles and prints the shortest text of those, which is
# that of a float32 again, for it has at most 9 digits; 1.7 keeps the digits of what isn't computed with. Spelling may
# change (1e-7 to 1e-07 or 1E-7). Integers are exact below 2^53, and -0 keeps its sign.

# The lexicon: how much praise or blame a word carries, adjectives, nouns and verbs apart. (jq folds a table
# into a constant only if it has no negative number; otherwise it builds it anew at every look: 14 times slower.)
def good_qualities: {
  "good":0.6,"great":0.8,"superb":1,"lovely":0.7,"funny":0.6,"clever":0.6,"moving":0.6,"brilliant":1,"charming":0.7,
  "gripping":0.7,"fresh":0.5,"honest":0.4,"warm":0.5,"beautiful":0.8,"wonderful":0.9,"fine":0.5,"elegant":0.6,
  "sharp":0.5,"witty":0.6,"tender":0.5,"excellent":1,"perfect":1,"amazing":0.9,"fantastic":0.9,"delightful":0.8,
  "nice":0.5,"enjoyable":0.6,"entertaining":0.6,"interesting":0.5,"touching":0.6,"better":0.4,"best":0.9,"happy":0.6,
  "charmed":0.7,"amused":0.5,"moved":0.5,"pleased":0.6,"thrilled":0.8};
def bad_qualities: {
  "bad":0.6,"weak":0.5,"dull":0.6,"boring":0.7,"awful":0.9,"poor":0.6,"terrible":1,"clumsy":0.5,"predictable":0.5,
  "empty":0.5,"silly":0.5,"flat":0.5,"cheap":0.4,"messy":0.5,"dreadful":1,"lifeless":0.7,"tedious":0.7,"stale":0.5,
  "cold":0.4,"hollow":0.5,"horrible":1,"worst":1,"worse":0.5,"stupid":0.8,"ugly":0.6,"annoying":0.6,
  "disappointing":0.6,"pointless":0.7,"lame":0.6,"painful":0.7,"tiresome":0.6,"bored":0.7,"angry":0.6,
  "disappointed":0.6,"annoyed":0.6,"sad":0.3};
def good_things: {
  "triumph":0.9,"joy":0.8,"delight":0.8,"masterpiece":1,"pleasure":0.7,"treat":0.7,"success":0.7,"gem":0.8,
  "charm":0.6,"wit":0.6,"heart":0.5,"style":0.5,"depth":0.5,"energy":0.5,"beauty":0.6,"fun":0.6};
def bad_things: {
  "mess":0.7,"failure":0.8,"bore":0.7,"disaster":1,"disappointment":0.7,"mistake":0.6,"waste":0.7,"flaws":0.5,
  "holes":0.5,"weaknesses":0.5,"faults":0.5,"clichés":0.4,"insult":0.8};
def good_deeds: {
  "loved":0.9,"liked":0.6,"enjoyed":0.7,"admired":0.7,"love":0.9,"like":0.6,"enjoy":0.7,"admire":0.7,"laugh":0.6,
  "smile":0.5,"cheer":0.6,"laughed":0.6,"smiled":0.5,"recommend":0.7,"recommended":0.7,"worked":0.5,"shone":0.7,
  "impressed":0.6,"amuse":0.5,"impress":0.6,"entertain":0.6};
def bad_deeds: {
  "hated":0.9,"disliked":0.6,"regretted":0.6,"hate":0.9,"dislike":0.6,"regret":0.6,"yawn":0.6,"cringe":0.6,"sigh":0.4,
  "yawned":0.6,"cringed":0.6,"failed":0.7,"fails":0.7,"fail":0.7,"dragged":0.5,"suffered":0.5,"annoys":0.6,
  "avoid":0.7};
# How much a degree of an adjective counts.
def degrees: {
  "very":1.25,"really":1.2,"truly":1.25,"utterly":1.4,"so":1.2,"quite":0.9,"rather":0.8,"simply":1.1,
  "somewhat":0.6,"slightly":0.5,"fairly":0.8,"deeply":1.25,"completely":1.3,"totally":1.3,"extremely":1.4,
  "absolutely":1.3,"pretty":0.9,"too":0.9,"always":1.1,"all":1,"also":1,"just":1,"most":1.2,"such":1.1,"more":1,
  "at":1,"only":1,"ever":1,"still":1};
# What a negator makes of what it governs: "never dull" says more than "hardly dull".
def negators: {
  "not":0.6,"never":0.8,"hardly":0.5,"barely":0.5,"scarcely":0.5,"neither":0.7,"nor":0.7,"nothing":0.8,
  "nobody":0.8,"no":0.8,"without":0.8,"lacked":0.8,"lacks":0.8,"lacking":0.8,"isn't":0.6,"wasn't":0.6,
  "weren't":0.6,"aren't":0.6,"didn't":0.7,"don't":0.7,"doesn't":0.7,"wouldn't":0.7,"couldn't":0.6,
  "can't":0.6,"cannot":0.6};
# Kinds of other words: v verb to be and its like, w any other verb, d determiner, p preposition, s pronoun
# that stands as a subject, o somebody whose opinion isn't the writer's, h hope or expectation, q plain
# quality ("long"), c conjunction that opens a clause, x "but" and its kin, y "although" and its kin.
def kinds: {
  "was":"v","were":"v","is":"v","are":"v","be":"v","been":"v","seemed":"v","felt":"v","looked":"v","sounded":"v",
  "stayed":"v","remained":"v","became":"v","am":"v","isn't":"v","wasn't":"v","weren't":"v","aren't":"v",
  "did":"w","do":"w","does":"w","had":"w","has":"w","have":"w","would":"w","will":"w","could":"w","can":"w",
  "made":"w","said":"w","thought":"w","found":"w","called":"w","watched":"w","saw":"w","took":"w","ran":"w",
  "slept":"w","left":"w","must":"w","say":"w","think":"w","lacked":"w","lacks":"w","didn't":"w","don't":"w",
  "doesn't":"w","wouldn't":"w","couldn't":"w","can't":"w","cannot":"w","told":"w","went":"w","saved":"w",
  "the":"d","a":"d","an":"d","my":"d","his":"d","her":"d","their":"d","our":"d","its":"d","every":"d","your":"d",
  "of":"p","with":"p","in":"p","on":"p","for":"p","about":"p","through":"p","to":"p","by":"p","without":"p",
  "from":"p","as":"p","into":"p","after":"p","than":"p",
  "i":"s","it":"s","we":"s","he":"s","she":"s","they":"s","everything":"s","this":"s","that":"s","there":"s",
  "nothing":"s","nobody":"s","you":"s",
  "sister":"o","brother":"o","friend":"o","friends":"o","mother":"o","father":"o","neighbour":"o","critics":"o",
  "wife":"o","husband":"o","people":"o",
  "hoped":"h","expected":"h","wanted":"h","wished":"h","hope":"h","expect":"h","should":"h","might":"h","feared":"h",
  "if":"h","supposed":"h",
  "long":"q","short":"q","quiet":"q","loud":"q","simple":"q","familiar":"q","strange":"q","old":"q","dark":"q",
  "slow":"q","modern":"q","serious":"q",
  "and":"c","or":"c","nor":"c","because":"c","since":"c","when":"c","which":"c","who":"c","where":"c",
  "but":"x","yet":"x","however":"x","nevertheless":"x",
  "although":"y","though":"y","despite":"y","while":"y","whilst":"y"};

def mean: if length == 0 then 0 else add / length end;

# The state of the parse. `subject`, `verb` (v, w or null) and `place` (where a quality may stand: after a
# "link" such as was, or after an "object" as in "found it dull") say how far the clause's grammar has got;
# `factor` is what a negator made of it, `said` what it asserts, `from` its first token; `start` is the
# first clause of the sentence. (Flat, and without +=, because jq 1.6 updates such a state 3 times faster.)
def fresh: {"role":"main","subject":false,"verb":null,"place":null,"factor":1,"negated":false,"degree":1,
            "other":false,"hope":false,"said":[],"breaches":0};
def beginning: fresh + {clauses: [], start: 0, faults: 0, used: {}, from: 0};

# Closes the clause that ends before token $i; `role` is the next one's.
def close($role; $i):
  (if $i - .from < 2 and .said == [] then .
   else .clauses = .clauses + [{weight: (if .role == "conceded" then 0.4 else 1 end),
                                opinion: (.said != [] and (.hope | not)),
                                value: ((.said | mean)
                                        * (if .other then 0.5 else 1 end)
                                        * (if .breaches > 0 then 0.25 else 1 end)
                                        * (if .verb == null and .role != "conceded" then 0.5 else 1 end))}]
   end)
  | .faults = .faults + .breaches
  | . + fresh
  | .role = $role | .from = $i + 1;

# "X but": all that the sentence said before (or the last sentence, where "but" opens one) was conceded.
def concede:
  (if .start < (.clauses | length) then .start else ([.start - 1, 0] | max) end) as $from
  | .clauses = [.clauses | to_entries[] | if .key >= $from then .value.weight *= 0.4 else . end | .value];

def quality($w): good_qualities[$w] // -bad_qualities[$w];
def thing($w): good_things[$w] // -bad_things[$w];
def deed($w): good_deeds[$w] // -bad_deeds[$w];

def kind_of($w): if good_qualities[$w] or bad_qualities[$w] then "a" elif good_things[$w] or bad_things[$w] then "n"
                 elif good_deeds[$w] or bad_deeds[$w] then "e"
                 elif negators[$w] and (kinds[$w] == null) then "g" elif degrees[$w] then "i"
                 else kinds[$w] // "z" end;

def fault: .breaches = .breaches + 1;
def noun: if .verb == null then .subject = true else . end;
def verb: if .verb then . else .verb = "w" end;

# Asserts word $w of value $v: turned by the negators in force, or strengthened; a word counts once.
def assert($w; $v):
  if .used[$w] then .
  else .used[$w] = true
  | .said = .said + [if .negated then $v * .factor
                      else [[$v * .degree, 1] | min, -1] | max end]
  end
  | .degree = 1;
def stray($w; $v): fault | assert($w; 0.15 * $v);

# From here to the end of the clause opinions turn round and count $f.
def negate($f): .factor = -$f * .factor | .negated = true;

# "nothing short of", "not only": no denial.
def denies($w; $next):
  negators[$w] and ({"only":1,"just":1,"merely":1,"doubt":1,"question":1,"short":1,"but":1,"less":1}[$next] | not);

def adjective($w; $before; $after; $beyond):
  quality($w) as $v
  | if .place and (("vigc,px" | contains($before)) or (.place == "object" and $before != "a"))
    then assert($w; $v)
    elif (("znqa" | contains($after)) or ($after == "," and ("aiz" | contains($beyond))))
         and ("dipa,wgq" | contains($before))
    then assert($w; $v)
    elif $before == "s" and .negated then assert($w; $v)      # nothing good about it
    else stray($w; $v) end
  | noun;

def act($w; $before; $next):
  if {"failed":1,"fails":1,"fail":1}[$w] and $next == "to" then negate(0.8)
  elif .subject and ("soznwgipq" | contains($before)) then assert($w; deed($w))
  elif .subject and $before == "v" then .                      # "it was like a dream"
  else stray($w; deed($w)) end
  | verb;

# "and": goes on in the predicate, or opens a clause, with the same subject where it goes on with a verb.
def conjunction($w; $after; $next; $i):
  if $w == "nor" then .factor = -0.7 | .negated = true else . end
  | if .verb == null or ($after == "n") or (.place and ("aigq" | contains($after)))
    then (if $next == "always" then .factor = 1 | .negated = false else . end)
    else close(.role; $i) | .subject = ("vwegi" | contains($after)) end;

def but($last; $after; $i):
  if $last == "anything" then negate(0.8)
  elif $last == "nothing" then .
  else close("main"; $i) | concede
  | .subject = ("vweaig" | contains($after))
  | if ("aig" | contains($after)) then .place = "link" | .verb = "v" else . end
  end;

def although($w; $after; $i):
  if $w == "while" and $i > .from then .
  elif (".," | contains($after)) then concede
  else close("conceded"; $i) end;

def step($t; $k; $i):
  $t[$i] as $w | $k[$i] as $kind
  | (if $i > 0 then $t[$i - 1] else "" end) as $last | (if $i > 0 then $k[$i - 1] else "." end) as $before
  | ($t[$i + 1] // "") as $next | ($k[$i + 1] // ".") as $after
  | if $kind == "." then close("main"; $i) | .start = (.clauses | length)
    elif $kind == "," then
      if $before == "a" and ("aig" | contains($after)) then . else close("main"; $i) end
    elif $kind == "x" then but($last; $after; $i)
    elif $kind == "y" then although($w; $after; $i)
    else
      (if $w == $last then fault else . end)
      | (if $w != "nor" and denies($w; $next) then negate(negators[$w])
         elif ($w == "far" and $next == "from") or ($w == "less" and $next == "than") then negate(0.8)
         else . end)
      | (if $kind == "c" then conjunction($w; $after; $next; $i)
         elif $kind == "a" then adjective($w; $before; $after; $k[$i + 2] // ".")
         elif $kind == "e" then act($w; $before; $next)
         elif $kind == "n" then
           if "dapgqwc" | contains($before) then assert($w; thing($w)) else stray($w; thing($w)) end
         elif $kind == "i" then
           .degree = degrees[$w]
           | if (".,vcx" | contains($after))
                and {"very":1,"truly":1,"utterly":1,"quite":1,"rather":1,"slightly":1,"fairly":1,"too":1,"such":1}[$w]
             then fault else . end
         elif $kind == "v" then
           (if ("dvip" | contains($before)) or (.subject | not)
               or (.place == "link" and (.said | length) > 0) then fault else . end)
           | .verb = "v" | .place = "link"
         elif $kind == "w" then
           (if $before == "d" then fault else . end) | verb
           | if {"found":1,"called":1,"made":1,"left":1,"thought":1,"think":1}[$w] then .place = "object" else . end
         elif $kind == "d" then if ("d.,vwxycps" | contains($after)) then fault else . end
         elif $kind == "p" then if (".,vx" | contains($after)) then fault else . end
         elif $kind == "o" then if .verb == null then .other = true | .subject = true else . end
         elif $kind == "h" then .hope = true | verb
         elif $kind == "q" then if $last == "too" then assert($w; -0.5) else . end | noun
         elif $kind == "s" then if $before == "d" then fault else . end | noun
         elif $kind == "z" then noun
         else . end)
    end;

# The share of triples of words that were there before. (As strings: jq 1.6 takes two slices of an array for equal.)
def repetition: (. - [".", ","]) as $w
  | ($w | length - 2) as $n
  | if $n < 1 then 0
    else ([range($n) as $i | $w[$i] + " " + $w[$i + 1] + " " + $w[$i + 2]] | $n - (unique | length)) / $n end;

def judge($text):
  [$text | ascii_downcase | split("\u2019") | join("'") | scan("[a-z0-9'\u00c0-\uffff]+|[.!?;:,]")
   | if {"!":1,"?":1,";":1,":":1}[.] then "." else . end] as $t
  | [$t[] | if . == "." or . == "," then . else kind_of(.) end] as $k
  | ($k[-1] == ".") as $ended
  | reduce range($t | length) as $i (beginning; step($t; $k; $i))
  | (if $ended then . else fault | close("main"; $t | length) end)
  | . as $all
  | [.clauses[] | if .opinion then . else .value = 0 | .weight *= 0.3 end] as $c
  | ($c | map(select(.opinion)) | length) as $sure
  | (if ($c | length) == 0 then 0
     else ($c | map(.weight * .value) | add) / ($c | map(.weight) | add) * ([0, 0.7, 0.9][$sure] // 1) end)
  | (if $ended then . else . * 0.5 - 0.15 end) as $r
  | $r - 0.1 * ([$all.faults, 5] | min) - ($t | repetition)
  | [[., 1] | min, -0.99] | max | . * 10000 | round / 10000;

($ARGS.named.field // "reward") as $field
| .[$field] = if (.response // .text // "" | test("[a-zA-Z0-9\u00c0-\uffff]"))
               then judge((.prompt // "") + (.response // .text))
               else -1 end
