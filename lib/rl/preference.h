// Preference pairs and rankings as a reward model needs them: answers from the best to the worst, as tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/rl/dialogue.h"
#include "lib/rl/responses.h"

namespace nudge {

struct Ranking {
  std::string id, where;
  std::vector<std::int32_t> prompt;
  std::vector<std::vector<std::int32_t>> answers;  // the best first, ending token included; 2 or more
  float margin = 0;                                // asked of the better answer; of pairs only
  bool pair = true;                                // a preference, not a ranking

  std::int64_t longest() const;  // tokens of prompt and answer
  ResponseView view(std::size_t answer) const { return {prompt, answers[answer], 1}; }
};

// Reads {"prompt","chosen","rejected"} (with their token ids where they were made by this model's tokenizer, else the
// texts, prompt and answer encoded separately and an ending token appended), the implicit form without a prompt
// (whole dialogues), or {"prompt","responses"}. Lists of messages are rendered by `dialogues`. `number`: the record's
// in the input, its id where it has none.
// Errors: kBadInput naming record and field.
Ranking read_ranking(const Record& record, std::int64_t number, const Model& model, const Dialogues& dialogues);

// The same with the chat format that the model's folder tells.
Ranking read_ranking(const Record& record, std::int64_t number, const Model& model);

// Error kBadInput for one that does not fit the context, with what a user of the program can do.
void check_fits(const Ranking& r, const ModelConfig& config, const std::string& advice);

}  // namespace nudge
