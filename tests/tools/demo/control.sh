# With rewards dealt to the wrong answers the gold reward must stay where it was (within 2 standard errors):
# what rises in the demo is not an artefact. A minute, so only in check-long.
[ -n "${NUDGE_CHECK_LONG:-}" ] || skip 'NUDGE_CHECK_LONG is not set'
ok 'with shuffled rewards it stays within 2' env DEMO_SHUFFLE=1 bash "$ROOT/docs/demo.sh" "$PWD/control"
