// A small tokenizer.json of SentencePiece's kind, as Llama 2 has it: <unk> 0, <s> 1, </s> 2, <0x00> to <0xFF> 3 to
// 258, then the characters of `characters`, then a token for each merge.
#pragma once

#include <cstdio>

#include "tests/text/tokenizer_fixture.h"

namespace nudge::test {

struct CharactersFixture {
  std::vector<std::string> characters = {"▁", "a", "b", "c", "é", "中"};  // 259 to 264
  std::vector<std::pair<std::string, std::string>> merges = {
      {"▁", "a"}, {"b", "c"}, {"▁a", "bc"}, {"▁", "▁"}, {"▁▁", "▁▁"}};  // 265 ▁a, bc, ▁abc, ▁▁, 269 ▁▁▁▁
  std::string normalizer = R"({"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},
                               {"type":"Replace","pattern":{"String":" "},"content":"▁"}]})";
  std::string pre_tokenizer = "null";
  std::string post_processor = "null";
  std::string decoder = R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},
    {"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]})";
  std::string added = R"([{"id":0,"content":"<unk>","special":true},{"id":1,"content":"<s>","special":true},
                          {"id":2,"content":"</s>","special":true}])";
  std::string model_options = R"("unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,)";
  std::string config;
  bool bytes = true;  // false: without <0x80> to <0xFF>, which are then named <no80> and so on

  static std::string byte_token(int byte) {
    char text[16];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    return text;
  }
  std::string json() const {
    std::string vocab, list;
    int id = 0;
    const auto add = [&](const std::string& token) {
      vocab += (id == 0 ? "\"" : ",\"") + token + "\":" + std::to_string(id);
      ++id;
    };
    for (const char* token : {"<unk>", "<s>", "</s>"}) add(token);
    for (int b = 0; b < 256; ++b) add(bytes || b < 128 ? byte_token(b) : "<no" + byte_token(b).substr(3));
    for (const std::string& token : characters) add(token);
    for (const auto& [left, right] : merges) {
      if (vocab.find("\"" + left + right + "\":") == vocab.npos) add(left + right);
      list += (list.empty() ? "\"" : ",\"") + left + " " + right + "\"";
    }
    return "{\"added_tokens\":" + added + ",\"normalizer\":" + normalizer + ",\"pre_tokenizer\":" + pre_tokenizer +
           ",\"post_processor\":" + post_processor + ",\"decoder\":" + decoder + ",\"model\":{\"type\":\"BPE\"," +
           model_options + "\"vocab\":{" + vocab + "},\"merges\":[" + list + "]}}";
  }
  Tokenizer make() const { return Tokenizer::from_json(json(), config, "folder"); }
  Ids encode(std::string_view text) const { return make().encode(text); }
};

// Metaspace as a pre-tokenizer alone, as newer files have it.
inline CharactersFixture metaspace(const std::string& fields) {
  CharactersFixture fixture;
  fixture.normalizer = "null";
  fixture.pre_tokenizer = R"({"type":"Metaspace","replacement":"▁",)" + fields + "}";
  return fixture;
}

}  // namespace nudge::test
