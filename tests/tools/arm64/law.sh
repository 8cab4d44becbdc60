# Built for 64-bit Arm and emulated, the tests of the kernels and of the law find the bits of x86-64: make check-arm64.
[ -n "${NUDGE_CHECK_ARM64:-}" ] || skip "NUDGE_CHECK_ARM64 is not set"
needs "$EMULATOR"

in_tree() { (cd "$ROOT" && "$@"); }
kernels() { in_tree env NUDGE_TEST_ONE_SETTING=1 "$EMULATOR" "$NUDGE_CHECK_ARM64/test-kernels"; }
ok "the kernels' tests pass" kernels
# They compare with the digests of another machine (tests/law/digests.tsv).
law() { in_tree env NUDGE_KERNELS="$1" NUDGE_TEST_DTYPE="$2" NUDGE_TEST_ONE_SETTING=1 "$EMULATOR" "$NUDGE_CHECK_ARM64/test-law"; }
ok "the law's tests find the same digests" law neon f32
ok "and in bf16, with products of floats" law neon bf16
ok "and with the processor's own" law neonbf16 bf16
