// The law for a base with a low-rank adapter beside its matrices: the logits at a position are the same bits however it
// was reached.
#include "tests/law/ways.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// On all of GPT-2's matrices, wide: the adapter's own products pass a panel of 32 columns and end oddly.
const Subject& wide_adapter() {
  static const Subject s{random_adapted(wide_subject().model, wide_subject().model.config(),
                                        adapter_of(37, 11, {"c_attn", "c_proj", "c_fc"}), 81, 0.9),
                         wide_subject().tokens};
  return s;
}

// On some matrices of bundles: q and v of q, k and v, up of gate and up.
const Subject& bundle_adapter() {
  static const ModelConfig c = family_shape("llama", shape_of(2, 6, 29, 271, 67, 560), 2, 30, 30);
  static const Subject s{
      random_adapted(random_transformer(c, 82, 1.2), c, adapter_of(19, 16, {"q_proj", "v_proj", "up_proj"}), 83, 0.9),
      random_tokens(300, c.vocab, 84)};
  return s;
}

}  // namespace

TEST_CASE("a wide adapter's logits are the same bits at every level and number of threads") {
  same_everywhere([&] { return alone(wide_adapter().model, wide_adapter().tokens); });
}
TEST_CASE("an adapter's logits on parts of bundles are the same bits at every level and number of threads") {
  same_everywhere([&] { return alone(bundle_adapter().model, bundle_adapter().tokens); });
}
TEST_CASE("an adapter's logits are the same bits in any batch and at any place of it") {
  check_batches(wide_adapter());
  check_batches(bundle_adapter());
}
TEST_CASE("an adapter's prefill is the same bits in chunks of any size, and so is decoding") {
  check_chunks(wide_adapter(), {{113}, {13}, {1, 112}, {70, 1}});
  check_chunks(bundle_adapter(), {{300}, {17}, {256, 1, 43}, {270, 1}});
}
TEST_CASE("an adapter counts, and its base has the bits that it has alone") {
  const Subject& s = wide_adapter();
  const Floats of_base = alone(wide_subject().model, s.tokens);
  CHECK_FALSE(same_bits(alone(s.model, s.tokens), of_base));
  CHECK(same_bits(alone(s.model.without_adapter(), s.tokens), of_base));
}
