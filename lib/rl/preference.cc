#include "lib/rl/preference.h"

#include <algorithm>
#include <optional>

#include "lib/base/error.h"

namespace nudge {
namespace {

std::vector<std::int32_t> stored_ids(const Record& record, const char* key, const Model& model) {
  auto ids = record.ids(key);
  for (std::int32_t id : ids)
    if (id >= model.config().vocab)
      record.fail(key, "contains token " + std::to_string(id) + ", beyond the vocabulary");
  return ids;
}

// Answers that have no prompt in common, or none at all, are sequences of their own.
void encode_pair(const Record& record, const Model& model, Dialogues& dialogues, Ranking& r) {
  const auto whole = [&](const char* key, const PromptText& text) {
    r.answers.push_back(encode_start(record, key, text, model.tokenizer));
    append_end(model, r.answers.back());
  };
  if (!record.has("prompt") && !(record.has("chosen") && record.is_array("chosen"))) {
    for (const char* key : {"chosen", "rejected"}) whole(key, {record.text(key), false});
    return;
  }
  const AnsweredPrompt chosen = dialogues.answered(record, "chosen"), rejected = dialogues.answered(record, "rejected");
  if (chosen.prompt == rejected.prompt) {
    r.prompt = encode_start(record, "prompt", chosen.prompt, model.tokenizer);
    r.answers = {encode_answer(record, "chosen", chosen.answer, model),
                 encode_answer(record, "rejected", rejected.answer, model)};
    return;
  }
  whole("chosen", {chosen.prompt.text + chosen.answer, chosen.prompt.rendered});
  whole("rejected", {rejected.prompt.text + rejected.answer, rejected.prompt.rendered});
}

// Texts or messages, as the answers of a pair, behind one prompt.
void encode_ranking(const Record& record, const Model& model, Dialogues& dialogues, Ranking& r) {
  std::optional<PromptText> prompt;
  Record one = record;
  for (const std::string& element : record.elements("responses")) {
    one.set_raw("responses", element);
    const AnsweredPrompt texts = dialogues.answered(one, "responses");
    if (prompt && *prompt != texts.prompt) record.fail("responses", "has answers to different prompts");
    prompt = texts.prompt;
    r.answers.push_back(encode_answer(record, "responses", texts.answer, model));
  }
  if (r.answers.size() < 2) record.fail("responses", "has fewer than two answers");
  r.prompt = encode_start(record, "prompt", *prompt, model.tokenizer);
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

Ranking read_ranking(const Record& record, std::int64_t number, const Model& model, Dialogues& dialogues) {
  Ranking r;
  r.where = record.where();
  r.id = record.find_name("id").value_or(std::to_string(number));
  if (record.has("responses") && record.has("chosen"))
    bad_input(r.where + ": has both \"chosen\" and \"responses\": a pair or a ranking?");
  if (record.has("responses")) {
    r.pair = false;
    encode_ranking(record, model, dialogues, r);
    refuse_empty(r);
    return r;
  }
  r.margin = record.find_real("margin").value_or(0.0f);
  const bool same_tokenizer = record.find_text("tokenizer").value_or("") == model.tokenizer.digest();
  if (same_tokenizer && record.has("prompt_ids") && record.has("chosen_ids") && record.has("rejected_ids")) {
    r.prompt = stored_ids(record, "prompt_ids", model);
    r.answers = {stored_ids(record, "chosen_ids", model), stored_ids(record, "rejected_ids", model)};
  } else {
    encode_pair(record, model, dialogues, r);
  }
  refuse_empty(r);
  return r;
}

Ranking read_ranking(const Record& record, std::int64_t number, const Model& model) {
  Dialogues dialogues(model, {});
  return read_ranking(record, number, model, dialogues);
}

void check_fits(const Ranking& r, const ModelConfig& config, const std::string& advice) {
  if (r.longest() > config.context)
    bad_input(r.where + ": prompt and answer have " + std::to_string(r.longest()) +
                  " tokens, more than the model's context of " + std::to_string(config.context),
              advice);
}

}  // namespace nudge
