// The moments of an optimizer in a policy's folder: read for a step, and removed when nothing needs them any longer.
#pragma once

#include <cstdint>
#include <string>

#include "lib/rl/optimizer.h"

namespace nudge {

// trainer/NAME.safetensors of a folder. Two thirds of what a step of PPO writes, and only the step after it reads them.
// shed() removes the file and keeps its digest in trainer/NAME.shed, by which the step that read it still recognises its
// own output.
class StoredMoments {
 public:
  // `name`: "optimizer" or "critic-optimizer".
  StoredMoments(const std::string& policy, const std::string& name);

  // Reads them, where there are any; `steps`: from trainer/state.json. Without that count they can't be corrected, and
  // begin anew. Errors: those of Adam::load.
  void load(Adam& adam, std::int64_t steps);
  // Of the moments as they were loaded: call it before a step.
  const std::string& digest(const Adam& adam);
  // Error kBadInput where they were shed: a step from here would be another one than that which had them.
  void expect() const;
  // Only those that were loaded. Errors: kCannotCreate, kIo.
  void shed() const;

 private:
  std::string file_, mark_;
  bool loaded_ = false, are_shed_ = false;
  std::string digest_;
};

}  // namespace nudge
