#include "lib/train/preference.h"

#include <algorithm>
#include <optional>

#include "lib/base/error.h"

namespace nudge {
namespace {

// `first`: the sequence begins here.
std::vector<std::int32_t> encode(const Record& record, const char* key, const std::string& text, const Model& model,
                                 bool first) {
  try {
    return first ? model.tokenizer.encode_prompt(text) : model.tokenizer.encode_continuation(text);
  } catch (const Error& e) {
    record.fail(key, e.what());
  }
}

std::vector<std::int32_t> encode_answer(const Record& record, const char* key, const std::string& text,
                                        const Model& model, bool first) {
  auto ids = encode(record, key, text, model, first);
  append_end(model, ids);
  return ids;
}

std::vector<std::int32_t> stored_ids(const Record& record, const char* key, const Model& model) {
  auto ids = record.ids(key);
  for (std::int32_t id : ids)
    if (id >= model.config().vocab) record.fail(key, "holds token " + std::to_string(id) + ", beyond the vocabulary");
  return ids;
}

struct PairTexts {
  std::optional<std::string> prompt;  // none where the others are whole dialogues
  std::string chosen, rejected;
};

PairTexts pair_texts(const Record& record, const Dialogues& dialogues) {
  if (record.has("prompt")) {
    return {dialogues.prompt(record, "prompt"), dialogues.answer(record, "chosen", "prompt"),
            dialogues.answer(record, "rejected", "prompt")};
  }
  if (!record.has("chosen") || !record.is_array("chosen")) return {{}, record.text("chosen"), record.text("rejected")};
  const auto chosen = dialogues.whole(record, "chosen"), rejected = dialogues.whole(record, "rejected");
  if (chosen.first == rejected.first) return {chosen.first, chosen.second, rejected.second};
  return {{}, chosen.first + chosen.second, rejected.first + rejected.second};
}

// There would be no last token to read a score at.
void refuse_empty(const Ranking& r) {
  for (const auto& a : r.answers)
    if (r.prompt.empty() && a.empty()) bad_input(r.where + ": prompt and answer are both empty");
}

}  // namespace

std::int64_t Ranking::longest() const {
  std::size_t n = 0;
  for (const auto& a : answers) n = std::max(n, a.size());
  return static_cast<std::int64_t>(prompt.size() + n);
}

Ranking read_ranking(const Record& record, std::int64_t number, const Model& model, const Dialogues& dialogues) {
  Ranking r;
  r.where = record.where();
  r.id = record.find_text("id").value_or(std::to_string(number));
  if (record.has("responses") && record.has("chosen"))
    bad_input(r.where + ": has both \"chosen\" and \"responses\": a pair or a ranking?");
  if (record.has("responses")) {
    r.pair = false;
    r.prompt = encode(record, "prompt", dialogues.prompt(record, "prompt"), model, true);
    for (const std::string& text : record.texts("responses"))
      r.answers.push_back(encode_answer(record, "responses", text, model, false));
    if (r.answers.size() < 2) record.fail("responses", "has fewer than two answers");
    refuse_empty(r);
    return r;
  }
  r.margin = record.find_real("margin").value_or(0.0f);
  const bool same_tokenizer = record.find_text("tokenizer").value_or("") == model.tokenizer.digest();
  if (same_tokenizer && record.has("prompt_ids") && record.has("chosen_ids") && record.has("rejected_ids")) {
    r.prompt = stored_ids(record, "prompt_ids", model);
    r.answers = {stored_ids(record, "chosen_ids", model), stored_ids(record, "rejected_ids", model)};
  } else {
    const PairTexts texts = pair_texts(record, dialogues);
    if (texts.prompt) r.prompt = encode(record, "prompt", *texts.prompt, model, true);
    r.answers = {encode_answer(record, "chosen", texts.chosen, model, !texts.prompt),
                 encode_answer(record, "rejected", texts.rejected, model, !texts.prompt)};
  }
  refuse_empty(r);
  return r;
}

Ranking read_ranking(const Record& record, std::int64_t number, const Model& model) {
  return read_ranking(record, number, model, Dialogues(model.tokenizer, ""));
}

void check_fits(const Ranking& r, const ModelConfig& config, const std::string& advice) {
  if (r.longest() > config.context)
    bad_input(r.where + ": prompt and answer have " + std::to_string(r.longest()) +
                  " tokens, more than the model's context of " + std::to_string(config.context),
              advice);
}

}  // namespace nudge
