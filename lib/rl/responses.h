// Responses evaluated by a model: log-probs, entropies and exact KL of their tokens, scores of responses.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "lib/model/head.h"
#include "lib/model/transformer.h"

namespace nudge {

// A prompt and its response, borrowed. With an empty prompt nothing predicts the response's first token, which is left
// out everywhere (docs/formats.md).
struct ResponseView {
  std::span<const std::int32_t> prompt, response;
  float temperature = 1;
  std::span<const std::uint8_t> mask = {};  // of each listed token whether it counts; empty: all do

  // The tokens that something predicts: so long are per-token lists in records.
  std::int64_t listed() const {
    return static_cast<std::int64_t>(response.size()) - (prompt.empty() && !response.empty() ? 1 : 0);
  }
  bool counts(std::size_t token) const { return mask.empty() || mask[token] != 0; }
  // Those of them that count: so many rows, log-probs and values there are. The others are context.
  std::int64_t predicted() const { return mask.empty() ? listed() : std::ranges::count_if(mask, std::identity{}); }
  std::int64_t tokens() const { return static_cast<std::int64_t>(prompt.size() + response.size()); }
};

// Of a number for each listed token those of the tokens that count; from these back to a list, with 0 for the others; and
// where the k-th token that counts stands in it.
std::vector<float> counted(const ResponseView& r, std::span<const float> listed);
std::vector<float> spread(const ResponseView& r, std::span<const float> counted);
std::size_t place_of(const ResponseView& r, std::size_t k);

// Appends prompt and response to the batch, less the last token, whose prediction nobody needs, and to the targets the
// rows that predict the response's tokens that count.
void lay_out(const ResponseView& r, Batch& batch, Targets& targets);

// Appends prompt and response up to the token at which the score is read, and returns its row: the last token that
// isn't `pad`, as in Hugging Face's sequence classifiers, or the first if all are. pad -1: no token is a pad.
std::int64_t lay_out_scored(const ResponseView& r, std::int32_t pad, Batch& batch);

// Micro-batches: runs of responses of at most `limit` tokens (runs_within).
std::vector<std::pair<std::int64_t, std::int64_t>> micro_batches(std::span<const ResponseView> responses,
                                                                 std::int64_t limit);

// The N predicted tokens of some responses that count, back to back.
struct TokenStats {
  std::vector<float> logprobs, entropies;  // (N) in nats
  std::vector<float> kl;                   // (N) KL(old || model), exact over the vocabulary; empty without `old`
};

// Forwards without gradients, in micro-batches of at most `micro_tokens`. Models must be packed. Each rank evaluates a
// share of the responses; every rank gets all results, in the responses' order.
class ResponseEvaluator {
 public:
  explicit ResponseEvaluator(std::int64_t micro_tokens) : micro_tokens_(micro_tokens) {}

  // With an old policy, `exchanged` may get the old policy's stats, with KL(model || old).
  TokenStats stats(const Transformer& model, std::span<const ResponseView> responses, const Transformer* old = nullptr,
                   TokenStats* exchanged = nullptr);
  // Raw scores w . h: one of each response, at lay_out_scored's position or at its last token whatever that is, or one of
  // each of the N predicted tokens, at the position that predicts it.
  std::vector<float> end_scores(const Transformer& model, std::span<const ResponseView> responses) {
    return scores_before(model.config().pad, model, responses);
  }
  std::vector<float> last_scores(const Transformer& model, std::span<const ResponseView> responses) {
    return scores_before(-1, model, responses);
  }
  std::vector<float> token_scores(const Transformer& model, std::span<const ResponseView> responses);

 private:
  // Forwards this rank's share: calls lay_out(response, batch) for each of a micro-batch, then use(batch), which finds
  // its final states in trace_.
  template <class LayOut, class Use>
  void forward_share(const Transformer& model, std::span<const ResponseView> responses, LayOut lay_out, Use use);
  std::vector<float> scores_before(std::int32_t pad, const Transformer& model, std::span<const ResponseView> responses);
  void append_scores(const Transformer& model, std::vector<std::int64_t>& rows, std::vector<float>& to) const;

  std::int64_t micro_tokens_;
  Trace trace_, old_trace_;
  LanguageHead head_;
};

}  // namespace nudge
