#include "lib/rl/sft.h"

#include <algorithm>

#include "lib/base/comm.h"
#include "lib/base/error.h"
#include "lib/base/stop.h"

namespace nudge {
namespace {

[[noreturn]] void refuse_kind(const Record& record) {
  for (const char* key : {"text", "completion"})
    if (record.is_null(key)) record.fail_absent(key);
  throw MissingField(record.where() + ": must have either \"text\" or \"prompt\" and \"completion\"", "completion",
                     record.has("text") ? "leave one of them out: jq -c 'del(.text)'" : "");
}

void append_pieces(const std::vector<std::int32_t>& tokens, const std::string& id, std::int64_t context,
                   std::vector<SftExample>& examples) {
  const auto length = static_cast<std::size_t>(context);
  // A piece ends with the token that the next one starts with, so that every token but the first is predicted.
  for (std::size_t begin = 0, piece = 0; begin + 1 < tokens.size(); begin += length, ++piece) {
    const std::size_t end = std::min(tokens.size(), begin + length + 1);
    SftExample e;
    e.id = id + "/" + std::to_string(piece);
    e.tokens.assign(tokens.data() + begin, tokens.data() + end);
    e.learnt = {{1, std::ssize(e.tokens)}};
    examples.push_back(std::move(e));
  }
}

// Sequences without their last token, which predicts nothing here, and what each of the rest predicts.
void lay_out(std::span<const SftExample* const> examples, Batch& batch, Targets& targets) {
  for (const SftExample* e : examples) {
    const std::int64_t begin = batch.size();
    batch.add(std::span(e->tokens).first(e->tokens.size() - 1));
    for (const auto& [first, second] : e->learnt)
      for (std::int64_t t = first; t < second; ++t) targets.add(begin + t - 1, e->tokens[static_cast<std::size_t>(t)]);
  }
}

std::vector<std::pair<std::int64_t, std::int64_t>> micro_batches(std::span<const SftExample* const> examples,
                                                                 std::int64_t limit) {
  std::vector<std::int64_t> sizes;
  for (const SftExample* e : examples) sizes.push_back(static_cast<std::int64_t>(e->tokens.size()) - 1);
  return runs_within(sizes, limit);
}

}  // namespace

std::int64_t SftExample::targets() const {
  std::int64_t n = 0;
  for (const auto& [first, second] : learnt) n += second - first;
  return n;
}

bool is_dialogue(const Record& record) {
  return record.has("messages") && !record.has("text") && !record.has("completion");
}

std::vector<SftExample> sft_examples(const Record& record, const std::string& id, const Model& model, Learn learn) {
  Dialogues dialogues(model, {});
  return sft_examples(record, id, model, dialogues, learn);
}

std::vector<SftExample> sft_examples(const Record& record, const std::string& id, const Model& model,
                                     Dialogues& dialogues, Learn learn) {
  std::vector<SftExample> examples;
  const bool messages = is_dialogue(record);
  if (!messages && record.has("text") == record.has("completion")) refuse_kind(record);
  if (record.has("text")) {
    auto tokens = encode_start(record, "text", {record.text("text"), false}, model.tokenizer);
    append_end(model, tokens);
    append_pieces(tokens, id, model.config().context, examples);
    return examples;
  }
  SftExample e;
  e.id = id + "/0";
  const auto add = [&](const char* key, const DialoguePiece& piece) {
    const std::int64_t begin = std::ssize(e.tokens);
    const auto ids = encode_behind(record, key, piece.text, model.tokenizer);
    e.tokens.insert(e.tokens.end(), ids.begin(), ids.end());
    if (piece.learnt) e.learnt.emplace_back(std::max<std::int64_t>(1, begin), std::ssize(e.tokens));
  };
  if (messages) {
    std::vector<DialoguePiece> pieces = dialogues.pieces(record, "messages", learn.all_turns);
    if (pieces.empty()) return examples;
    e.tokens = encode_start(record, "messages", {pieces.front().text, true}, model.tokenizer);
    for (std::size_t i = 1; i < pieces.size(); ++i) add("messages", pieces[i]);
  } else {
    const AnsweredPrompt texts = dialogues.answered(record, "completion");
    e.tokens = encode_start(record, "prompt", texts.prompt, model.tokenizer);
    add("completion", {texts.answer, true});
  }
  append_end(model, e.tokens);
  e.learnt.back().second = std::ssize(e.tokens);
  if (learn.prompt) e.learnt = {{1, std::ssize(e.tokens)}};
  std::erase_if(e.learnt, [](const auto& span) { return span.first >= span.second; });
  if (e.targets() > 0) examples.push_back(std::move(e));
  return examples;
}

bool fits(const SftExample& example, const ModelConfig& config) {
  return static_cast<std::int64_t>(example.tokens.size()) <= config.context + 1;
}

SftTrainer::SftTrainer(Model& model, AdamOptions adam, std::int64_t micro_tokens, bool recompute, std::int64_t parts)
    : model_(model), adam_(model.transformer.trained(), adam), micro_tokens_(micro_tokens), parts_(parts),
      gradients_(model.config(), model.transformer.trained()), trace_(true, recompute) {
  model_.transformer.pack(false);
}

SftStatistics SftTrainer::evaluate(std::span<const SftExample> examples) {
  std::vector<std::int64_t> sizes;
  SftStatistics statistics;
  for (const SftExample& e : examples) {
    sizes.push_back(static_cast<std::int64_t>(e.tokens.size()));
    statistics.tokens += e.targets();
  }
  std::vector<const SftExample*> all;  // of this rank
  const auto [first, behind] = share_of(sizes);
  for (const SftExample& e : examples.subspan(first, behind - first)) all.push_back(&e);
  std::vector<RowStats> stats;
  std::vector<float> logprobs;
  for (const auto& [begin, end] : micro_batches(all, micro_tokens_)) {
    leave_if_stopped();
    Batch batch;
    Targets targets;
    lay_out(std::span(all).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)), batch,
            targets);
    model_.transformer.forward(batch, light_);
    stats.resize(targets.rows.size());
    head_.evaluate({model_.transformer, light_.final.data(), targets}, stats.data());
    for (const RowStats& s : stats) logprobs.push_back(s.logprob);
  }
  for (float logprob : comm().gather(logprobs)) statistics.loss -= static_cast<double>(logprob);
  if (statistics.tokens > 0) statistics.loss /= static_cast<double>(statistics.tokens);
  return statistics;
}

double SftTrainer::accumulate_part(std::span<const SftExample* const> members, float weight) {
  double loss = 0;
  for (const auto& [begin, end] : micro_batches(members, micro_tokens_)) {
    leave_if_stopped();
    Batch batch;
    Targets targets;
    lay_out(members.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)), batch, targets);
    model_.transformer.forward(batch, trace_);
    dfinal_.reserve(batch.size() * model_.config().width);
    std::fill_n(dfinal_.data(), batch.size() * model_.config().width, 0.0f);
    head_.train(
        {model_.transformer, trace_.final.data(), targets}, batch,
        [&](std::int64_t b, std::int64_t e, const RowStats* stats, const float*, RowGradient* gradient) {
          for (std::int64_t i = 0; i < e - b; ++i) {
            loss -= static_cast<double>(stats[i].logprob);
            gradient[i] = {weight, 0, 0};
          }
        },
        dfinal_.data(), gradients_);
    model_.transformer.backward(batch, trace_, dfinal_.data(), gradients_);
  }
  return loss;
}

SftStatistics SftTrainer::accumulate(std::span<const SftExample* const> minibatch) {
  SftStatistics statistics;
  for (const SftExample* e : minibatch) statistics.tokens += e->targets();
  const float weight = -1.0f / static_cast<float>(statistics.tokens);
  std::vector<double> losses;  // of this rank's parts
  Gradients* const gradients = &gradients_;
  parts_.run(std::ssize(minibatch), {&gradients, 1}, [&](std::int64_t begin, std::int64_t end) {
    losses.push_back(accumulate_part(
        minibatch.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)), weight));
  });
  for (double loss : comm().gather(losses)) statistics.loss += loss;
  statistics.loss /= static_cast<double>(statistics.tokens);
  return statistics;
}

double SftTrainer::step(float rate) {
  const Buffer<float>* gradient = &gradients_.values();
  const double norm = gradient_norm({&gradient, 1});
  adam_.step(model_.transformer, *gradient, rate, clip_coefficient(norm, adam_.options().max_norm));
  return norm;
}

}  // namespace nudge
