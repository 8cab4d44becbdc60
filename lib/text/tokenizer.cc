#include "lib/text/tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/io/files.h"
#include "lib/io/json.h"
#include "lib/text/added_tokens.h"
#include "lib/text/bpe.h"
#include "lib/text/byte_level.h"
#include "lib/text/pretokenize.h"
#include "lib/text/tokenizer_config.h"
#include "lib/text/tokenizer_parts.h"
#include "lib/text/unicode.h"

namespace nudge {

struct Tokenizer::Impl {
  Bpe bpe;
  PreTokenizer pre_tokenizer;
  std::vector<NormalizerStep> normalizer;
  TokenDecoder decoder;
  AddedTokenFinder raw, normalized;  // added tokens matched before and after normalization
  std::vector<std::int32_t> before, after;
  std::vector<std::string> bytes;  // by id: a token's bytes in the middle of a text
  std::vector<std::string> texts;  // by id: the decoder's input; empty if decoding only concatenates bytes
  std::vector<bool> special;       // by id
  std::vector<bool> present;       // by id: there is a token
  std::vector<AddedToken> added;
  std::int32_t eos = -1, bos = -1, pad = -1;
  std::string digest, json, config;
  std::vector<std::pair<std::string, std::string>> older_files, template_files, named;

  Impl(std::vector<std::string> token_bytes, const TokenizerParts& parts)
      : bpe(std::move(token_bytes), parts.merges, parts.options), pre_tokenizer(parts.steps),
        normalizer(parts.normalizer), decoder(parts.decoder) {}

  void encode_normalized(std::string_view text, TextPlace start, std::vector<std::int32_t>& out) const {
    for (const TextPiece& piece : normalized.split(text)) {
      if (piece.id >= 0) {
        out.push_back(piece.id);
      } else {
        pre_tokenizer.words(piece.text, piece.text.data() == text.data() ? start : TextPlace::kInside,
                            [&](std::string_view word) { bpe.encode(word, out); });
      }
    }
  }

  // `start`: the place of the text's first piece, unless that is an added token.
  void encode(std::string_view text, TextPlace start, std::vector<std::int32_t>& out) const {
    if (text.size() > std::numeric_limits<std::int32_t>::max()) bad_input("the text is longer than 2 GiB");
    const std::size_t valid = valid_utf8_prefix(text);
    if (valid < text.size()) bad_input("the text is not UTF-8 at byte " + std::to_string(valid));
    for (const TextPiece& piece : raw.split(text)) {
      const TextPlace place = piece.text.data() == text.data() ? start : TextPlace::kInside;
      if (piece.id >= 0) {
        out.push_back(piece.id);
      } else if (normalizer.empty()) {
        encode_normalized(piece.text, place, out);
      } else {
        encode_normalized(normalize(normalizer, piece.text, place != TextPlace::kContinues), place, out);
      }
    }
  }

  bool is_text(std::int32_t id, bool skip_special) const {
    if (id < 0 || static_cast<std::size_t>(id) >= bytes.size() || !present[static_cast<std::size_t>(id)]) return false;
    return !skip_special || !special[static_cast<std::size_t>(id)];
  }
  std::string bytes_of(std::span<const std::int32_t> ids, bool skip_special) const {
    std::string out;
    for (const std::int32_t id : ids) {
      if (is_text(id, skip_special)) out += bytes[static_cast<std::size_t>(id)];
    }
    return out;
  }
  std::vector<std::string> texts_of(std::span<const std::int32_t> ids, bool skip_special) const {
    std::vector<std::string> out;
    for (const std::int32_t id : ids) {
      if (is_text(id, skip_special)) out.push_back(texts[static_cast<std::size_t>(id)]);
    }
    return out;
  }
};

namespace {

std::string digest_of(const TokenizerParts& parts) {
  Digest digest;
  const BpeOptions& options = parts.options;
  digest.text(options.alphabet == BpeAlphabet::kBytes ? "byte-level BPE" : "BPE of characters");
  if (options.byte_fallback) digest.text("byte fallback");
  digest.number(static_cast<std::int64_t>(parts.tokens.size()));
  for (const std::string& token : parts.tokens) digest.text(token);
  digest.number(static_cast<std::int64_t>(parts.merges.size()));
  for (const BpeMerge& merge : parts.merges) digest.number(merge.left).number(merge.right);
  for (const AddedToken& t : parts.added) {
    digest.number(t.id).number(t.special | t.lstrip << 1 | t.rstrip << 2 | t.single_word << 3 | t.normalized << 4);
  }
  digest.text(parts.pipeline);
  for (const std::int32_t id : parts.before) digest.number(id);
  digest.text("text");
  for (const std::int32_t id : parts.after) digest.number(id);
  return digest.number(options.ignore_merges).number(options.fuse_unknown).number(options.unknown).hex();
}

// The id of a token named by the files or the class. If they don't mention it: <|endoftext|>, if `by_default` and that
// is a special token.
std::int32_t named_id(const NamedToken& name, bool by_default, const TokenizerParts& parts) {
  const bool named = name.said || !name.token.content.empty();
  for (const AddedToken& token : parts.added) {
    const bool end_of_text = by_default && token.special && token.content == "<|endoftext|>";
    if (named ? token.content == name.token.content : end_of_text) return token.id;
  }
  return -1;
}

std::vector<std::pair<std::string, std::string>> read_template_files(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> all;
  const auto take = [&](const std::string& name) { all.emplace_back(name, read_file(folder + "/" + name)); };
  if (file_exists(folder + "/chat_template.jinja")) take("chat_template.jinja");
  std::vector<std::string> names;
  std::error_code absent;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/additional_chat_templates", absent)) {
    if (entry.path().extension() == ".jinja") names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  for (const std::string& name : names) take("additional_chat_templates/" + name);
  return all;
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::string& folder) {
  const auto optional = [&](const char* name) {
    const std::string path = folder + name;
    return file_exists(path) ? read_file(path) : "";
  };
  const std::string json = read_file(folder + "/tokenizer.json"), config = optional("/tokenizer_config.json"),
                    map = optional("/special_tokens_map.json"), added = optional("/added_tokens.json"),
                    model_config = optional("/config.json");
  return from_files({json, config, map, added, model_config}, folder, read_template_files(folder));
}

Tokenizer Tokenizer::from_json(std::string_view tokenizer_json, std::string_view config_json, const std::string& where,
                               std::string_view template_file) {
  std::vector<std::pair<std::string, std::string>> templates;
  if (!template_file.empty()) templates.emplace_back("chat_template.jinja", template_file);
  return from_files({tokenizer_json, config_json, {}, {}, {}}, where, std::move(templates));
}

Tokenizer Tokenizer::from_files(const TokenizerFiles& files, const std::string& where,
                                std::vector<std::pair<std::string, std::string>> template_files) {
  const TokenizerConfig config = read_tokenizer_config(files, where);
  TokenizerParts parts = parse_tokenizer(files, config, where);
  const std::string digest = digest_of(parts);
  std::vector<std::string> words = std::move(parts.vocabulary);  // below: bytes or text, by the alphabet
  if (parts.options.alphabet == BpeAlphabet::kBytes) {
    for (std::string& word : words) {
      if (std::string bytes; from_byte_level(word, bytes)) {
        word = std::move(bytes);
      } else {
        word.clear();
      }
    }
  }
  auto impl = std::make_unique<Impl>(std::move(words), parts);
  // An added token that is matched in the normalized text is decoded in its normalized form.
  for (const AddedToken& token : parts.added) {
    if (token.normalized) parts.tokens[static_cast<std::size_t>(token.id)] = normalize(parts.normalizer, token.content);
  }
  for (const std::string& token : parts.tokens) impl->bytes.push_back(impl->decoder.bytes_of(token));
  if (!impl->decoder.bytes_alone()) impl->texts = parts.tokens;
  impl->special.resize(parts.tokens.size());
  for (const bool special : {true, false}) {  // of equal texts, the special one wins
    for (const AddedToken& token : parts.added) {
      if (token.special != special) continue;
      impl->special[static_cast<std::size_t>(token.id)] = special;
      if (token.normalized) {
        impl->normalized.insert(normalize(parts.normalizer, token.content), token);
      } else {
        impl->raw.insert(token.content, token);
      }
    }
  }
  impl->before = parts.before;
  impl->after = parts.after;
  impl->present = parts.present;
  for (const AddedToken& token : parts.added) impl->added.push_back(token);
  const bool by_default = config.kind == TokenizerKind::kFile;
  impl->eos = named_id(config.name("eos_token"), by_default, parts);
  impl->bos = named_id(config.name("bos_token"), by_default, parts);
  impl->pad = named_id(config.name("pad_token"), false, parts);
  impl->digest = digest;
  impl->json = files.json;
  impl->config = files.config;
  impl->template_files = std::move(template_files);
  for (const NamedToken& named : config.named) {
    if (!named.token.content.empty()) impl->named.emplace_back(named.key, named.token.content);
  }
  if (!config.lists_added) {  // otherwise they are not read
    impl->older_files = {{"special_tokens_map.json", std::string(files.special_tokens_map)},
                         {"added_tokens.json", std::string(files.added_tokens)}};
    std::erase_if(impl->older_files, [](const auto& file) { return file.second.empty(); });
  }
  return Tokenizer(std::move(impl));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text) const { return encode(text, false); }

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special) const {
  std::vector<std::int32_t> out;
  if (add_special) out = impl_->before;
  impl_->encode(text, TextPlace::kStart, out);
  if (add_special) out.insert(out.end(), impl_->after.begin(), impl_->after.end());
  return out;
}

std::vector<std::int32_t> Tokenizer::encode_prompt(std::string_view text) const {
  std::vector<std::int32_t> out = encode(text, false);
  const std::vector<std::int32_t>& before = impl_->before;
  const bool there = out.size() >= before.size() && std::equal(before.begin(), before.end(), out.begin());
  if (!there) out.insert(out.begin(), before.begin(), before.end());
  return out;
}

std::vector<std::int32_t> Tokenizer::encode_continuation(std::string_view text) const {
  std::vector<std::int32_t> out;
  impl_->encode(text, TextPlace::kContinues, out);
  return out;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  if (impl_->decoder.bytes_alone()) return lossy_utf8(impl_->bytes_of(ids, skip_special));
  return impl_->decoder.decode(impl_->texts_of(ids, skip_special));
}

std::string Tokenizer::decode_continuation(std::span<const std::int32_t> prompt,
                                           std::span<const std::int32_t> response) const {
  if (!impl_->decoder.bytes_alone()) {
    return impl_->decoder.decode_continuation(impl_->texts_of(prompt, true), impl_->texts_of(response, true));
  }
  const std::string before = impl_->bytes_of(prompt, true);
  const std::string_view begun = begun_character(before);
  const std::string bytes = std::string(begun) + impl_->bytes_of(response, true);
  const std::string text = lossy_utf8(bytes);
  // A character that the response does not complete became a U+FFFD in the prompt.
  return begun.empty() || valid_utf8_prefix(bytes) > 0 ? text : text.substr(std::string_view("\uFFFD").size());
}

std::string Tokenizer::token_bytes(std::int32_t id) const {
  return id >= 0 && id < vocab_size() ? impl_->bytes[static_cast<std::size_t>(id)] : std::string();
}

std::int32_t Tokenizer::vocab_size() const { return static_cast<std::int32_t>(impl_->bytes.size()); }
std::int32_t Tokenizer::eos_id() const { return impl_->eos; }
std::int32_t Tokenizer::bos_id() const { return impl_->bos; }
std::int32_t Tokenizer::pad_id() const { return impl_->pad; }
bool Tokenizer::is_special(std::int32_t id) const {
  return id >= 0 && id < vocab_size() && impl_->special[static_cast<std::size_t>(id)];
}
const std::string& Tokenizer::digest() const { return impl_->digest; }
const std::string& Tokenizer::json() const { return impl_->json; }
const std::string& Tokenizer::config_json() const { return impl_->config; }
const std::vector<std::pair<std::string, std::string>>& Tokenizer::template_files() const {
  return impl_->template_files;
}

void Tokenizer::set_chat_template(const std::string& source) {
  impl_->template_files = {{"chat_template.jinja", source}};
  if (impl_->config.find("\"chat_template\"") != std::string::npos)
    impl_->config = with_member(impl_->config, "chat_template", "null");
}

std::vector<std::pair<std::string, std::string>> Tokenizer::named_tokens() const {
  auto all = impl_->named;
  const auto add = [&](const char* name, std::int32_t id) {
    const bool there = std::ranges::any_of(all, [&](const auto& token) { return token.first == name; });
    if (!there && id >= 0) all.emplace_back(name, token_bytes(id));
  };
  add("bos_token", bos_id()), add("eos_token", eos_id());
  return all;
}
const std::vector<std::pair<std::string, std::string>>& Tokenizer::older_files() const { return impl_->older_files; }

std::string Tokenizer::excess(std::int64_t vocab) const {
  if (vocab_size() <= vocab) return "";
  for (const AddedToken& token : impl_->added) {
    if (token.id < vocab || token.file == "tokenizer.json") continue;
    return std::string(token.file) + ": adds the token \"" + token.content + "\" with the id " +
           std::to_string(token.id) + ", and the model has only " + std::to_string(vocab) +
           " tokens; take it out, or give it the place of one that tokenizer.json has";
  }
  return "tokenizer.json: has " + std::to_string(vocab_size()) + " tokens, the model only " + std::to_string(vocab);
}

}  // namespace nudge
