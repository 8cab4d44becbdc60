#include "lib/model/tokenizer_pipeline.h"

#include <stdexcept>

namespace nudge {
namespace {

using Value = JsonReader::Value;
using Step = PreTokenizer::Step;

[[noreturn]] void refuse(const JsonReader& in, const std::string& part, std::string_view type) {
  in.fail("a " + part + " of type \"" + std::string(type) + "\" is not supported");
}

// Calls f(type, value) for a part, and for each member of a Sequence, whose list is called `list`.
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
  canonical += (literal ? " string " : " regex ") + std::to_string(text.size()) + ":" + text;
  return step;
}

void read_pre_tokenizer(const JsonReader& in, TokenizerParts& parts) {
  const Value root = in.need(in.root(), "pre_tokenizer", "the file");
  bool bytes = false;
  each_of(in, root, "pre_tokenizer", "pretokenizers", [&](std::string_view type, Value part) {
    // Behind ByteLevel a text is written in other characters, which no step here looks at.
    if (bytes) in.fail("a pre_tokenizer with a step behind ByteLevel is not supported");
    Step step;
    std::string canonical;
    if (type == "ByteLevel") {
      step = byte_level_step(in, part);
      bytes = true;
    } else if (type == "Split") {
      step = split_step(in, part, canonical);
    } else if (type == "Digits") {
      step.kind = Step::Kind::kDigits;
      step.behavior = in.flag(part, "individual_digits", false, "Digits") ? SplitBehavior::kIsolated
                                                                         : SplitBehavior::kContiguous;
    } else {
      refuse(in, "pre_tokenizer", type);
    }
    parts.steps.push_back(step);
    const auto number = [](auto x) { return " " + std::to_string(static_cast<int>(x)); };
    parts.pipeline += std::string(type) + number(step.add_prefix_space) + number(step.use_regex) +
                      number(step.behavior) + number(step.invert) + canonical + "\n";
  });
  if (!bytes) in.fail("a pre_tokenizer without ByteLevel is not supported");
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
      const std::int64_t id = in.integer(entry, "an id of " + name);
      if (id < 0 || id >= static_cast<std::int64_t>(parts.tokens.size())) {
        in.fail("the template has the id " + std::to_string(id) + ", which no token has");
      }
      (texts == 0 ? before : after).push_back(static_cast<std::int32_t>(id));
    }
  }
  if (texts != 1) in.fail("a template that does not hold the text exactly once is not supported");
  parts.before.insert(parts.before.begin(), before.begin(), before.end());  // around what earlier templates made
  parts.after.insert(parts.after.end(), after.begin(), after.end());
}

}  // namespace

void read_pipeline(const JsonReader& in, TokenizerParts& parts) {
  Value part;
  if (in.find(in.root(), "normalizer", "the file", part)) {
    each_of(in, part, "normalizer", "normalizers", [&](std::string_view type, Value) {
      if (type != "NFC") refuse(in, "normalizer", type);
      parts.nfc = true;
    });
  }
  parts.pipeline += parts.nfc ? "NFC\n" : "";
  read_pre_tokenizer(in, parts);
  if (in.find(in.root(), "post_processor", "the file", part)) {
    each_of(in, part, "post_processor", "processors", [&](std::string_view type, Value processor) {
      if (type == "TemplateProcessing") return read_template(in, processor, parts);
      if (type != "ByteLevel") refuse(in, "post_processor", type);  // ByteLevel moves offsets, never ids
    });
  }
  if (in.find(in.root(), "decoder", "the file", part)) {
    each_of(in, part, "decoder", "decoders", [&](std::string_view type, Value) {
      if (type != "ByteLevel") refuse(in, "decoder", type);
      parts.byte_level_decoder = true;
    });
  }
  parts.pipeline += parts.byte_level_decoder ? "decoder ByteLevel\n" : "decoder none\n";
}

}  // namespace nudge
