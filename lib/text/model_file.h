// What the readers of a model folder's JSON files share, here and in lib/model.
#pragma once

namespace nudge {

inline constexpr const char* kModelFileAdvice = "see that the file is whole; README.md lists what models may have";

}  // namespace nudge
