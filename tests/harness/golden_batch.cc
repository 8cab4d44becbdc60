#include "tests/harness/golden_batch.h"

#include <simdjson.h>

#include <algorithm>

namespace nudge::test {
namespace {

using Element = simdjson::dom::element;

std::vector<double> doubles(Element array) {
  std::vector<double> out;
  for (const Element x : simdjson::dom::array(array)) out.push_back(double(x));
  return out;
}
std::vector<float> floats(Element array) {
  const std::vector<double> wide = doubles(array);
  std::vector<float> out(wide.size());
  std::transform(wide.begin(), wide.end(), out.begin(), [](double x) { return static_cast<float>(x); });
  return out;
}

GoldenSample sample(Element s) {
  const Element e = s["expect"];
  return {.score = double(s["score"]),
          .old_logprobs = floats(s["old_logprobs"]),
          .ref_logprobs = floats(s["ref_logprobs"]),
          .old_values = floats(s["old_values"]),
          .new_logprobs = floats(e["new_logprobs"]),
          .values = floats(e["values"]),
          .entropy = floats(e["entropy"]),
          .kl_exact_new_ref = floats(e["kl_exact_new_ref"]),
          .kl_exact_old_new = floats(e["kl_exact_old_new"]),
          .k1 = doubles(e["k1_old_new"]),
          .k2 = doubles(e["k2_old_new"]),
          .k3 = doubles(e["k3_old_new"]),
          .rewards = doubles(e["rewards"]),
          .advantages = doubles(e["advantages"]),
          .returns = doubles(e["returns"]),
          .advantages_whitened = doubles(e["advantages_whitened"])};
}

}  // namespace

std::vector<std::string> golden_family_folders() {
  std::vector<std::string> folders;
  for (const std::string& goldens : golden_folders())
    for (const std::string& family : golden_families(goldens)) folders.push_back(goldens + "/model/dev/" + family);
  return folders;
}

GoldenBatch read_golden_batch(const std::string& folder) {
  simdjson::dom::parser parser;
  const Element root = parser.load(folder + "/golden.json");
  const Element hyper = root["hyper"], ppo = root["ppo"], bt = root["bt"];
  GoldenBatch g;
  g.gamma = double(hyper["gamma"]), g.lambda = double(hyper["lam"]), g.kl_beta = double(hyper["kl_coef"]);
  for (const Element s : simdjson::dom::array(root["ppo_samples"])) g.samples.push_back(sample(s));
  g.ratio_min = double(ppo["ratio_min"]), g.ratio_max = double(ppo["ratio_max"]);
  g.approx_kl_k1 = double(ppo["approx_kl_old_new_k1"]);
  g.approx_kl_half_square = double(ppo["approx_kl_half_sq"]);
  g.entropy = double(ppo["entropy"]);
  g.explained_variance = double(ppo["explained_variance"]);
  g.new_ref_k1 = double(ppo["kl_new_ref"]["k1"]), g.new_ref_k2 = double(ppo["kl_new_ref"]["k2"]);
  g.new_ref_k3 = double(ppo["kl_new_ref"]["k3"]), g.new_ref_exact = double(ppo["kl_new_ref"]["exact"]);
  g.bt_loss = double(bt["loss"]), g.bt_accuracy = double(bt["accuracy"]);
  g.chosen = floats(bt["chosen"]), g.rejected = floats(bt["rejected"]);
  return g;
}

std::vector<float> difference(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> out;
  for (std::size_t i = 0; i < a.size(); ++i) out.push_back(a[i] - b[i]);
  return out;
}

}  // namespace nudge::test
