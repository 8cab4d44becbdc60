// What people give where a model folder is wanted, and what to do about it: a name on the hub, an adapter alone,
// weights in another format, files that git left out.
#pragma once

#include <string>
#include <string_view>

namespace nudge {

// Errors kNoInput or kBadInput, with the commands that help, where `folder` is no folder with a config.json.
void refuse_foreign_folder(const std::string& folder);

// The policy's folder where `folder` is its part of this name, "critic" or "trainer", else "".
std::string policy_of_part(const std::string& folder, std::string_view part);

// Error kBadInput where the file at `path` is a Git LFS pointer, the few lines that stand for a file not yet fetched.
void refuse_pointer(const std::string& path);

// Error kBadInput where the folder, which has no safetensors, has its weights in another format.
void refuse_foreign_weights(const std::string& folder);

// What to do about a tensor that a model has no place for, or "".
std::string advice_on_tensor(std::string_view name);

// What to do about a class of "architectures" that no family has: a reward model of OpenRLHF's. "" about another one.
// `score_class` is the family's own.
std::string advice_on_class(std::string_view name, std::string_view score_class);

}  // namespace nudge
