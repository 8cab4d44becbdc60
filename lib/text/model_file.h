// What the readers of a model folder's JSON files share, here and in lib/model.
#pragma once

namespace nudge {

inline constexpr const char* kModelFileAdvice = "check that the file is complete; README.md lists the supported models";

}  // namespace nudge
