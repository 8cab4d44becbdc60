// How fast a tokenizer encodes: ordinary English, and one endless word of either kind. The vocabulary is that of the
// folders given, else GPT-2's where the oracle's folder is found, else one learnt from the text on the spot.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/text/bpe_trainer.h"
#include "lib/text/tokenizer.h"

using namespace nudge;

namespace {

// English-like: words of a fixed list by Zipf's law, one in eight made of syllables, with the punctuation,
// contractions, numbers and paragraphs of ordinary prose.
std::string english(std::size_t size) {
  static const char* const words[] = {
      "the",     "of",        "and",        "to",         "a",          "in",       "that",     "is",      "was",
      "he",      "for",       "it",         "with",       "as",         "his",      "on",       "be",      "at",
      "by",      "I",         "this",       "had",        "not",        "are",      "but",      "from",    "or",
      "have",    "an",        "they",       "which",      "one",        "you",      "were",     "her",     "all",
      "she",     "there",     "would",      "their",      "we",         "him",      "been",     "has",     "when",
      "who",     "will",      "more",       "no",         "if",         "out",      "so",       "said",    "what",
      "up",      "its",       "about",      "into",       "than",       "them",     "can",      "only",    "other",
      "new",     "some",      "could",      "time",       "these",      "two",      "may",      "then",    "do",
      "first",   "any",       "my",         "now",        "such",       "like",     "our",      "over",    "man",
      "me",      "even",      "most",       "made",       "after",      "also",     "did",      "many",    "before",
      "must",    "through",   "back",       "years",      "where",      "much",     "your",     "way",     "well",
      "down",    "should",    "because",    "each",       "just",       "those",    "people",   "how",     "too",
      "little",  "state",     "good",       "very",       "make",       "world",    "still",    "own",     "see",
      "men",     "work",      "long",       "get",        "here",       "between",  "both",     "life",    "being",
      "under",   "never",     "day",        "same",       "another",    "know",     "while",    "last",    "might",
      "great",   "old",       "year",       "off",        "come",       "since",    "against",  "go",      "came",
      "right",   "used",      "take",       "three",      "government", "language", "question", "answer",  "children",
      "however", "different", "important",  "sometimes",  "understand", "river",    "mountain", "morning", "evening",
      "nothing", "something", "themselves", "experience", "history",    "knowledge"};
  static const char* const syllables[] = {"ba",  "con", "der", "el",   "for", "ing", "ka",  "lo",  "men", "ner", "or",
                                          "pre", "ra",  "ser", "tion", "un",  "ver", "wil", "ton", "ly",  "es",  "th"};
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::string text;
  bool capital = true;
  while (text.size() < size) {
    std::string word;
    if (below(8) == 0) {
      for (std::size_t i = 2 + below(3); i > 0; --i) word += syllables[below(std::size(syllables))];
    } else {
      const std::size_t n = std::size(words);
      word = words[std::min({below(n), below(n), below(n)})];
    }
    if (capital) word[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])));
    capital = false;
    text += word;
    switch (below(60)) {
      case 0: text += "'s"; break;
      case 1: text += " " + std::to_string(below(2000)); break;
      case 2: text += " (as it was)"; break;
      default: break;
    }
    switch (below(14)) {
      case 0:
        text += below(6) == 0 ? ".\n\n" : ". ";
        capital = true;
        break;
      case 1: text += ", "; break;
      default: text += ' ';
    }
  }
  return text;
}

std::string letters(std::size_t size) {
  std::mt19937 random(2);
  std::string text(size, 'a');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

// Seconds of the fastest of some calls.
double seconds(int repeats, const Tokenizer& tokenizer, const std::string& text, std::size_t& tokens) {
  double fastest = 1e9;
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    tokens = tokenizer.encode(text).size();
    fastest = std::min(fastest, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return fastest;
}

void measure(const Tokenizer& tokenizer, const char* name) {
  const auto row = [&](const char* what, const std::string& text, int repeats) {
    std::size_t tokens = 0;
    const double s = seconds(repeats, tokenizer, text, tokens);
    const auto bytes = static_cast<double>(text.size());
    std::printf("  encode %-33s %8.1f MB/s    %5.2f bytes a token\n", what, bytes / s / 1e6,
                bytes / static_cast<double>(tokens));
  };
  std::printf("tokenizer of %s, %d tokens, 1 thread\n", name, tokenizer.vocab_size());
  row("English, 8 MB", english(8000000), 7);
  row("one word of 1 MB of a", std::string(1000000, 'a'), 3);
  row("one word of 1 MB of random letters", letters(1000000), 3);
  row("one word of 2 MB of random letters", letters(2000000), 3);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    for (int i = 1; i < argc; ++i) measure(Tokenizer::load(argv[i]), argv[i]);
    if (argc > 1) return 0;
    const char* named = std::getenv("NUDGE_ORACLE");
    const std::string gpt2 = (named != nullptr ? std::string(named) : "../shared/oracle") + "/tok/gpt2";
    if (std::filesystem::exists(gpt2)) {
      measure(Tokenizer::load(gpt2), "GPT-2");
    } else {
      const std::string text = english(2000000);
      const TrainedTokenizer trained = train_bpe({&text, 1}, {.vocab_size = 4096});
      measure(Tokenizer::from_json(trained.tokenizer_json, trained.tokenizer_config_json, "learnt"), "its own text");
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_tokenizer: %s\n", error.what());
    return 1;
  }
}
