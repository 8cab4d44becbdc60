#include "lib/train/new_model.h"

#include <string>

#include "lib/base/error.h"
#include "lib/io/json.h"
#include "lib/model/bpe_trainer.h"

namespace nudge {

void NewModelOptions::check() const {
  if (width % heads != 0)
    usage_error("--width " + std::to_string(width) + " is not a multiple of --heads " + std::to_string(heads));
}

Model new_model(const NewModelOptions& options, const std::vector<Record>& records, std::uint64_t seed) {
  options.check();
  std::vector<std::string> texts;
  for (const Record& r : records)
    for (const char* key : {"text", "prompt", "completion"})
      if (r.has(key)) texts.push_back(r.text(key));
  const TrainedTokenizer trained = train_bpe(texts, static_cast<std::int32_t>(options.vocab));
  Tokenizer tokenizer =
      Tokenizer::from_json(trained.tokenizer_json, trained.tokenizer_config_json, "the new tokenizer");

  ModelConfig config;
  config.layers = options.layers;
  config.width = options.width;
  config.heads = options.heads;
  config.inner = 4 * options.width;
  config.context = options.context;
  config.vocab = trained.vocab_size;
  config.bos = tokenizer.bos_id();
  config.eos = tokenizer.eos_id();
  Buffer<float> values = initial_parameters(config, Layout(config), seed);

  JsonWriter generation(2);
  generation.begin_object().field("bos_token_id", std::int64_t{config.bos});
  generation.field("eos_token_id", std::int64_t{config.eos}).end_object();
  const std::int32_t eos = config.eos;
  return Model{Transformer(std::move(config), std::move(values)), std::move(tokenizer), generation.text() + "\n",
               {eos}};
}

}  // namespace nudge
