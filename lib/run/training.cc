#include "lib/run/training.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <set>

#include "lib/base/comm.h"
#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/rng.h"
#include "lib/rl/minibatch.h"

namespace nudge {

void training_options(Tool& tool, TrainingOptions& o, const std::string& examples) {
  tool.group("Training");
  tool.option("--epochs", o.epochs, "passes over the input; 0 trains nothing").at_least(0).at_most(1e6);
  tool.option("--batch", o.batch, examples + " per step").at_least(1).at_most(1e9);
  tool.option("--lr", o.schedule.peak, "peak learning rate").at_least(0).at_most(1e3);
  tool.choice("--schedule", o.schedule.decay,
              {{"constant", Decay::kConstant}, {"linear", Decay::kLinear}, {"cosine", Decay::kCosine}},
              "how the learning rate decays after the warm-up");
  tool.option("--warmup", o.schedule.warmup, "steps over which the learning rate rises").at_most(1e9);
  const Option& least = tool.option("--min-lr", o.schedule.min_fraction, "final learning rate, as a fraction of --lr")
                            .at_least(0)
                            .at_most(1);
  tool.after_parsing([&] {
    const bool falls = o.schedule.decay != Decay::kConstant;
    refuse_unread({&least}, !falls && o.schedule.min_fraction > 0, "--schedule constant doesn't decay");
  });
  adam_options(tool, o.adam);
  tool.option("--max-norm", o.adam.max_norm, "norm to which gradients are clipped; 0: not clipped").at_least(0);
  too_long_option(tool, o.skip_long, examples + " longer than the model's context");
  micro_batch_option(tool, o.micro_tokens);
  recompute_option(tool, o.recompute);
  groups_option(tool, o.groups);
}

void adam_options(Tool& tool, AdamOptions& adam) {
  tool.option("--beta1", adam.beta1, "AdamW: decay of the mean gradient").at_least(0).at_most(kMostBeta);
  tool.option("--beta2", adam.beta2, "AdamW: decay of the mean square").at_least(0).at_most(kMostBeta);
  tool.option("--eps", adam.eps, "AdamW: added to the root of the mean square").at_least(kLeastEps);
  tool.option("--weight-decay", adam.weight_decay, "AdamW: decay of the weights, times the learning rate").at_least(0);
}

void model_output_option(Tool& tool, std::string& folder) {
  tool.option("-o,--output", folder, "model folder to write; appears when complete")
      .required()
      .placeholder("FOLDER")
      .neutral();
}

void too_long_option(Tool& tool, bool& skip, const std::string& what) {
  tool.choice("--too-long", skip, {{"fail", false}, {"skip", true}}, "what to do about " + what);
}

void micro_batch_option(Tool& tool, std::int64_t& tokens, const std::string& what) {
  tool.option("--micro-batch-tokens", tokens, what + "; changes no bit")
      .at_least(1)
      .neutral()
      .formerly("--micro-batch");
}

void recompute_option(Tool& tool, bool& recompute) {
  tool.option(
          "--recompute", recompute,
          "keep only each block's input and recompute the block in the backward pass: less memory for up to a third "
          "more time; changes no bit")
      .neutral();
}

void groups_option(Tool& tool, std::int64_t& groups) {
  tool.option(
          "--groups", groups,
          "parts of a step's examples, a power of two; each has its own gradient, and a fixed tree adds them; at least "
          "--ranks; other numbers round differently")
      .at_least(1)
      .at_most(1024);
}

namespace {
bool power_of_two(std::int64_t n) { return std::has_single_bit(static_cast<std::uint64_t>(n)); }
}  // namespace

void ranks_option(Tool& tool, const std::int64_t& groups) {
  auto ranks = std::make_shared<std::optional<std::int64_t>>();
  tool.option("--ranks", *ranks,
              "processes that mpirun or srun started to share the work of this run; a power of two that divides "
              "--groups; changes no bit")
      .at_least(1)
      .at_most(1024)
      .neutral();
  tool.first_after_parsing([ranks, &groups] {
    if (!power_of_two(groups))
      usage_error("--groups " + std::to_string(groups) + " is not a power of two",
                  "gradient parts are summed by a binary tree");
    if (!*ranks) return;
    const std::string n = std::to_string(**ranks);
    if (!power_of_two(**ranks))
      usage_error("--ranks " + n + " is not a power of two", "ranks are summed by a binary tree");
    if (**ranks > groups)
      usage_error("--ranks " + n + " doesn't divide --groups " + std::to_string(groups),
                  "a rank takes whole gradient parts: give --groups " + n + " or more, which rounds differently");
    join_world(static_cast<int>(**ranks));
  });
}

EpochPlan::EpochPlan(std::int64_t n, const TrainingOptions& options, std::string_view stream)
    : n_(n), batch_(std::clamp<std::int64_t>(n, 1, options.batch)), per_epoch_((n + batch_ - 1) / batch_),
      seed_(options.seed), stream_(stream), schedule_(options.schedule) {
  if (n == 0) return;
  total_ = std::llround(options.epochs * static_cast<double>(n));
  if (options.epochs > 0) total_ = std::max<std::int64_t>(1, total_);
  steps_ = total_ / n * per_epoch_ + (total_ % n + batch_ - 1) / batch_;
}

std::int64_t EpochPlan::end_of(std::int64_t s) const {
  return std::min({total_, (s / per_epoch_ + 1) * n_, begin_of(s) + batch_});
}

const std::vector<std::int64_t>& EpochPlan::step(std::int64_t s) {
  const std::int64_t epoch = s / per_epoch_, first = epoch * n_;
  if (epoch != epoch_) order_ = permutation(n_, seed_, stream_of(stream_ + "/" + std::to_string(epoch)));
  epoch_ = epoch;
  minibatch_.assign(order_.begin() + (begin_of(s) - first), order_.begin() + (end_of(s) - first));
  return minibatch_;
}

double EpochPlan::epochs_after(std::int64_t s) const {
  return static_cast<double>(end_of(s)) / static_cast<double>(n_);
}

Schedule EpochPlan::schedule() const {
  Schedule s = schedule_;
  s.steps = static_cast<std::uint64_t>(steps_);
  if (steps_ > 0) s.check();
  return s;
}

void warn_of_no_metrics(Tool& tool, const MetricsFile& metrics, const std::string& folder) {
  if (metrics.path().empty()) return;
  tool.warn(metrics.path() + ": no metrics were written, because nothing was computed; --force writes " + folder +
            " again, with metrics");
}

void warn_of_identical(Tool& tool, std::int64_t identical, std::int64_t pairs, const std::string& what) {
  if (identical == 0) return;
  tool.warn(what + ": " + std::to_string(identical) + " of " + std::to_string(pairs) +
            (pairs == 1 ? " pair" : " pairs") + (identical == 1 ? " has" : " have") +
            " the same answer twice; accuracy ignores them; remove them from the input");
}

OnMetrics StepReport::on_metrics() {
  return [this](std::int64_t step, std::int64_t steps, const Metrics& metrics) {
    metrics_.write(metrics.json());
    if (!progress_) progress_.emplace(tool_.console(), "steps", steps);
    if (const auto loss = metrics.get(loss_)) progress_->update(step, "loss " + number_text(static_cast<float>(*loss)));
  };
}

std::vector<std::string> unique_ids(const std::vector<Record>& records) {
  std::vector<std::string> ids;
  std::set<std::string_view> given;
  ids.reserve(records.size());
  for (const Record& r : records) {
    const auto id = r.find_name("id");
    ids.push_back(id.value_or(std::to_string(ids.size())));
    if (id && !given.insert(ids.back()).second) bad_input(r.where() + ": duplicate id \"" + *id + "\"");
  }
  return ids;
}

std::string folder_digest(const Model& model) {
  Digest digest;
  digest.text(model_digest(model.transformer)).text(model.config().json());
  digest.text(model.tokenizer.json()).text(model.tokenizer.config_json()).text(model.generation_config);
  for (const auto& [name, text] : model.tokenizer.older_files()) digest.text(name).text(text);
  for (const auto& [name, text] : model.tokenizer.template_files()) digest.text(name).text(text);
  return digest.hex();
}

void at_step(std::int64_t step, const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    throw Error(e.status(), "step " + std::to_string(step) + ": training has diverged: " + e.what(),
                "try a lower --lr, a longer --warmup or a lower --max-norm");
  }
}

void check_finite(const Transformer& transformer) {
  for (const TensorInfo& t : transformer.layout().tensors)
    for (std::int64_t i = 0; i < t.size; ++i)
      if (!std::isfinite(transformer.values()[t.offset + i]))
        bad_input("training has diverged: " + t.name + " is not finite", "try a lower --lr");
}

}  // namespace nudge
