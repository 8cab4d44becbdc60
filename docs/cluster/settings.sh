# What a run is, for submit.sh. Put a copy into the run's folder, on a file system that all nodes see, and change it.
# Beside it belong the models base (the reference, and the first policy) and rm, and prompts.jsonl.zst.
# shellcheck shell=bash disable=SC2034

iterations=10  # of PPO
shards=8       # of the prompts: tasks of the array that samples and scores
ranks=4        # that share a step of PPO; counts as little as threads do
groups=8       # the most ranks that there may ever be, a power of two; counts (docs/determinism.md)

rollout_options=(-n 4 --max-tokens 128)
score_options=(--reward-model rm --ref base)
ppo_options=(--critic-init rm)

# What sbatch is told of each job: processors, memory and time are yours to fill in (README.md).
sample_job=(--cpus-per-task=8 --mem=8G --time=60)
step_job=(--cpus-per-task=8 --mem-per-cpu=4G --time=120)
report_job=(--time=10)
