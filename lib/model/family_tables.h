// The tables of families that do not stand in family.cc.
#pragma once

#include "lib/model/family.h"

namespace nudge {

extern const Family kOpt;

}  // namespace nudge
