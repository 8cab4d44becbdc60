// What differs between processors of different architectures, in the same words for all: arch_x86.h and arch_arm.h.
#pragma once

#if defined(__x86_64__)
#include "lib/base/arch_x86.h"
#elif defined(__aarch64__)
#include "lib/base/arch_arm.h"
#else
#error "nudge knows x86-64 and 64-bit Arm"
#endif
