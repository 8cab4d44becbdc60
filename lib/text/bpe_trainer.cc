#include "lib/text/bpe_trainer.h"

#include <algorithm>
#include <deque>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/error.h"
#include "lib/text/added_tokens.h"
#include "lib/text/byte_level.h"
#include "lib/text/pretokenize.h"
#include "lib/text/tokenizer_config.h"
#include "lib/text/unicode.h"

namespace nudge {
namespace {

constexpr std::string_view kEndOfText = "<|endoftext|>", kPad = "<|pad|>";
constexpr std::size_t kLongestWord = 1024;  // bytes

using WordCounts = std::unordered_map<std::string_view, std::int64_t>;

// How the family's transformers class treats texts.
struct Style {
  const char* class_name;
  bool nfc, qwen;  // composes characters; splits words like Qwen, or else like GPT-2
};

Style style_of(std::string_view family) {
  if (family == "gpt2") return {"GPT2Tokenizer", false, false};
  if (family == "gpt_neox") return {"GPTNeoXTokenizer", true, false};
  if (family == "qwen2" || family == "qwen3") return {"Qwen2Tokenizer", true, true};
  return {"PreTrainedTokenizerFast", false, false};  // follows tokenizer.json
}

void count_words(std::string_view document, const Style& style, WordCounts& counts) {
  for (std::size_t begin = 0; begin < document.size();) {
    const std::size_t end = style.qwen ? llama3_word_end(document, begin, 1) : gpt2_word_end(document, begin);
    for (; begin < end; begin += std::min(kLongestWord, end - begin)) {
      ++counts[document.substr(begin, std::min(kLongestWord, end - begin))];
    }
  }
}

// The documents of all texts, split at special tokens. `composed` holds those that NFC changes.
std::vector<std::string_view> documents_of(std::span<const std::string> texts, const Style& style, bool pad,
                                           std::deque<std::string>& composed) {
  AddedTokenFinder special;
  special.insert(kEndOfText, {});
  if (pad) special.insert(kPad, {});
  std::vector<std::string_view> documents;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t valid = valid_utf8_prefix(texts[i]);
    if (valid < texts[i].size()) {
      bad_input("text " + std::to_string(i) + " is not UTF-8 at byte " + std::to_string(valid));
    }
    for (const TextPiece& piece : special.split(texts[i])) {
      if (piece.id >= 0) continue;
      documents.push_back(style.nfc ? composed.emplace_back(nfc(piece.text)) : piece.text);
    }
  }
  return documents;
}

struct Word {
  std::vector<std::int32_t> ids;
  std::int64_t count;
};

// The counts of all pairs, updated as words change.
class Pairs {
 public:
  static std::uint64_t of(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  }

  void add(std::uint64_t pair, std::int64_t count) { pairs_[pair].count += count; }
  void found_in(std::uint64_t pair, std::uint32_t word) {
    std::vector<std::uint32_t>& words = pairs_[pair].words;
    if (words.empty() || words.back() != word) words.push_back(word);
  }
  // Queues the pair's current count for pop_best().
  void queue(std::uint64_t pair) {
    const std::int64_t count = pairs_[pair].count;
    if (count >= 2) queue_.push({count, pair});
  }
  void queue_all() {
    for (const auto& [pair, info] : pairs_) {
      if (info.count >= 2) queue_.push({info.count, pair});
    }
  }

  // The most frequent pair that occurs at least twice, and the words that contained it; false if none is left.
  bool pop_best(std::uint64_t& pair, std::vector<std::uint32_t>& words) {
    while (!queue_.empty()) {
      const Entry entry = queue_.top();
      queue_.pop();
      Info& info = pairs_[entry.pair];
      if (info.count != entry.count) {  // stale; a higher count has its own entry
        if (info.count < entry.count) queue(entry.pair);
        continue;
      }
      pair = entry.pair;
      words = std::move(info.words);
      return true;
    }
    return false;
  }

 private:
  struct Info {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words;
  };
  struct Entry {
    std::int64_t count;
    std::uint64_t pair;
    bool operator<(const Entry& other) const { return count != other.count ? count < other.count : pair > other.pair; }
  };
  std::unordered_map<std::uint64_t, Info> pairs_;
  std::priority_queue<Entry> queue_;
};

class Trainer {
 public:
  explicit Trainer(const WordCounts& counts) {
    std::int32_t id_of_byte[256];
    for (int rank = 0; rank < 256; ++rank) {
      const unsigned char byte = byte_level_order(rank);
      id_of_byte[byte] = rank;
      tokens.emplace_back(1, static_cast<char>(byte));
    }
    for (const auto& [text, count] : counts) {
      Word word{{}, count};
      for (const char c : text) word.ids.push_back(id_of_byte[static_cast<unsigned char>(c)]);
      const auto index = static_cast<std::uint32_t>(words_.size());
      for (std::size_t i = 0; i + 1 < word.ids.size(); ++i) {
        pairs_.add(Pairs::of(word.ids[i], word.ids[i + 1]), count);
        pairs_.found_in(Pairs::of(word.ids[i], word.ids[i + 1]), index);
      }
      words_.push_back(std::move(word));
    }
    pairs_.queue_all();
  }

  // Merges until there are `size` tokens or no pair is left.
  void run(std::size_t size) {
    std::uint64_t pair = 0;
    std::vector<std::uint32_t> found;
    while (tokens.size() < size && pairs_.pop_best(pair, found)) {
      const auto left = static_cast<std::int32_t>(pair >> 32), right = static_cast<std::int32_t>(pair);
      merges.push_back({left, right});
      // No two merges give the same text: how a token's bytes merge doesn't depend on their surroundings.
      const auto joined = static_cast<std::int32_t>(tokens.size());
      tokens.push_back(tokens[static_cast<std::size_t>(left)] + tokens[static_cast<std::size_t>(right)]);
      grown_.clear();
      for (const std::uint32_t word : found) merge_in(word, left, right, joined);
      for (const std::uint64_t changed : grown_) pairs_.queue(changed);
    }
  }

  std::vector<std::string> tokens;  // bytes, by id
  std::vector<std::pair<std::int32_t, std::int32_t>> merges;

 private:
  void change(std::int32_t left, std::int32_t right, std::int64_t count, std::uint32_t word) {
    const std::uint64_t pair = Pairs::of(left, right);
    pairs_.add(pair, count);
    if (count < 0) return;
    pairs_.found_in(pair, word);
    grown_.push_back(pair);
  }

  // Merges every occurrence of the pair in a word; only the adjacent pairs change.
  void merge_in(std::uint32_t index, std::int32_t left, std::int32_t right, std::int32_t joined) {
    std::vector<std::int32_t>& ids = words_[index].ids;
    const std::int64_t count = words_[index].count;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] != left || i + 1 == ids.size() || ids[i + 1] != right) {
        ids[kept++] = ids[i];
        continue;
      }
      pairs_.add(Pairs::of(left, right), -count);
      if (kept > 0) {
        change(ids[kept - 1], left, -count, index);
        change(ids[kept - 1], joined, count, index);
      }
      if (i + 2 < ids.size()) {
        change(right, ids[i + 2], -count, index);
        change(joined, ids[i + 2], count, index);
      }
      ids[kept++] = joined;
      ++i;
    }
    ids.resize(kept);
  }

  std::vector<Word> words_;
  Pairs pairs_;
  std::vector<std::uint64_t> grown_;  // pairs whose count the current merge increased
};

std::string json_string(const std::string& bytes) {
  std::string out = "\"";
  for (const char c : to_byte_level(bytes)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string special_entry(std::string_view content, std::size_t id) {
  return "{\"id\": " + std::to_string(id) + ", \"content\": \"" + std::string(content) +
         "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, "
         "\"special\": true}";
}

// The pipeline around the model, as built into the class.
std::string pipeline_json(const Style& style) {
  const char* words = "\"trim_offsets\": true, \"use_regex\": true}";
  std::string pre = std::string("{\"type\": \"ByteLevel\", \"add_prefix_space\": false, ") + words;
  if (style.qwen) {
    pre = std::string("{\"type\": \"Sequence\", \"pretokenizers\": [\n") +
          "    {\"type\": \"Split\", \"pattern\": {\"Regex\": \"" + std::string(kQwen2Words) +
          "\"}, \"behavior\": \"Isolated\", \"invert\": false},\n" +
          "    {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, "
          "\"use_regex\": false}\n  ]}";
  }
  std::string out = std::string("  \"normalizer\": ") + (style.nfc ? "{\"type\": \"NFC\"}" : "null") + ",\n";
  out += "  \"pre_tokenizer\": " + pre + ",\n";
  out += std::string("  \"post_processor\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, ") + words + ",\n";
  return out + "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, " + words + ",\n";
}

std::string tokenizer_json(const Trainer& trained, const Style& style, bool pad) {
  const std::size_t end = trained.tokens.size();
  std::string out =
      "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n"
      "  \"added_tokens\": [\n    " +
      special_entry(kEndOfText, end);
  if (pad) out += ",\n    " + special_entry(kPad, end + 1);
  out += "\n  ],\n" + pipeline_json(style);
  out +=
      "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n"
      "    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n"
      "    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n    \"vocab\": {\n";
  for (std::size_t id = 0; id < end; ++id) {
    out += "      " + json_string(trained.tokens[id]) + ": " + std::to_string(id) + ",\n";
  }
  out += "      \"<|endoftext|>\": " + std::to_string(end);
  if (pad) out += ",\n      \"<|pad|>\": " + std::to_string(end + 1);
  out += "\n    },\n    \"merges\": [";
  const char* separator = "\n      ";
  for (const auto& [left, right] : trained.merges) {
    const std::string l = json_string(trained.tokens[static_cast<std::size_t>(left)]);
    const std::string r = json_string(trained.tokens[static_cast<std::size_t>(right)]);
    out += separator + l.substr(0, l.size() - 1) + " " + r.substr(1);  // "left right", which every reader accepts
    separator = ",\n      ";
  }
  return out + (trained.merges.empty() ? "" : "\n    ") + "]\n  }\n}\n";
}

// A class adds its built-in tokens unless the configuration names others.
std::string config_json(const Style& style, bool pad) {
  return std::string("{\n  \"add_prefix_space\": false,\n  \"bos_token\": \"<|endoftext|>\",\n") +
         "  \"eos_token\": \"<|endoftext|>\",\n  \"pad_token\": " + (pad ? "\"<|pad|>\"" : "null") +
         ",\n  \"tokenizer_class\": \"" + style.class_name + "\",\n  \"unk_token\": \"<|endoftext|>\"\n}\n";
}

}  // namespace

TrainedTokenizer train_bpe(std::span<const std::string> texts, const BpeTraining& training) {
  const std::int32_t special = training.pad ? 2 : 1;
  if (training.vocab_size < 256 + special) {
    usage_error("a vocabulary of " + std::to_string(training.vocab_size) + " is too small: 256 bytes" +
                (training.pad ? ", <|endoftext|> and <|pad|>" : " and <|endoftext|>") + " are " +
                std::to_string(256 + special));
  }
  const Style style = style_of(training.family);
  std::deque<std::string> composed;
  WordCounts counts;
  for (const std::string_view document : documents_of(texts, style, training.pad, composed)) {
    count_words(document, style, counts);
  }
  Trainer trained(counts);
  trained.run(static_cast<std::size_t>(training.vocab_size - special));
  TrainedTokenizer out;
  out.tokenizer_json = tokenizer_json(trained, style, training.pad);
  out.tokenizer_config_json = config_json(style, training.pad);
  out.vocab_size = static_cast<std::int32_t>(trained.tokens.size()) + special;
  return out;
}

}  // namespace nudge
