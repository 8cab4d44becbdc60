// Supervised fine-tuning: -log p of the completion's tokens, mean over those of the minibatch.
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
#include "lib/rl/gradient_parts.h"
#include "lib/rl/optimizer.h"

namespace nudge {

struct SftExample {
  std::string id;                    // the record's id or its number, then "/" and the piece's number
  std::vector<std::int32_t> tokens;  // at least 2
  // The tokens [first, second) whose predictions count, first >= 1, in order.
  std::vector<std::pair<std::int64_t, std::int64_t>> learnt;
  std::int64_t targets() const;
};

struct Learn {
  bool prompt = false;     // a prompt's tokens count, too
  bool all_turns = false;  // all messages of the assistant count, not the last alone
};

// Whether a record's turns are learnt: it has {"messages"} and neither a text nor a completion.
bool is_dialogue(const Record& record);

// The examples of a record: {"text"} (all its tokens and an ending token, cut into consecutive pieces of the context),
// {"prompt","completion"} or {"messages"} (prompt and completion, or the turns, encoded separately, an ending token
// behind; the completion's tokens count, or those that `learn` says). `id`: the record's, or its number. None where there
// is nothing to predict. Errors: kBadInput naming the record.
std::vector<SftExample> sft_examples(const Record& record, const std::string& id, const Model& model,
                                     const Dialogues& dialogues, Learn learn);

// The same with the chat template that the model's folder has.
std::vector<SftExample> sft_examples(const Record& record, const std::string& id, const Model& model, Learn learn = {});

// Whether prompt and completion fit the context, which doesn't need to hold the last token.
bool fits(const SftExample& example, const ModelConfig& config);

struct SftFigures {
  double loss = 0;          // nats a token
  std::int64_t tokens = 0;  // that count
};

class SftTrainer {
 public:
  // `recompute`: as in Trace. `parts`: of a step's gradient (GradientParts); changes its bits.
  SftTrainer(Model& model, AdamOptions adam, std::int64_t micro_tokens, bool recompute = false, std::int64_t parts = 1);

  // The mean loss, nothing trained.
  SftFigures evaluate(std::span<const SftExample> examples);
  // The mean loss and its gradient over a minibatch.
  SftFigures accumulate(std::span<const SftExample* const> minibatch);
  const Buffer<float>& gradient() const { return gradients_.values(); }
  Adam& adam() { return adam_; }
  // A step along what accumulate left. Returns the gradient's norm before clipping.
  double step(float rate);

 private:
  // Adds the gradient of some members of a minibatch, each target's log-prob by `weight`; the sum of their losses.
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
