// What an iteration's samples look like, before any training.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "lib/run/ppo_run.h"

namespace nudge {
namespace {

// What the record says that the trajectory is worth, without penalties.
double reward_of(const Trajectory& t) {
  double sum = static_cast<double>(t.reward.value_or(0.0f));
  for (const float r : t.token_rewards) sum += static_cast<double>(r);
  return sum;
}

// Counts the groups of two answers or more, and those whose answers have one reward.
void count_groups(const std::vector<const Trajectory*>& trajectories, SampleHealth& health) {
  struct Group {
    std::int64_t answers = 0;
    double least = 0, most = 0;
  };
  std::map<std::string, Group> groups;
  for (const Trajectory* t : trajectories) {
    Group& g = groups[t->group];
    const double reward = reward_of(*t);
    g.least = g.answers == 0 ? reward : std::min(g.least, reward);
    g.most = g.answers == 0 ? reward : std::max(g.most, reward);
    ++g.answers;
  }
  for (const auto& [name, g] : groups) {
    if (g.answers < 2) continue;
    ++health.groups;
    health.equal_groups += g.least == g.most;
  }
}

// Whether the folder gives an ending token to padding.
bool pads_with_end(const Model& model) {
  const std::int32_t named = model.config().pad, pad = named >= 0 ? named : model.tokenizer.pad_id();
  return pad >= 0 && model.ends(pad);
}

}  // namespace

SampleFigures PpoRun::figures() const {
  SampleFigures f;
  Moments reward, kl;
  SequenceValues entropies;
  for (std::size_t i = 0; i < batch_.trajectories.size(); ++i) {
    reward.add(reward_of(*batch_.trajectories[i]));
    entropies.append(batch_.part(batch_.entropies, i));
    const auto old = batch_.part(batch_.old_logprobs, i), ref = batch_.part(batch_.ref_logprobs, i);
    double sum = 0;
    for (std::size_t k = 0; k < ref.size(); ++k) sum += static_cast<double>(old[k]) - static_cast<double>(ref[k]);
    if (!batch_.ref_logprobs.empty()) kl.add(sum);
  }
  f.reward = estimate(reward), f.kl = estimate(kl);
  f.entropy = estimate(entropies, identity).per_token;
  if (uses_critic()) f.explained_variance = nudge::explained_variance(batch_.values, batch_.returns);
  return f;
}

SampleHealth PpoRun::sample_health() const {
  SampleHealth h;
  h.trajectories = size();
  h.cut = std::ranges::count(trajectories_, false, &Trajectory::stopped);
  const auto [coldest, hottest] = std::ranges::minmax_element(trajectories_, {}, &Trajectory::temperature);
  h.coldest = coldest->temperature, h.hottest = hottest->temperature;
  count_groups(batch_.trajectories, h);
  h.no_advantage = std::ranges::all_of(batch_.advantages, [](float a) { return a == 0; });
  if (batch_.weights.empty()) h.first_ratio_min = first_ratio_min(), h.first_ratio_max = first_ratio_max();
  h.entropy = figures().entropy.mean;
  h.last_entropy = state_.entropy;
  h.end_is_pad = pads_with_end(*policy_);
  return h;
}

}  // namespace nudge
