# Built for 64-bit Arm and emulated, programs write this machine's bytes: make check-arm64.
[ -n "${NUDGE_CHECK_ARM64:-}" ] || skip "NUDGE_CHECK_ARM64 is not set"
needs "$EMULATOR"
. "$ROOT/tests/tools/tiny.inc"
needs ppo-step kl-report peek

mkdir emulated
for program in $(programs); do
  printf '#!/bin/sh\nexec %s "%s/bin/%s" "$@"\n' "$EMULATOR" "$NUDGE_CHECK_ARM64" "$program" > "emulated/$program"
  chmod +x "emulated/$program"
done
level() {
  for level in neon neonbf16; do
    NUDGE_KERNELS=$level PATH=$PWD/emulated:$PATH rollout --version > version
    grep -x "kernels: $level" version
  done
}
ok "it has the levels neon and neonbf16" level
models_and_records() {
  (PATH=$PWD/emulated:$PATH TINY=$PWD/tiny && make_tiny)
  diff -r "$TINY" tiny
}
ok "models and records are the same bytes" models_and_records
step() {
  ppo-step -q --policy "$TINY/p0" --critic-init "$TINY/rm" --epochs 2 "$@" "$TINY/scored.jsonl" -o p1
  kl-report -q --json --old "$TINY/p0" --new p1 "$TINY/scored.jsonl" > report.json
}
same_step() {
  rm -rf here there && mkdir here there
  (cd here && step "$@")
  (PATH=$PWD/emulated:$PATH && cd there && step "$@")
  diff -r here there
}
ok "so are a step of PPO and its report" same_step --groups 2
