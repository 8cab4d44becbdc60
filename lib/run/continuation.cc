#include "lib/run/continuation.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/io/json.h"
#include "lib/rl/record_kind.h"

namespace nudge {

namespace {
constexpr const char* kText = "continuation";
}  // namespace

Continuation::Continuation(Model& model, RolloutOptions options)
    : model_(model), options_(named_model(std::move(options))), generator_(model, options_.generate),
      policy_digest_(model_digest(model.transformer)) {
  model_.transformer.pack();
}

// A response that goes on under other conditions would be a sample of neither.
void Continuation::check_origin(const Record& record) const {
  const auto demand = [&](const char* key, const std::string& is, const std::string& here, const std::string& advice) {
    if (is != here) record.fail(key, "is " + is + ", in this run it is " + here, advice);
  };
  const GenerateOptions& g = options_.generate;
  const std::string by = "go on with the policy that sampled it";
  demand("policy", record.text("policy"), policy_digest_, by);
  demand("tokenizer", record.text("tokenizer"), model_.tokenizer.digest(), by);
  const std::string dtype = record.text("dtype");
  demand("dtype", dtype, name_of(model_.config().dtype), "give --dtype " + dtype);
  demand("arith", std::to_string(record.integer("arith")), std::to_string(kArithmetic), "sample it with this version");
  const auto option = [&](const char* key, const std::string& name, const std::string& is, const std::string& here) {
    demand(key, is, here, "give --" + name + " " + is);
  };
  option("seed", "seed", std::to_string(record.integer("seed")), std::to_string(g.seed));
  option("temperature", "temperature", json_number(record.real("temperature")), json_number(g.sampling.temperature));
  option("top_k", "top-k", std::to_string(record.integer("top_k")), std::to_string(g.sampling.top_k));
  option("top_p", "top-p", json_number(record.real("top_p")), json_number(g.sampling.top_p));
}

Record Continuation::continued(const Record& record, const std::vector<std::int32_t>& prompt,
                               const SampledResponse& response) const {
  Record r(record.where());
  for (const Record::Field& f : record.fields())
    if (!is_of_a_response(f.key) || f.key == "loss_mask") r.set_raw(f.key, f.raw);
  r.set_text("response", model_.tokenizer.decode_continuation(prompt, response.ids));
  r.set_ids("response_ids", response.ids);
  r.set_text("finish", response.stopped ? "stop" : "length");
  r.set_reals("logprobs", response.logprobs);
  std::vector<std::int32_t> mask = record.ids("loss_mask");
  mask.resize(response.ids.size(), 1);
  r.set_ids("loss_mask", mask);
  return r;
}

// The response with the continuation behind it, which --max-tokens and the context cut. What is left is sampled.
Continuation::Work Continuation::begin(const Record& record, const Trajectory& t) const {
  check_origin(record);
  if (t.prompt_ids.empty()) record.fail("prompt_ids", "has no token");
  if (t.logprobs.empty()) record.fail_absent("logprobs");
  check_fits(t, model_.config(), "policy", "go on with the policy that sampled it");
  SampledResponse begun{t.response_ids, t.logprobs, false};
  std::vector<std::int32_t> mask(t.mask.begin(), t.mask.end());
  if (mask.empty()) mask.assign(begun.ids.size(), 1);
  const std::vector<std::int32_t> text = model_.tokenizer.encode_continuation(record.text(kText));
  const std::int64_t longest =
      std::min(options_.generate.max_tokens, model_.config().context - std::ssize(t.prompt_ids));
  const std::int64_t room = std::max<std::int64_t>(0, longest - std::ssize(begun.ids));
  begun.ids.insert(begun.ids.end(), text.begin(), text.begin() + std::min(room, std::ssize(text)));
  begun.logprobs.resize(begun.ids.size(), 0);
  mask.resize(begun.ids.size(), 0);
  Work work{record};
  work.record.set_ids("loss_mask", mask);
  work.sampled = std::ssize(begun.ids) < longest;
  if (work.sampled) {
    check_in_flight(generator_, options_.generate, record, std::ssize(t.prompt_ids));
    work.request = {t.id, t.prompt_ids, std::move(begun)};
  } else {
    work.record = continued(work.record, t.prompt_ids, begun);
  }
  return work;
}

// The next record; false at the end.
bool Continuation::read(const Rollout::Prompts& trajectories, Work& work) {
  Record record;
  std::int64_t number = 0;
  ended_ = !trajectories.next(record, number);
  if (ended_) return false;
  work = read_as(RecordKind::kTrajectory, "rollout", record, [&] {
    const Trajectory t = read_trajectory(record, model_.config());
    if (!ids_.insert(t.id).second) bad_input(record.where() + ": duplicate id \"" + t.id + "\"");
    if (record.has(kText) && !record.is_null(kText)) return begin(record, t);
    return Work{record};
  });
  counts_.done += !record.has(kText) || record.is_null(kText);
  return true;
}

bool Continuation::is_kept(const Work& work, KeptRecords& kept) {
  SampledResponse response = work.request.begun;
  const bool is = kept.take([&](const Record& there) {
    if (!work.sampled) return work.record;
    const std::vector<std::int32_t> ids = there.ids("response_ids");
    const std::vector<float> logprobs = there.reals("logprobs");
    const auto begun = static_cast<std::ptrdiff_t>(response.ids.size());
    if (std::ssize(ids) <= begun || ids.size() != logprobs.size()) there.fail("response_ids", "doesn't go on");
    response.ids.insert(response.ids.end(), ids.begin() + begun, ids.end());
    response.logprobs.insert(response.logprobs.end(), logprobs.begin() + begun, logprobs.end());
    response.stopped = there.text("finish") == "stop";
    return continued(work.record, work.request.prompt, response);
  });
  if (!is) return false;
  if (work.sampled) {
    count(work.request, response);
  } else {
    ++counts_.trajectories;
  }
  return true;
}

void Continuation::count(const SampleRequest& request, const SampledResponse& response) {
  ++counts_.trajectories;
  counts_.tokens += std::ssize(response.ids) - std::ssize(request.begun.ids);
  counts_.stopped += response.stopped;
}

// Those that nothing is sampled for are written behind the ones before them.
void Continuation::write_waiting(RecordWriter& out) {
  for (; !waiting_.empty() && !waiting_.front().sampled; waiting_.pop_front(), ++counts_.trajectories)
    out.write(waiting_.front().record);
}

void Continuation::enter(Work&& work, RecordWriter& out) {
  if (work.sampled) {
    next_ = std::move(work);
  } else {
    waiting_.push_back(std::move(work));
    write_waiting(out);
  }
}

void Continuation::run(const Rollout::Prompts& trajectories, KeptRecords& kept, RecordWriter& out,
                       const TokenProgress& progress) {
  Work work;
  bool more = read(trajectories, work);
  while (more && is_kept(work, kept)) more = read(trajectories, work);
  kept.end();
  if (more) enter(std::move(work), out);
  const std::int64_t before = counts_.tokens;
  const auto draw = [&](SampleRequest& request) {
    while (!next_ && !ended_)
      if (read(trajectories, work)) enter(std::move(work), out);
    if (!next_) return false;
    request = std::exchange(next_->request, {});
    waiting_.push_back(std::move(*next_));
    next_.reset();
    return true;
  };
  // Reads over those that pass through, as far as they may wait for one that is sampled.
  const auto ready = [&] {
    while (!next_ && !ended_) {
      if (std::ssize(waiting_) >= Generator::kMostAhead || !trajectories.ready()) return false;
      if (read(trajectories, work)) enter(std::move(work), out);
    }
    return true;
  };
  const auto write = [&](const SampleRequest& request, SampledResponse&& response) {
    const ProfileScope scope(Part::kWriting);
    out.write(continued(waiting_.front().record, request.prompt, response));
    waiting_.pop_front();
    count(request, response);
    write_waiting(out);
  };
  const auto tell = [&](std::int64_t tokens) {
    if (progress) progress(before + tokens);
  };
  generator_.run(draw, write, tell, ready);
}

}  // namespace nudge
