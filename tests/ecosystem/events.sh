# TensorBoard's own reader on what --tensorboard writes. For run.sh.
if python events.py there > there 2>&1; then
  mkdir logs
  make_texts
  sft-train -q --init new --layers 1 --width 16 --heads 2 --context 64 --vocab 280 --epochs 0 texts.jsonl -o logs/base
  inside=${scratch#"$python_root"}/logs
  of_training() {
    sft-train -q --init logs/base $tuned --held-out texts.jsonl texts.jsonl -o logs/f --metrics logs/f.m --tensorboard logs/f-log
    python events.py scalars "$inside/f-log" "$inside/f.m"
    rm-train -q --init logs/base $tuned --held-out pairs.jsonl pairs.jsonl -o logs/r --metrics logs/r.m --tensorboard logs/r-log
    python events.py scalars "$inside/r-log" "$inside/r.m"
  }
  of_iterations() {
    policy=logs/base
    for n in 0 1 2; do
      # Texts that markdown or HTML would change, at the place of those that were sampled.
      rollout -q --policy $policy -n 2 --max-tokens 8 prompts.jsonl |
        jq -c '.reward = (.response | length) | .prompt = "# 1. <b>a</b> | *b*\n\n    c_d_e `f` &amp; \\[g](h)" 
          | .response = "- x\n  ~~~\n| a | b |\n|---|---|\n1) z!\n=====\nhttp://a.b/ <script>"' > logs/in.jsonl
      ppo-step -q --policy $policy --kl-beta 0 --advantage return logs/in.jsonl -o logs/p$n \
        --metrics logs/p.m --tensorboard logs/p-log
      policy=logs/p$n
    done
    python events.py scalars "$inside/p-log" "$inside/p.m"
    python events.py texts "$inside/p-log" "$inside/in.jsonl"
  }
  again() {  # a run that is made again is shown once
    rm -rf logs/f
    sft-train -q --init logs/base $tuned --held-out texts.jsonl texts.jsonl -o logs/f --tensorboard logs/f-log
    python events.py scalars "$inside/f-log" "$inside/f.m"
  }
  ok "TensorBoard: sft-train and rm-train" of_training
  ok "TensorBoard: three iterations of ppo-step, and their answers" of_iterations
  ok "TensorBoard: a run made again" again
else
  echo "skipped: no tensorboard beside Python: $(tail -n 1 there)"
fi
