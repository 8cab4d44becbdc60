#include "lib/train/rollout.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/train/trajectory.h"

namespace nudge {

Rollout::Rollout(Model& model, RolloutOptions options)
    : model_(model),
      options_(std::move(options)),
      generator_(model, options_.generate),
      dialogues_(model.tokenizer, options_.chat_format),
      policy_digest_(model_digest(model.transformer)) {
  model_.transformer.pack();
}

// Its "prompt" is a text; the dialogue that it was is in "messages".
Record Rollout::as_text(const Record& record) const {
  const char* key = record.has("messages") && !record.has("prompt") ? "messages" : "prompt";
  Record out = record;
  if (!record.is_array(key)) return out;
  out.set_text("prompt", dialogues_.prompt(record, key));
  if (!record.has("messages")) out.set_raw("messages", std::string(record.raw(key)));
  return out;
}

void Rollout::add(const Record& record, std::int64_t number, RecordWriter& out, const TokenProgress& progress) {
  const Record prompt = as_text(record);
  const std::string group = prompt.find_text("id").value_or(std::to_string(number));
  if (!groups_.insert(group).second) bad_input(prompt.where() + ": the id \"" + group + "\" was there before");
  SampleRequest request;
  try {
    if (!prompt.text("prompt").empty()) request.prompt = model_.tokenizer.encode_prompt(prompt.text("prompt"));
  } catch (const Error& e) {
    if (std::string(e.what()).rfind(prompt.where(), 0) == 0) throw;
    prompt.fail("prompt", e.what());
  }
  const auto tokens = static_cast<std::int64_t>(request.prompt.size());
  if (tokens == 0) bad_input(prompt.where() + ": prompt is empty", "give it at least one token, such as a line end");
  if (tokens >= model_.config().context)
    bad_input(prompt.where() + ": prompt has " + std::to_string(tokens) +
              " tokens, which leaves no room in the context of " + std::to_string(model_.config().context));
  if (!generator_.fits(tokens))
    bad_input(prompt.where() + ": prompt and response may come to " + std::to_string(generator_.most_tokens(tokens)) +
                  " tokens in flight, in blocks of " + std::to_string(kKvBlock) + ", and only " +
                  std::to_string(options_.generate.tokens_in_flight) + " are allowed",
              "raise --max-tokens-in-flight or lower --max-tokens");
  prompts_.push_back(prompt);
  for (std::int64_t k = 0; k < options_.samples; ++k) {
    request.id = group + "/" + std::to_string(k);
    requests_.push_back(request);
    owners_.push_back(prompts_.size() - 1);
    if (!window_full()) continue;
    finish(out, progress);
    prompts_.push_back(prompt);  // for the rest of its samples
  }
}

void Rollout::finish(RecordWriter& out, const TokenProgress& progress) {
  const std::int64_t before = tally_.tokens;
  std::vector<SampledResponse> responses;
  try {
    responses = generator_.run(requests_, [&](std::int64_t tokens) {
      if (progress) progress(before + tokens);
    });
  } catch (const Error& e) {
    throw Error(e.status(), options_.policy + ": " + e.what(), e.advice());
  }
  const ProfileScope scope(Part::kWriting);
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    out.write(trajectory(prompts_[owners_[i]], requests_[i], responses[i]));
    ++tally_.trajectories;
    tally_.tokens += static_cast<std::int64_t>(responses[i].ids.size());
    tally_.stopped += responses[i].stopped;
  }
  prompts_.clear();
  requests_.clear();
  owners_.clear();
}

Record Rollout::trajectory(const Record& prompt, const SampleRequest& request, const SampledResponse& response) const {
  const GenerateOptions& g = options_.generate;
  Record r(prompt.where());
  r.set_text("schema", "trajectory/1");
  r.set_text("id", request.id);
  r.set_text("group", request.id.substr(0, request.id.rfind('/')));
  r.set_text("prompt", prompt.text("prompt"));
  r.set_text("response", model_.tokenizer.decode(response.ids, true));
  r.set_ids("prompt_ids", request.prompt);
  r.set_ids("response_ids", response.ids);
  r.set_text("finish", response.stopped ? "stop" : "length");
  r.set_text("policy", policy_digest_);
  r.set_text("tokenizer", model_.tokenizer.digest());
  r.set_text("dtype", name_of(model_.config().dtype));
  r.set_integer("arith", kArithmetic);
  r.set_integer("seed", static_cast<std::int64_t>(g.seed));
  r.set_real("temperature", g.sampling.temperature);
  r.set_integer("top_k", g.sampling.top_k);
  r.set_real("top_p", g.sampling.top_p);
  r.set_reals("logprobs", response.logprobs);
  // What later programs add is of a response that the prompt's record had, not of this one.
  constexpr std::string_view kOfResponses[] = {"reward",     "rewards", "ref_logprobs",  "values", "advantages",
                                               "returns",    "ratio",   "token_rewards", "policy_loss"};
  for (const Record::Field& f : prompt.fields())
    if (!r.has(f.key) && std::ranges::find(kOfResponses, f.key) == std::end(kOfResponses)) r.set_raw(f.key, f.raw);
  return r;
}

}  // namespace nudge
