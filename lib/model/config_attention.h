// What a config.json says of positions and windows.
#pragma once

#include <cstdint>

#include "lib/model/config.h"
#include "lib/model/config_keys.h"

namespace nudge {

// The old form (rope_theta, rope_scaling; rotary_emb_base, rotary_pct) and the new one (rope_parameters).
Rotary rotary_of(const ConfigKeys& keys, const Family& family, std::int64_t head_dim);
void refuse_rotary(const ConfigKeys& keys);

// A window of attention that is shorter than the context would hide keys, which attention here never does. Families
// without windows carry such keys along unread.
void refuse_windows(const ConfigKeys& keys, const Family& family, std::int64_t layers, std::int64_t context);

}  // namespace nudge
