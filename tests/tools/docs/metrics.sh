# docs/metrics.md's blocks in their order, with stand-ins for wandb and trackio, which write their calls down. Their
# signatures are those of wandb b6e2950 (wandb_init.py, wandb_run.py) and trackio 2a02752 (__init__.py).
. "$ROOT/tests/tools/docs/set.inc"
needs python3 tail
mkdir blocks modules
awk -v to=blocks/metrics -f "$ROOT/tests/tools/docs/extract.awk" "$ROOT/docs/metrics.md"
cat > modules/wandb.py <<'END'
import calls

def init(entity=None, project=None, dir=None, id=None, name=None, notes=None, tags=None, config=None, **others):
    calls.init("wandb", project, name)

def log(data, step=None, commit=None):
    calls.log(data, step)

def finish(exit_code=None, quiet=None):
    calls.finish()
END
cat > modules/trackio.py <<'END'
import calls

def init(project, name=None, group=None, space_id=None, server_url=None, space_storage=None, dataset_id=None,
         bucket_id=None, config=None, resume="never", settings=None, private=None, embed=True, **others):
    calls.init("trackio", project, name)

def log(metrics, step=None):
    assert not {"project", "run", "timestamp", "step", "time", "metrics"} & set(metrics), "a reserved name"
    calls.log(metrics, step)

def finish():
    calls.finish()
END
cat > modules/calls.py <<'END'
import json

def write(call):
    with open(run + ".calls", "a") as file:
        file.write(json.dumps(call) + "\n")

def init(module, project, name):
    global run, last
    run, last = name, -1
    write({"init": [module, project]})

def log(metrics, step):
    global last
    assert type(step) is int and step >= last, "W&B drops what goes back"
    assert all(type(x) in (int, float) for x in metrics.values())
    last = step
    write({"step": step, "metrics": metrics})

def finish():
    write({"finish": True})
END
export PYTHONPATH="$PWD/modules" PYTHONDONTWRITEBYTECODE=1
cp -r set copy
for block in $(printf '%s\n' blocks/*.sh | sort -t - -k 2 -n); do
  run_block() { (cd copy && bash -euo pipefail "../$block") > said 2>&1 || { cat said; return 1; }; }
  ok "${block#blocks/} (its line) runs" run_block
done
# sent RUN MODULE FILE: init, the numbers of each line, in its order, finish.
sent() {
  jq -cs --arg logger "$2" '[{init: [$logger, "nudge"]}] + map(select(has("update") | not)
    | {step: (.step // .iteration), metrics: (del(.step) | with_entries(select(.value | type == "number")))}) + [{finish: true}]
    | .[]' "copy/$3" > want
  jq -c . "copy/$1.calls" | cmp - want || { cat "copy/$1.calls"; return 1; }
  [ "$(wc -l < want)" -ge 3 ]
}
ok "W&B gets the metrics of sft-train" sent sft wandb sft.jsonl
ok "Trackio those of ppo-step" sent ppo trackio ppo.jsonl
ok "and a run while it trains" sent live trackio live.jsonl
updates_are_left_out() {
  (cd copy && ppo-step -q --policy p0 --critic-init rm --metrics every.jsonl --metrics-every update \
    iteration-0.jsonl.zst -o q2 && python3 send.py wandb nudge every < every.jsonl)
  sent every wandb every.jsonl
}
ok "lines of updates are left out" updates_are_left_out
names() {  # that the page tells of are in formats.md
  sed -n '/^| `/s/^| \([^|]*\)|.*/\1/p' "$ROOT/docs/metrics.md" | grep -oE '`[a-z_/]+`' | sort -u > told
  [ "$(wc -l < told)" -gt 12 ]
  while read -r name; do grep -qF "$name" "$ROOT/docs/formats.md" || { echo "$name"; return 1; }; done < told
}
ok "metrics that are named exist" names
