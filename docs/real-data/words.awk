# Bradley and Terry's model on bags of words, the yardstick for a reward model: an answer's reward is the sum of
# the weights of the different words in it. Trained by plain stochastic gradient descent, in the order given.
#
#   awk -f words.awk TRAIN HELD_OUT      lines of: chosen TAB rejected, words separated by spaces
#
# prints the accuracy on HELD_OUT; equal rewards count a half.
BEGIN {
  FS = "\t"
  passes = 8
  rate = 0.05
  decay = 0.001
}
FNR == 1 { file++ }
file == 1 { trained++ }
{ chosen[NR] = $1; rejected[NR] = $2 }

# difference: word => +1 in the chosen answer alone, -1 in the rejected one alone.
function compare(n,    words, seen, i, k) {
  split("", difference)
  split("", seen)
  k = split(chosen[n], words, " ")
  for (i = 1; i <= k; i++) if (!seen[words[i]]++) difference[words[i]] += 1
  split("", seen)
  k = split(rejected[n], words, " ")
  for (i = 1; i <= k; i++) if (!seen[words[i]]++) difference[words[i]] -= 1
}
function margin(    word, sum) {
  for (word in difference) sum += weight[word] * difference[word]
  return sum + 0
}
END {
  for (pass = 1; pass <= passes; pass++)
    for (n = 1; n <= trained; n++) {
      compare(n)
      push = rate / (1 + exp(margin()))
      for (word in difference)
        if (difference[word] != 0)
          weight[word] = weight[word] * (1 - rate * decay) + push * difference[word]
    }
  for (; n <= NR; n++) {
    compare(n)
    m = margin()
    right += m > 0 ? 1 : m == 0 ? 0.5 : 0
  }
  printf "%.4f\n", right / (NR - trained)
}
