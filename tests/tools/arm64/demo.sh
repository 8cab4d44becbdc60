# The demo, made small and of two iterations, writes the same bytes built for 64-bit Arm and emulated, down to the last
# policy: make check-arm64.
[ -n "${NUDGE_CHECK_ARM64:-}" ] || skip "NUDGE_CHECK_ARM64 is not set"
needs "$EMULATOR" bash jq zstd column sft-train rm-train rollout score label ppo-step kl-report

mkdir emulated
for program in $(programs); do
  printf '#!/bin/sh\nexec %s "%s/bin/%s" "$@"\n' "$EMULATOR" "$NUDGE_CHECK_ARM64" "$program" > "emulated/$program"
  chmod +x "emulated/$program"
done
# So short a run does not raise the gold reward, of which the demo complains.
demo() {
  DEMO_ITERATIONS=2 DEMO_TEXTS=400 DEMO_PAIRS=120 bash "$ROOT/docs/demo.sh" "$PWD/$1" > "$1.out" 2>&1 ||
    grep 'the gold reward did not do what it must' "$1.out"
  # But for the time that it took, which the page of the run tells, too.
  rm "$1/run.html"
  jq -c 'del(.eps, .time)' "$1/metrics.jsonl" > metrics && mv metrics "$1/metrics.jsonl"
}
same() {
  demo here
  (PATH=$PWD/emulated:$PATH && demo there)
  [ -d here/p2 ]
  diff -r here there
}
ok "two iterations of the demo end in the same policy, byte for byte" same
