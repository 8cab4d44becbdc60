// Supervised fine-tuning: the mean of -log p over the completions' tokens in a minibatch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/model/head.h"
#include "lib/rl/dialogue.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/optimizer.h"

namespace nudge {

struct SftExample {
  std::string id;                    // the record's id or number, "/", the piece's number
  std::vector<std::int32_t> tokens;  // at least 2
  // Spans [first, second) of tokens whose predictions count, in order; first >= 1.
  std::vector<std::pair<std::int64_t, std::int64_t>> learnt;
  std::int64_t targets() const;
};

struct Learn {
  bool prompt = false;     // the prompt's tokens count too
  bool all_turns = false;  // every message of the assistant counts, not the last alone
};

// Whether the record is a dialogue: it has "messages" and neither "text" nor "completion".
bool is_dialogue(const Record& record);

// The examples of a record. {"text"}: all its tokens and an ending token, cut into consecutive pieces of the context's
// length. {"prompt","completion"} or {"messages"}: the parts encoded separately, then an ending token; the completion's
// tokens count, or those that `learn` names. `id`: the record's, or its number. No example where there is nothing to
// predict. Errors: kBadInput naming the record.
std::vector<SftExample> sft_examples(const Record& record, const std::string& id, const Model& model,
                                     Dialogues& dialogues, Learn learn);

// The same with the chat template of the model's folder.
std::vector<SftExample> sft_examples(const Record& record, const std::string& id, const Model& model, Learn learn = {});

// Whether all tokens but the last fit the context.
bool fits(const SftExample& example, const ModelConfig& config);

struct SftStatistics {
  double loss = 0;          // nats a token
  std::int64_t tokens = 0;  // whose predictions count
};

class SftTrainer {
 public:
  // `recompute`: as in Trace. `parts`: of a step's gradient (GradientParts); changes its bits.
  SftTrainer(Model& model, AdamOptions adam, std::int64_t micro_tokens, bool recompute = false, std::int64_t parts = 1);

  // The mean loss, without training.
  SftStatistics evaluate(std::span<const SftExample> examples);
  // The mean loss of a minibatch; leaves its gradient.
  SftStatistics accumulate(std::span<const SftExample* const> minibatch);
  const Buffer<float>& gradient() const { return gradients_.values(); }
  Adam& adam() { return adam_; }
  // Steps along the gradient left by accumulate. Returns its norm before clipping.
  double step(float rate);

 private:
  // Adds the gradient of some members of a minibatch, each log-prob times `weight`. Returns the sum of their losses.
  double accumulate_part(std::span<const SftExample* const> members, float weight);

  Model& model_;
  Adam adam_;
  std::int64_t micro_tokens_;
  GradientParts parts_;
  Gradients gradients_;
  Trace trace_, light_;
  LanguageHead head_;
  Buffer<float> dfinal_;
};

}  // namespace nudge
