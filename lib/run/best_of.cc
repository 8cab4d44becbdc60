#include "lib/run/best_of.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/rl/kl_estimators.h"
#include "lib/rl/minibatch.h"

namespace nudge {
namespace {

std::string digest_of(const std::vector<Record>& records) {
  Digest d;
  for (const Record& r : records) d.text(r.line());
  return d.hex();
}

}  // namespace

std::int64_t GroupNumbers::of(const Record& record) {
  if (!record.has("response_ids"))
    bad_input(record.where() + ": is not a trajectory, and --best chooses among a prompt's responses",
              "leave --best out for preference pairs");
  const std::string group = group_of(record);
  if (!groups_.empty() && group == current_) return std::ssize(groups_) - 1;
  if (!groups_.insert(group).second)
    bad_input(record.where() + ": group \"" + group + "\" ended before: --best reads a prompt's responses together",
              "sort by group first: jq -sc 'sort_by(.group)[]'");
  current_ = group;
  return std::ssize(groups_) - 1;
}

void BestOf::add(Record record) {
  if (record.has("best_of"))
    record.fail("best_of", "is there: --best chose the response before",
                "choose once, from all responses; to choose again among the chosen, drop the field: jq -c "
                "'del(.best_of)'");
  const std::string group = group_of(record);
  if (current_.answers.empty() || group != current_.name) {
    end_group();
    current_.name = group;
  }
  scorer_.enter(record);
  current_.answers.push_back(std::move(record));
}

void BestOf::end_group() {
  Group g = std::exchange(current_, {});
  if (g.answers.empty()) return;
  ++groups_;
  least_ = most_ == 0 ? g.answers.size() : std::min(least_, g.answers.size());
  most_ = std::max(most_, g.answers.size());
  g.digest = digest_of(g.answers);
  take_kept(g);
  if (g.written == wanted(g)) return;
  for (const Record& r : g.answers) waiting_tokens_ += Scorer::size_of(r);
  waiting_.push_back(std::move(g));
  if (waiting_tokens_ >= scorer_.micro_tokens()) flush();
}

// Once a record is not there, none is: what waits comes behind all that were kept.
void BestOf::take_kept(Group& g) {
  auto from = g.answers.begin();
  Record made;
  const auto remade = [&](const Record& there) {
    from = std::find_if(from, g.answers.end(), [&](const Record& r) { return r.name("id") == there.name("id"); });
    if (from == g.answers.end()) bad_input(there.where() + ": is of another group");
    made = scorer_.remade(*from++, there);
    mark(made, g);
    return made;
  };
  for (; g.written < wanted(g) && kept_.take(remade); ++g.written) scorer_.count(made);
}

void BestOf::mark(Record& record, const Group& g) const {
  record.set_integer("best_of", wanted(g) < g.answers.size() ? std::ssize(g.answers) : 1);
  record.set_text("best_among", g.digest);
}

std::vector<Record*> BestOf::chosen(Group& g) const {
  std::vector<float> rewards;
  for (const Record& r : g.answers) rewards.push_back(r.real("reward"));
  std::vector<std::size_t> order(g.answers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return rewards[a] != rewards[b] ? rewards[a] > rewards[b]
                                    : id_less(g.answers[a].name("id"), g.answers[b].name("id"));
  });
  order.resize(wanted(g));
  std::sort(order.begin(), order.end());
  std::vector<Record*> best;
  for (const std::size_t i : order) best.push_back(&g.answers[i]);
  return best;
}

void BestOf::flush() {
  heed_stop();
  std::vector<Record*> all, best;
  for (Group& g : waiting_)
    for (Record& r : g.answers) all.push_back(&r);
  scorer_.add_rewards(all);
  std::vector<const Group*> of;
  for (Group& g : waiting_) {
    const std::vector<Record*> some = chosen(g);
    best.insert(best.end(), some.begin() + static_cast<std::ptrdiff_t>(g.written), some.end());
    of.resize(best.size(), &g);
  }
  scorer_.add_references(best);
  for (std::size_t i = 0; i < best.size(); ++i) {
    mark(*best[i], *of[i]);
    scorer_.count(*best[i]);
    out_.write(*best[i]);
  }
  out_.keep_up();
  progress_.update(out_.records());
  waiting_.clear();
  waiting_tokens_ = 0;
}

void BestOf::finish() {
  end_group();
  kept_.end();
  flush();
}

std::string BestOf::words() const {
  if (groups_ == 0) return "";
  const std::string range = (least_ == most_ ? "" : std::to_string(least_) + " to ") + std::to_string(most_);
  std::string words = "best " + std::to_string(keep_) + " of " + range + " in " + std::to_string(groups_) +
                      (groups_ == 1 ? " group" : " groups");
  if (least_ == most_ && keep_ < most_) {
    char text[64];
    std::snprintf(text, sizeof text, ", KL to the policy at most %.4g nats",
                  best_of_kl_bound(static_cast<std::int64_t>(most_)));
    words += text;
  }
  return words;
}

}  // namespace nudge
