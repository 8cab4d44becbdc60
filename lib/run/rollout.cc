#include "lib/run/rollout.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/rl/record_kind.h"
#include "lib/rl/trajectory.h"

namespace nudge {

RolloutOptions named_model(RolloutOptions options) {
  options.generate.model = options.policy;
  return options;
}

bool is_of_a_response(std::string_view key) {
  constexpr std::string_view kKeys[] = {"reward",      "rewards",   "ref_logprobs", "values",
                                        "advantages",  "returns",   "ratio",        "token_rewards",
                                        "policy_loss", "loss_mask", "continuation"};
  return std::ranges::find(kKeys, key) != std::end(kKeys);
}

// Such a record is never left out: --max-tokens-in-flight changes no bit.
void check_in_flight(const Generator& generator, const GenerateOptions& options, const Record& record,
                     std::int64_t prompt) {
  if (generator.fits(prompt)) return;
  bad_input(record.where() + ": prompt and response may come to " + std::to_string(generator.most_tokens(prompt)) +
                " tokens in flight, in blocks of " + std::to_string(kKvBlock) + ", and only " +
                std::to_string(options.tokens_in_flight) + " are allowed",
            "raise --max-tokens-in-flight or lower --max-tokens");
}

Rollout::Rollout(Model& model, RolloutOptions options)
    : model_(model), options_(named_model(std::move(options))), generator_(model, options_.generate),
      dialogues_(model, options_.chat), policy_digest_(model_digest(model.transformer)) {
  model_.transformer.pack();
}

// The record with its "prompt" as text. The dialogue it came from goes to "messages", the date that its template asked
// for to "chat_date".
Record Rollout::as_text(const Record& record, PromptText& text) {
  const char* key = record.has("messages") && !record.has("prompt") ? "messages" : "prompt";
  Record out = record;
  text = dialogues_.prompt(record, key);
  if (!text.rendered) return out;
  out.set_text("prompt", text.text);
  if (text.dated) out.set_text("chat_date", dialogues_.date());
  if (!record.has("messages")) out.set_raw("messages", std::string(record.raw(key)));
  return out;
}

// Empty if the prompt is too long and left out.
std::vector<std::int32_t> Rollout::encode(const Record& prompt, const PromptText& text) const {
  std::vector<std::int32_t> ids;
  if (!text.text.empty()) ids = encode_start(prompt, "prompt", text, model_.tokenizer);
  const std::int64_t tokens = std::ssize(ids);
  if (tokens == 0) bad_input(prompt.where() + ": prompt is empty", "give it at least one token, such as a line end");
  if (tokens >= model_.config().context) {
    if (options_.skip_long) return {};
    bad_input(prompt.where() + ": prompt has " + std::to_string(tokens) +
                  " tokens, which leaves no room in the context of " + std::to_string(model_.config().context),
              "drop such records with --too-long skip");
  }
  check_in_flight(generator_, options_.generate, prompt, tokens);
  return ids;
}

// Reads the next prompt, which may be left out; false at the end.
bool Rollout::next_prompt(const Prompts& prompts) {
  Record record;
  std::int64_t number = 0;
  if (ended_ || !prompts.next(record, number)) {
    ended_ = true;
    return false;
  }
  PromptText text;
  const Record prompt = read_as(RecordKind::kPrompt, "rollout", record, [&] { return as_text(record, text); });
  group_ = prompt.find_name("id").value_or(std::to_string(number));
  if (!groups_.insert(group_).second) bad_input(prompt.where() + ": duplicate id \"" + group_ + "\"");
  ++counts_.prompts;
  tokens_ = read_as(RecordKind::kPrompt, "rollout", record, [&] { return encode(prompt, text); });
  if (tokens_.empty()) {
    ++counts_.skipped;
    return true;
  }
  prompt_ = std::make_shared<const Record>(prompt);
  sample_ = 0;
  return true;
}

// Whether the next request or the end can be told without waiting. Reads over prompts that are left out.
bool Rollout::ready(const Prompts& prompts) {
  while (needs_prompt() && !ended_) {
    if (!prompts.ready()) return false;
    next_prompt(prompts);
  }
  return true;
}

bool Rollout::next_request(const Prompts& prompts, SampleRequest& request) {
  while (needs_prompt())
    if (!next_prompt(prompts)) return false;
  request = {group_ + "/" + std::to_string(sample_++), tokens_};
  prompts_.push_back(prompt_);
  return true;
}

// Kept records belong to the first of the waiting prompts.
bool Rollout::is_kept(const SampleRequest& request, KeptRecords& kept) {
  SampledResponse response;
  const bool is = kept.take([&](const Record& there) {
    response = {there.ids("response_ids"), there.reals("logprobs"), there.text("finish") == "stop"};
    return trajectory(request, response);
  });
  if (is) count(response);
  return is;
}

void Rollout::count(const SampledResponse& response) {
  prompts_.pop_front();
  ++counts_.trajectories;
  counts_.tokens += std::ssize(response.ids);
  counts_.stopped += response.stopped;
}

void Rollout::run(const Prompts& prompts, KeptRecords& kept, RecordWriter& out, const TokenProgress& progress) {
  SampleRequest first;
  bool more = next_request(prompts, first);
  while (more && is_kept(first, kept)) more = next_request(prompts, first);
  kept.end();
  const std::int64_t before = counts_.kept_tokens = counts_.tokens;
  const auto draw = [&](SampleRequest& request) {
    if (!more) return next_request(prompts, request);
    more = false;
    request = std::move(first);
    return true;
  };
  const auto write = [&](const SampleRequest& request, SampledResponse&& response) {
    const ProfileScope scope(Part::kWriting);
    out.write(trajectory(request, response));
    count(response);
  };
  const auto tell = [&](std::int64_t tokens) {
    if (progress) progress(before + tokens);
  };
  generator_.run(draw, write, tell, [&] { return more || ready(prompts); });
}

// The record of the first waiting prompt.
Record Rollout::trajectory(const SampleRequest& request, const SampledResponse& response) const {
  const GenerateOptions& g = options_.generate;
  const Record& prompt = *prompts_.front();
  Record r(prompt.where());
  r.set_text("schema", "trajectory/1");
  r.set_text("id", request.id);
  r.set_text("group", request.id.substr(0, request.id.rfind('/')));
  r.set_text("prompt", prompt.text("prompt"));
  r.set_text("response", model_.tokenizer.decode_continuation(request.prompt, response.ids));
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
  // Fields that later programs add describe another response, if the prompt's record had one.
  for (const Record::Field& f : prompt.fields())
    if (!r.has(f.key) && !is_of_a_response(f.key)) r.set_raw(f.key, f.raw);
  return r;
}

}  // namespace nudge
