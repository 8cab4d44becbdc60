// What people give in place of a model folder, and advice on it: a name on the hub, weights in another format, files that
// git left out.
#pragma once

#include <string>
#include <string_view>

namespace nudge {

// Error kNoInput or kBadInput, with commands that help, unless `folder` is a folder with a config.json.
void refuse_foreign_folder(const std::string& folder);

// The policy's folder if `folder` is its part of this name ("critic" or "trainer"), else "".
std::string policy_of_part(const std::string& folder, std::string_view part);

// How to fetch what may be a name on the hub; "" for other names.
std::string advice_on_hub_name(const std::string& name);

// Error kBadInput if the file at `path` is a Git LFS pointer, a few lines in place of a file not yet fetched.
void refuse_pointer(const std::string& path);

// Error kBadInput if the folder, which has no safetensors, has weights in another format.
void refuse_foreign_weights(const std::string& folder);

// Error kBadInput if the folder, which has no tokenizer.json, has a tokenizer in another format.
void refuse_foreign_tokenizer(const std::string& folder);

// Advice on a tensor that a model does not have, or "".
std::string advice_on_tensor(std::string_view name);

// Advice on a class of "architectures" that no family has, an OpenRLHF reward model; "" on any other. `score_class` is
// the family's own.
std::string advice_on_class(std::string_view name, std::string_view score_class);

// What sets the models of a model_type apart, where that is known and no family can have it, as a clause to stand behind
// its name: ", whose layers hold recurrent states". Else "".
std::string_view clause_on_model_type(std::string_view model_type);

}  // namespace nudge
