// Responses under a model: the log-probs, entropies and exact KL of their tokens, the scores of their ends.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lib/model/head.h"
#include "lib/model/transformer.h"

namespace nudge {

// A prompt and its response, borrowed. With an empty prompt the response's first token has no prediction and
// is left out everywhere (docs/formats.md).
struct ResponseView {
  std::span<const std::int32_t> prompt, response;
  float temperature = 1;

  std::int64_t predicted() const {
    return static_cast<std::int64_t>(response.size()) - (prompt.empty() && !response.empty() ? 1 : 0);
  }
  std::int64_t tokens() const { return static_cast<std::int64_t>(prompt.size() + response.size()); }
};

// Appends prompt and response to the batch, without the response's last token, which predicts nothing here, and the rows
// that predict response tokens to the targets.
void lay_out(const ResponseView& r, Batch& batch, Targets& targets);

// Appends prompt and response up to the token that the score of the whole is read at, whose row it returns: the last one
// that isn't `pad`, as Hugging Face's sequence classifiers have it; of pads alone the first. -1: no token is a pad.
std::int64_t lay_out_scored(const ResponseView& r, std::int32_t pad, Batch& batch);

// The runs of responses that go through a model together, by their tokens.
std::vector<std::pair<std::int64_t, std::int64_t>> micro_batches(std::span<const ResponseView> responses,
                                                                 std::int64_t limit);

struct ResponseStats {
  std::vector<float> logprobs, entropies;  // a number for each predicted token
  std::vector<float> kl;                   // KL(old || model), exactly over the vocabulary; empty without `old`
};

// Forwards without gradients, in micro-batches of at most `micro_tokens`. Models are packed already. Of several ranks
// each takes a share of the responses, and all have the figures of all.
class ResponseEvaluator {
 public:
  explicit ResponseEvaluator(std::int64_t micro_tokens) : micro_tokens_(micro_tokens) {}

  std::vector<ResponseStats> stats(const Transformer& model, std::span<const ResponseView> responses,
                                   const Transformer* old = nullptr) {
    return evaluate(model, responses, old, nullptr);
  }
  // The same, and in `exchanged` what the old policy gives, with KL(model || old).
  std::vector<ResponseStats> stats(const Transformer& model, std::span<const ResponseView> responses,
                                   const Transformer& old, std::vector<ResponseStats>& exchanged) {
    return evaluate(model, responses, &old, &exchanged);
  }
  // Raw scores w . h of each as a whole (lay_out_scored), and at every token that predicts a response token.
  std::vector<float> end_scores(const Transformer& model, std::span<const ResponseView> responses);
  std::vector<std::vector<float>> token_scores(const Transformer& model, std::span<const ResponseView> responses);

 private:
  std::vector<ResponseStats> evaluate(const Transformer& model, std::span<const ResponseView> responses,
                                      const Transformer* old, std::vector<ResponseStats>* exchanged);

  std::int64_t micro_tokens_;
  Trace trace_, old_trace_;
  LanguageHead head_;
};

}  // namespace nudge
