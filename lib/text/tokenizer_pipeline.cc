#include "lib/text/tokenizer_pipeline.h"

#include <optional>
#include <stdexcept>

#include "lib/text/unicode.h"

namespace nudge {
namespace {

using Value = JsonReader::Value;
using Step = PreTokenizer::Step;

[[noreturn]] void refuse(const JsonReader& in, const std::string& part, std::string_view type) {
  in.fail("a " + part + " of type \"" + std::string(type) + "\" is not supported");
}

// Calls f(type, value) for a part, or for each member of a Sequence, whose list has the key `list`.
template <class F>
void each_of(const JsonReader& in, Value part, const std::string& name, const char* list, F&& f) {
  const std::string_view type = in.text(in.need(part, "type", name), "the type of " + name);
  if (type != "Sequence") return f(type, part);
  for (const Value member : in.array(in.need(part, list, name), name)) each_of(in, member, name, list, f);
}

Step byte_level_step(const JsonReader& in, Value part) {
  Step step;
  step.kind = Step::Kind::kByteLevel;
  in.need(part, "add_prefix_space", "pre_tokenizer");
  step.add_prefix_space = in.flag(part, "add_prefix_space", false, "pre_tokenizer");
  step.use_regex = in.flag(part, "use_regex", true, "pre_tokenizer");
  return step;
}

SplitBehavior behavior_of(const JsonReader& in, std::string_view name) {
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  in.fail("the behavior \"" + std::string(name) + "\" of Split is not known");
}

Step split_step(const JsonReader& in, Value part, std::string& canonical) {
  Step step;
  step.kind = Step::Kind::kSplit;
  step.behavior = behavior_of(in, in.text(in.need(part, "behavior", "Split"), "the behavior of Split"));
  step.invert = in.flag(part, "invert", false, "Split");
  const Value pattern = in.need(part, "pattern", "Split");
  Value value;
  const bool literal = in.find(pattern, "String", "the pattern of Split", value);
  if (!literal) value = in.need(pattern, "Regex", "the pattern of Split");
  const std::string text(in.text(value, "the pattern of Split"));
  try {
    step.regex = std::make_shared<SplitRegex>(literal ? SplitRegex::literal(text) : SplitRegex(text));
  } catch (const std::invalid_argument& cause) {
    in.fail("the expression of Split, " + text + ": " + cause.what());
  }
  if (!literal) step.known = known_expression(text);
  canonical += (literal ? " string " : " regex ") + std::to_string(text.size()) + ":" + text;
  return step;
}

std::string sized(const std::string& text) { return " " + std::to_string(text.size()) + ":" + text; }

template <class... Numbers>
std::string numbers(Numbers... n) {
  return ((" " + std::to_string(static_cast<int>(n))) + ...);
}

// A string of one character.
std::string character(const JsonReader& in, Value part, const char* key, const std::string& what) {
  const std::string text(in.text(in.need(part, key, what), std::string(key) + " of " + what));
  std::size_t end = 0;
  if (!text.empty()) next_char(text, end);
  if (text.empty() || end != text.size()) in.fail(std::string(key) + " of " + what + " is not one character");
  return text;
}

// Older files have `add_prefix_space` instead of `prepend_scheme`.
PrependScheme prepend_scheme_of(const JsonReader& in, Value part) {
  Value value;
  const bool prefix = in.flag(part, "add_prefix_space", true, "Metaspace");
  if (!in.find(part, "prepend_scheme", "Metaspace", value)) {
    return prefix ? PrependScheme::kAlways : PrependScheme::kNever;
  }
  const std::string name(in.text(value, "prepend_scheme of Metaspace"));
  if (!prefix && name != "never") {
    in.fail("add_prefix_space of Metaspace contradicts its prepend_scheme \"" + name + "\"");
  }
  if (name == "first") return PrependScheme::kFirst;
  if (name == "never") return PrependScheme::kNever;
  if (name == "always") return PrependScheme::kAlways;
  in.fail("the prepend_scheme \"" + name + "\" of Metaspace is not known");
}

Step metaspace_step(const JsonReader& in, Value part, std::optional<bool> prefix_space, std::string& canonical) {
  Step step;
  step.kind = Step::Kind::kMetaspace;
  step.replacement = character(in, part, "replacement", "Metaspace");
  step.prepend = prepend_scheme_of(in, part);
  if (prefix_space == false) step.prepend = PrependScheme::kNever;
  if (prefix_space == true && step.prepend == PrependScheme::kNever) step.prepend = PrependScheme::kFirst;
  step.split = in.flag(part, "split", true, "Metaspace");
  canonical += numbers(step.prepend, step.split) + sized(step.replacement);
  return step;
}

void read_pre_tokenizer(const JsonReader& in, std::optional<bool> prefix_space, TokenizerParts& parts) {
  Value root;
  parts.options.alphabet = BpeAlphabet::kCharacters;
  if (!in.find(in.root(), "pre_tokenizer", "the file", root)) return;
  each_of(in, root, "pre_tokenizer", "pretokenizers", [&](std::string_view type, Value part) {
    // After ByteLevel a text is written in other characters, which no step here expects.
    if (parts.options.alphabet == BpeAlphabet::kBytes) {
      in.fail("a pre_tokenizer with a step after ByteLevel is not supported");
    }
    Step step;
    std::string canonical;
    if (type == "ByteLevel") {
      step = byte_level_step(in, part);
      step.add_prefix_space = prefix_space.value_or(step.add_prefix_space);
      parts.options.alphabet = BpeAlphabet::kBytes;
    } else if (type == "Split") {
      step = split_step(in, part, canonical);
    } else if (type == "Digits") {
      step.kind = Step::Kind::kDigits;
      step.behavior =
          in.flag(part, "individual_digits", false, "Digits") ? SplitBehavior::kIsolated : SplitBehavior::kContiguous;
    } else if (type == "Metaspace") {
      step = metaspace_step(in, part, prefix_space, canonical);
    } else {
      refuse(in, "pre_tokenizer", type);
    }
    parts.steps.push_back(step);
    parts.pipeline += std::string(type) + numbers(step.add_prefix_space, step.use_regex, step.behavior, step.invert) +
                      canonical + "\n";
  });
}

// The string that a Replace searches for. Regular expressions are not supported: no known BPE model has one here.
std::string replaced_text(const JsonReader& in, Value part) {
  const Value pattern = in.need(part, "pattern", "Replace");
  Value value;
  if (!in.find(pattern, "String", "the pattern of Replace", value)) {
    in.fail("a Replace of anything but a String is not supported");
  }
  const std::string text(in.text(value, "the pattern of Replace"));
  if (text.empty()) in.fail("the pattern of Replace is empty");
  return text;
}

void read_normalizer(const JsonReader& in, std::optional<bool> prefix_space, TokenizerParts& parts) {
  Value root;
  if (!in.find(in.root(), "normalizer", "the file", root)) return;
  each_of(in, root, "normalizer", "normalizers", [&](std::string_view type, Value part) {
    using Kind = NormalizerStep::Kind;
    NormalizerStep step;
    if (type == "Prepend" && prefix_space == false) return;
    if (type == "Prepend") {
      step.kind = Kind::kPrepend;
      step.to = in.text(in.need(part, "prepend", "Prepend"), "prepend of Prepend");
    } else if (type == "Replace") {
      step.kind = Kind::kReplace;
      step.from = replaced_text(in, part);
      step.to = in.text(in.need(part, "content", "Replace"), "content of Replace");
    } else if (type != "NFC") {
      refuse(in, "normalizer", type);
    } else if (!parts.normalizer.empty() && parts.normalizer.back().kind == Kind::kNfc) {
      return;
    }
    parts.pipeline += std::string(type) + (step.kind == Kind::kNfc ? "" : sized(step.from) + sized(step.to)) + "\n";
    parts.normalizer.push_back(std::move(step));
  });
}

std::size_t count_of(const JsonReader& in, Value part, const char* key) {
  const std::int64_t n = in.integer(in.need(part, key, "Strip"), std::string(key) + " of Strip");
  if (n < 0) in.fail(std::string(key) + " of Strip is negative");
  return static_cast<std::size_t>(n);
}

void read_decoder(const JsonReader& in, std::optional<bool> prefix_space, TokenizerParts& parts) {
  Value root;
  if (in.find(in.root(), "decoder", "the file", root)) {
    each_of(in, root, "decoder", "decoders", [&](std::string_view type, Value part) {
      using Kind = DecoderStep::Kind;
      DecoderStep step;
      if (type == "ByteLevel") {
        step.kind = Kind::kByteLevel;
      } else if (type == "Metaspace") {
        step.kind = Kind::kMetaspace;
        step.from = character(in, part, "replacement", "Metaspace");
        step.prefix = prefix_space.value_or(prepend_scheme_of(in, part) != PrependScheme::kNever);
      } else if (type == "Replace") {
        step.kind = Kind::kReplace;
        step.from = replaced_text(in, part);
        step.to = in.text(in.need(part, "content", "Replace"), "content of Replace");
      } else if (type == "ByteFallback") {
        step.kind = Kind::kByteFallback;
      } else if (type == "Fuse") {
        step.kind = Kind::kFuse;
      } else if (type == "Strip" && prefix_space == false) {
        return;  // no space was prepended
      } else if (type == "Strip") {
        step.kind = Kind::kStrip;
        step.from = character(in, part, "content", "Strip");
        step.start = count_of(in, part, "start");
        step.stop = count_of(in, part, "stop");
      } else {
        refuse(in, "decoder", type);
      }
      parts.pipeline += "decoder " + std::string(type);
      if (step.kind != Kind::kByteLevel) {
        parts.pipeline += numbers(step.prefix, step.start, step.stop) + sized(step.from) + sized(step.to);
      }
      parts.pipeline += "\n";
      parts.decoder.push_back(std::move(step));
    });
  }
  if (parts.decoder.empty()) parts.pipeline += "decoder none\n";
}

std::int32_t id_in_template(const JsonReader& in, Value value, const std::string& what, const TokenizerParts& parts) {
  const std::int64_t id = in.integer(value, what);
  if (id < 0 || id >= static_cast<std::int64_t>(parts.tokens.size())) {
    in.fail("the template has the id " + std::to_string(id) + ", which no token has");
  }
  return static_cast<std::int32_t>(id);
}

// BertProcessing and RobertaProcessing: one token before and one after the text, each given as text and id.
void read_ends(const JsonReader& in, Value part, TokenizerParts& parts) {
  const auto id_of = [&](const char* key) {
    const auto pair = in.array(in.need(part, key, "post_processor"), key);
    if (pair.size() != 2) in.fail(std::string(key) + " of post_processor is not a string and an id");
    return id_in_template(in, pair.at(1), std::string("the id of ") + key, parts);
  };
  parts.before.insert(parts.before.begin(), id_of("cls"));
  parts.after.push_back(id_of("sep"));
}

// The template for one text: special tokens, the text once, special tokens.
void read_template(const JsonReader& in, Value part, TokenizerParts& parts) {
  const Value known = in.need(part, "special_tokens", "TemplateProcessing");
  std::vector<std::int32_t> before, after;
  int texts = 0;
  for (const Value piece : in.array(in.need(part, "single", "TemplateProcessing"), "single")) {
    Value value;
    if (in.find(piece, "Sequence", "a piece of the template", value)) {
      ++texts;
      continue;
    }
    value = in.need(piece, "SpecialToken", "a piece of the template");
    const std::string name(in.text(in.need(value, "id", "SpecialToken"), "the id of a SpecialToken"));
    const Value token = in.need(known, name.c_str(), "special_tokens of the template");
    for (const Value entry : in.array(in.need(token, "ids", name), "ids of " + name)) {
      (texts == 0 ? before : after).push_back(id_in_template(in, entry, "an id of " + name, parts));
    }
  }
  if (texts != 1) in.fail("a template that does not hold the text exactly once is not supported");
  parts.before.insert(parts.before.begin(), before.begin(), before.end());  // around earlier templates' tokens
  parts.after.insert(parts.after.end(), after.begin(), after.end());
}

}  // namespace

void read_pipeline(const JsonReader& in, std::optional<bool> prefix_space, TokenizerParts& parts) {
  read_normalizer(in, prefix_space, parts);
  read_pre_tokenizer(in, prefix_space, parts);
  Value part;
  if (in.find(in.root(), "post_processor", "the file", part)) {
    each_of(in, part, "post_processor", "processors", [&](std::string_view type, Value processor) {
      if (type == "TemplateProcessing") return read_template(in, processor, parts);
      if (type == "BertProcessing" || type == "RobertaProcessing") return read_ends(in, processor, parts);
      if (type != "ByteLevel") refuse(in, "post_processor", type);  // ByteLevel moves offsets, never ids
    });
  }
  read_decoder(in, prefix_space, parts);
}

}  // namespace nudge
