#include "lib/run/adapter_options.h"

#include <algorithm>
#include <vector>

#include "lib/base/error.h"

namespace nudge {

Option& base_option(Tool& tool, std::string& base) {
  return tool.option("--base", base, "base of adapters, in place of the folder that they name")
      .placeholder("FOLDER")
      .shown_default("the adapter's own")
      .neutral();
}

void refuse_base_without_adapter(const std::string& base, bool adapted) {
  if (!base.empty() && !adapted) usage_error("--base: no model that was given is an adapter", "leave it out");
}

void AdapterOptions::add_to(Tool& tool) {
  tool.group("What is trained");
  tool.option("--freeze", frozen_blocks, "keep the embeddings and so many first blocks as they are")
      .at_least(0)
      .at_most(1000)
      .excludes("--lora-rank");
  tool.option("--lora-rank", rank,
              "train a low-rank adapter of this rank, and keep the model as it is; 0: train all of it")
      .at_least(0)
      .at_most(4096);
  alpha_ = &tool.option("--lora-alpha", alpha, "the adapter's product is multiplied by this over the rank")
                .above(0)
                .shown_default("twice the rank");
  const Option& names =
      tool.option("--lora-targets", targets,
                  "linear layers that get one: all, attention, or names divided by commas (q_proj,v_proj)")
          .placeholder("NAMES");
  const Option& stabilized =
      tool.option("--lora-rslora", rank_stabilized, "divide --lora-alpha by the rank's square root (rsLoRA)");
  base_option(tool, base);
  tool.option("--base-name", base_name, "name of the base that the adapter's folder gives, where others look for it")
      .placeholder("NAME")
      .shown_default("as it was given here");
  tool.after_parsing([this, &names, &stabilized] {
    refuse_unread({alpha_, &names, &stabilized}, rank == 0, "without --lora-rank no adapter is made");
  });
}

namespace {

std::vector<std::string> names_in(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (end == begin) usage_error("--lora-targets: a name is empty", "give names divided by commas");
    names.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

AdapterConfig AdapterOptions::config(const ModelConfig& base_config, HeadKind head, const std::string& name) const {
  AdapterConfig c;
  c.rank = rank;
  c.alpha = alpha > 0 ? alpha : 2 * static_cast<double>(rank);
  c.rank_stabilized = rank_stabilized;
  c.targets = targets == "all"         ? linear_layers(base_config)
              : targets == "attention" ? attention_layers(base_config)
                                       : names_in(targets);
  c.base = base_name.empty() ? name : base_name;
  c.head = head;
  return c;
}

void AdapterOptions::refuse_names(const std::string& reason) const {
  if (!base.empty()) usage_error("--base: " + reason, "leave it out");
  if (!base_name.empty()) usage_error("--base-name: " + reason, "leave it out");
}

namespace {

bool same_names(const Layout& a, const Layout& b) {
  return std::ranges::equal(a.tensors, b.tensors, {}, &TensorInfo::name, &TensorInfo::name);
}

}  // namespace

void AdapterOptions::check_same(const Model& model, const std::string& folder) const {
  const AdapterConfig& there = *model.transformer.adapter();
  const AdapterConfig wanted = config(model.transformer.without_adapter().config(), there.head, there.base);
  const auto refuse = [&](const std::string& what, const std::string& option) {
    usage_error(folder + ": its adapter has " + what + ", not what " + option + " asks for",
                "leave the options of adapters out to go on with it");
  };
  if (there.rank != wanted.rank) refuse("rank " + std::to_string(there.rank), "--lora-rank");
  if (there.scale() != wanted.scale()) refuse("another scale", "--lora-alpha");
  if (!same_names(model.transformer.trained(), Layout(model.config(), wanted)))
    refuse("other targets", "--lora-targets");
}

void AdapterOptions::freeze(Model& model) const {
  if (frozen_blocks == 0) return;
  if (model.transformer.adapter() != nullptr)
    usage_error("--freeze: an adapter has no blocks of its own", "leave it out: its base is frozen as a whole");
  if (frozen_blocks > model.config().layers)
    usage_error("--freeze " + std::to_string(frozen_blocks) + ": the model has " +
                std::to_string(model.config().layers) + " blocks");
  model.transformer = std::move(model.transformer).freeze(frozen_blocks);
}

Model AdapterOptions::load(const std::string& folder, HeadKind head, std::uint64_t seed, Dtype dtype,
                           Bases& bases) const {
  const auto as_it_is = [&] {
    return head == HeadKind::kLanguage ? load_model(folder, head, dtype, &bases)
                                       : load_as_score_model(folder, seed, dtype, &bases);
  };
  if (rank == 0 || holds_adapter(folder)) {
    Model model = as_it_is();
    const bool adapted = model.transformer.adapter() != nullptr;
    if (!base_name.empty() && !adapted) usage_error("--base-name: " + folder + " is no adapter", "leave it out");
    if (rank > 0) check_same(model, folder);
    if (!base_name.empty()) model.transformer.set_base_name(base_name);
    freeze(model);
    return model;
  }
  if (head == HeadKind::kScore && head_of(folder) == HeadKind::kScore)
    bad_input(folder + ": is a reward model, on which no adapter is made",
              "give the language model that it was made from");
  const Bases::Base& on = bases.at(folder, dtype);
  Model model = with_files(new_adapter(on, config(on.model.config(), head, folder), seed), folder);
  model.remarks = on.remarks;
  if (head == HeadKind::kScore) set_pad(model);
  return model;
}

}  // namespace nudge
