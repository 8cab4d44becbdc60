#include "lib/rl/trajectory.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/io/json.h"
#include "lib/model/sample.h"

namespace nudge {
namespace {

void check_tokens(const Record& record, const char* key, const std::vector<std::int32_t>& ids, std::int64_t vocab) {
  for (std::int32_t id : ids)
    if (id >= vocab)
      record.fail(
          key, "contains token " + std::to_string(id) + ", the model's vocabulary has " + std::to_string(vocab),
          "its tokens come from another tokenizer: give a model with the tokenizer of the policy that sampled it");
}

std::vector<std::uint8_t> read_mask(const Record& record, std::int64_t n) {
  if (!record.has("loss_mask")) return {};
  const std::vector<std::int32_t> numbers = record.ids("loss_mask");
  if (std::ssize(numbers) != n)
    record.fail("loss_mask", "has " + std::to_string(numbers.size()) + " numbers for " + std::to_string(n) + " tokens");
  for (const std::int32_t x : numbers)
    if (x > 1) record.fail("loss_mask", "contains " + std::to_string(x) + ", which is neither 0 nor 1");
  if (std::ranges::count(numbers, 1) == 0)
    record.fail("loss_mask", "is 0 for every token: there is none to learn from", "drop such records");
  return {numbers.begin(), numbers.end()};
}

}  // namespace

std::vector<float> per_token(const Record& record, const char* key, std::int64_t n) {
  if (!record.has(key)) return {};
  std::vector<float> values = record.reals(key);
  if (static_cast<std::int64_t>(values.size()) != n)
    record.fail(key, "has " + std::to_string(values.size()) + " numbers for " + std::to_string(n) + " tokens");
  return values;
}

std::vector<float> read_advantages(const Record& record, std::int64_t n) {
  if (!record.has("advantages") || record.is_array("advantages")) return per_token(record, "advantages", n);
  return std::vector<float>(static_cast<std::size_t>(n), record.real("advantages"));
}

bool ended_by_itself(const Record& record) {
  const std::string finish = record.find_text("finish").value_or("stop");
  if (finish != "stop" && finish != "length") record.fail("finish", "is neither \"stop\" nor \"length\"");
  return finish == "stop";
}

bool ended_by_itself(const Record& record, const Model& model) {
  if (record.has("finish")) return ended_by_itself(record);
  const std::vector<std::int32_t> ids = record.ids("response_ids");
  return !ids.empty() && model.ends(ids.back());
}

std::string group_of(const Record& record) {
  if (const auto group = record.find_name("group")) return *group;
  const std::string id = record.name("id");
  return id.substr(0, id.rfind('/'));
}

Trajectory read_trajectory(const Record& record, const ModelConfig& config) {
  Trajectory t;
  t.where = record.where();
  t.id = record.name("id");
  t.group = group_of(record);
  t.prompt_ids = record.ids("prompt_ids");
  t.response_ids = record.ids("response_ids");
  check_tokens(record, "prompt_ids", t.prompt_ids, config.vocab);
  check_tokens(record, "response_ids", t.response_ids, config.vocab);
  const std::int64_t listed = t.view().listed();
  if (listed < 1) record.fail("response_ids", "has no token to learn from");
  t.mask = read_mask(record, listed);
  t.logprobs = per_token(record, "logprobs", listed);
  t.ref_logprobs = per_token(record, "ref_logprobs", listed);
  t.token_rewards = per_token(record, "rewards", listed);
  t.reward = record.find_real("reward");
  t.temperature = record.find_real("temperature").value_or(1.0f);
  if (t.temperature < 0) record.fail("temperature", "is negative");
  if (t.temperature > 0 && t.temperature < kLeastTemperature)
    record.fail("temperature", "is below " + json_number(kLeastTemperature) + ": logits divided by it may overflow");
  t.truncated_sampling =
      record.find_integer("top_k").value_or(0) > 0 || record.find_real("top_p").value_or(1.0f) < 1.0f;
  t.stopped = ended_by_itself(record);
  t.policy = record.find_text("policy").value_or("");
  t.dtype = record.find_text("dtype").value_or(name_of(Dtype::kF32));
  t.arithmetic = record.find_integer("arith").value_or(kArithmetic);
  for (const Record::Field& field : record.fields())
    if (field.raw == "null") t.nulls.push_back(field.key);
  return t;
}

bool fits(const Trajectory& t, const ModelConfig& config) { return t.view().tokens() <= config.context; }

void check_fits(const Trajectory& t, const ModelConfig& config, const std::string& what, const std::string& advice) {
  if (!fits(t, config))
    bad_input(t.where + ": prompt and response have " + std::to_string(t.view().tokens()) + " tokens, more than the " +
                  what + "'s context of " + std::to_string(config.context),
              advice);
}

void refuse_absent(const Trajectory& t, const std::string& key, const std::string& why, const std::string& advice) {
  const bool null = std::ranges::find(t.nulls, key) != t.nulls.end();
  throw MissingField(t.where + ": field " + json_quote(key) + (null ? " is null" : " is missing") + why, key, advice);
}

void check_tokenizer(const Record& record, const std::string& digest, const std::string& what,
                     const std::string& advice) {
  const auto named = record.find_text("tokenizer");
  if (named && *named != digest)
    bad_input(record.where() + ": was tokenised by another tokenizer (" + *named + ") than the " + what + "'s (" +
                  digest + ")",
              advice);
}

void check_dtype(const Trajectory& t, Dtype dtype) {
  if (t.dtype != name_of(dtype))
    bad_input(t.where + ": was sampled in dtype " + t.dtype + ", this run computes in " + name_of(dtype),
              "give --dtype " + t.dtype);
}

void check_sampled_by(const Trajectory& t, const std::string& policy_digest, Dtype dtype, bool off_policy,
                      bool allow_truncated, const std::string& advice_on_policy) {
  if (t.temperature == 0)
    bad_input(t.where + ": was sampled at temperature 0, which has no log-probs to learn from",
              "sample with rollout --temperature 1");
  if (t.truncated_sampling && !allow_truncated)
    bad_input(t.where + ": was sampled with top-k or top-p, its log-probs are not those it was drawn with",
              "sample without them, or accept the bias with --allow-truncated");
  if (off_policy) return;
  if (t.policy != policy_digest)
    bad_input(t.where + ": was sampled by policy " + (t.policy.empty() ? "(unnamed)" : t.policy) + ", this one is " +
                  policy_digest,
              advice_on_policy);
  if (t.dtype != name_of(dtype) || t.arithmetic != kArithmetic)
    bad_input(t.where + ": was sampled in dtype " + t.dtype + " and arithmetic " + std::to_string(t.arithmetic) +
                  ", this run has " + name_of(dtype) + " and " + std::to_string(kArithmetic),
              "sample again with this version, or accept it with --off-policy");
}

}  // namespace nudge
