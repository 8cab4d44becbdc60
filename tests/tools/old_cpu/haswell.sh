# As an emulated Haswell, the oldest processor that will do, the law's tests pass and all outputs are this machine's:
# make check-old-cpu.
[ -n "${NUDGE_CHECK_OLD_CPU:-}" ] || skip "NUDGE_CHECK_OLD_CPU is not set"
needs qemu-x86_64
. "$ROOT/tests/tools/tiny.inc"
needs ppo-step kl-report peek

mkdir emulated
for program in $(programs); do
  printf '#!/bin/sh\nexec qemu-x86_64 -cpu Haswell "%s/%s" "$@"\n' "$BIN" "$program" > "emulated/$program"
  chmod +x "emulated/$program"
done
level() {
  PATH=$PWD/emulated:$PATH rollout --version > version
  grep -x 'kernels: v3' version
}
ok "it has AVX2 and no AVX-512" level
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
  mkdir here there
  (cd here && step "$@")
  (PATH=$PWD/emulated:$PATH && cd there && step "$@")
  diff -r here there
}
ok "so are a step of PPO and its report" same_step --groups 2
# They compare with the digests of another machine (tests/law/digests.tsv).
law() {
  (cd "$ROOT" && NUDGE_TEST_DTYPE=$1 NUDGE_TEST_ONE_SETTING=1 qemu-x86_64 -cpu Haswell "$BIN/../test-law")
}
ok "the law's tests find the same digests" law f32
ok "and in bf16" law bf16
