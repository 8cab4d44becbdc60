// Preference pairs and rankings for a reward model: the tokens of answers, best to worst.
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
  std::vector<std::vector<std::int32_t>> answers;  // 2 or more, best first, ending token included
  float margin = 0;                                // by which the better answer should win; pairs only
  bool pair = true;                                // from a preference record, not a ranking

  std::int64_t longest() const;  // tokens of prompt and answer
  ResponseView view(std::size_t answer) const { return {prompt, answers[answer], 1}; }
};

// Reads {"prompt","chosen","rejected"}, the same without a prompt (whole dialogues), or {"prompt","responses"}. Takes
// the record's token ids where this model's tokenizer made them; else encodes prompt and answer separately and appends
// an ending token. `dialogues` renders lists of messages. `number`, the record's in the input, stands in for an absent
// id. Errors: kBadInput naming record and field.
Ranking read_ranking(const Record& record, std::int64_t number, const Model& model, Dialogues& dialogues);

// The same with the chat template of the model's folder.
Ranking read_ranking(const Record& record, std::int64_t number, const Model& model);

// Error kBadInput with `advice` where an answer and its prompt exceed the context.
void check_fits(const Ranking& r, const ModelConfig& config, const std::string& advice);

}  // namespace nudge
