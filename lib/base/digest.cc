#include "lib/base/digest.h"

#include <xxhash.h>

#include <cstdio>
#include <new>

// The form for the processor's widest registers, which gives the same digest in a third of the time; libxxhash has it
// where it was built so.
extern "C" XXH_errorcode XXH3_128bits_update_dispatch(XXH3_state_t* state, const void* input, std::size_t size)
    __attribute__((weak));

namespace nudge {

struct Digest::State {
  XXH3_state_t* xxh;
  State() : xxh(XXH3_createState()) {
    if (xxh == nullptr) throw std::bad_alloc();
    XXH3_128bits_reset(xxh);
  }
  ~State() { XXH3_freeState(xxh); }
};

Digest::Digest() : state_(std::make_unique<State>()) {}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

Digest& Digest::bytes(const void* data, std::size_t size) {
  if (size == 0) return *this;
  if (XXH3_128bits_update_dispatch != nullptr) XXH3_128bits_update_dispatch(state_->xxh, data, size);
  else XXH3_128bits_update(state_->xxh, data, size);
  return *this;
}
Digest& Digest::number(std::int64_t n) { return bytes(&n, sizeof n); }
Digest& Digest::text(std::string_view s) {
  return number(static_cast<std::int64_t>(s.size())).bytes(s.data(), s.size());
}

std::string Digest::hex() const {
  const XXH128_hash_t h = XXH3_128bits_digest(state_->xxh);
  char out[33];
  std::snprintf(out, sizeof out, "%016llx%016llx", static_cast<unsigned long long>(h.high64),
                static_cast<unsigned long long>(h.low64));
  return out;
}

}  // namespace nudge
