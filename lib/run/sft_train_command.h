// What sft-train does between its command line and its tally.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/run/adapter_options.h"
#include "lib/run/chat_flags.h"
#include "lib/run/command.h"
#include "lib/run/metrics_log.h"
#include "lib/run/new_model.h"
#include "lib/run/run_folder.h"
#include "lib/run/sft_run.h"
#include "lib/run/streams.h"

namespace nudge {

struct SftTrainCommand {
  std::string init, held_out;
  SftRunOptions training;
  NewModelOptions sizes;  // with --init new
  StreamOptions streams;
  ChatFlags chat;
  AdapterOptions adapter;
  bool merge = false;  // write the model with its adapter added in
  Dtype dtype = Dtype::kF32;
  Storage storage;
  std::int64_t shard_megabytes = 0;
  MetricsLog metrics;
  SaveOptions saving;

  SftTrainCommand() { training.training.schedule.peak = 1e-4; }
  void add_to(Tool& tool);
  // Trains and writes the model. Nothing where the folder had been made already.
  std::optional<Tally> run(Tool& tool);

 private:
  void add_data_to(Tool& tool);
  void add_output_to(Tool& tool);
  bool makes_new_model() const { return init == "new"; }
  bool only_writes() const { return training.training.epochs == 0 && streams.files.empty() && !makes_new_model(); }
  void tell_made_already(Tool& tool, const RunFolder& folder) const;
  SftData load(Tool& tool, const std::vector<Record>& records, const Model& model, Dialogues& dialogues,
               const std::string& what) const;
  void warn_of_unused(Tool& tool, const Dialogues& dialogues, const SftData& data, const SftData* unseen) const;

  void add_adapter_to(Tool& tool);
  Model load_initial(Tool& tool);

  const Option *loss_on_ = nullptr, *learn_ = nullptr, *store_ = nullptr, *shard_size_ = nullptr;
};

}  // namespace nudge
