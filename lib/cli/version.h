// The version of the toolkit, as --version and the man pages print it.
#pragma once

namespace nudge {

inline constexpr const char* kVersion = "0.2.0";
inline constexpr const char* kVersionDate = "2026-11-30";  // of the version, for the man pages

}  // namespace nudge
