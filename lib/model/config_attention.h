// What a config.json says of positions and windows.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "lib/io/json.h"
#include "lib/model/config.h"
#include "lib/model/config_keys.h"

namespace nudge {

// Of a configuration with heads and context. The old form (rope_theta, rope_scaling; rotary_emb_base, rotary_pct) and the
// new one (rope_parameters), whose members may differ by layer. longrope's short factors hold within the original
// context, which becomes the model's.
void read_rotary(const ConfigKeys& keys, const Family& family, ModelConfig& config);
void refuse_rotary(const ConfigKeys& keys);

// Windows and RoPE of the layers. A window as long as the context hides nothing and is none. Families without windows
// carry such keys along unread.
void read_layer_forms(const ConfigKeys& keys, const Family& family, ModelConfig& config);
// Those of a new model of its family with these sizes and rotary dims: layers by turns have their usual window, families
// whose layers are alike have none.
void set_usual_layers(ModelConfig& config);

// The keys of a config.json in the order of their names.
using KeyWriters = std::map<std::string, std::function<void(JsonWriter&)>>;
// `config` has to outlive the writers.
void write_rotary(const ModelConfig& config, const Family& family, KeyWriters& keys);
void write_layer_forms(const ModelConfig& config, const Family& family, KeyWriters& keys);

}  // namespace nudge
