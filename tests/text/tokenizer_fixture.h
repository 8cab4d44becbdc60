// A small tokenizer.json made part by part: 256 bytes in GPT-2's order ('!' is 0, 'a' is 64, line feed is 198,
// space is 220), then a token for each merge.
#pragma once

#include <string>
#include <vector>

#include "lib/text/byte_level.h"
#include "lib/text/tokenizer.h"
#include "tests/harness/harness.h"

namespace nudge::test {

using Ids = std::vector<std::int32_t>;

struct TokenizerFixture {
  std::vector<std::pair<std::string, std::string>> merges;  // in byte-level characters, "Ġ" for the space
  std::vector<std::string> more_tokens;                     // behind the merged ones
  std::string added = "[]", normalizer = "null", post_processor = "null", decoder = R"({"type":"ByteLevel"})";
  std::string pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":true})";
  std::string model_options;  // such as "\"ignore_merges\":true,"
  std::string config;
  int bytes = 256;  // how many of the bytes' tokens there are

  std::string json() const {
    std::string vocab, list;
    int id = 0;
    const auto add = [&](const std::string& token) {
      const std::string written = token == "\"" || token == "\\" ? "\\" + token : token;
      vocab += (id == 0 ? "\"" : ",\"") + written + "\":" + std::to_string(id);
      ++id;
    };
    for (int rank = 0; rank < bytes; ++rank) {
      add(to_byte_level(std::string(1, static_cast<char>(byte_level_order(rank)))));
    }
    for (const auto& [left, right] : merges) {
      add(left + right);
      list += (list.empty() ? "[\"" : ",[\"") + left + "\",\"" + right + "\"]";
    }
    for (const std::string& token : more_tokens) add(token);
    return "{\"added_tokens\":" + added + ",\"normalizer\":" + normalizer + ",\"pre_tokenizer\":" + pre_tokenizer +
           ",\"post_processor\":" + post_processor + ",\"decoder\":" + decoder + ",\"model\":{\"type\":\"BPE\"," +
           model_options + "\"vocab\":{" + vocab + "},\"merges\":[" + list + "]}}";
  }
  Tokenizer make() const { return Tokenizer::from_json(json(), config, "folder"); }
  Ids encode(std::string_view text) const { return make().encode(text); }
};

}  // namespace nudge::test
