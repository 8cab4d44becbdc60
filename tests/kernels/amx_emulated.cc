// The product by tiles with the tile instructions computed in software, so that how it deals with shapes is tested on
// any processor.
#define NUDGE_LEVEL emulated
#include "lib/kernels/amx.cc"
