# The settings of a run, for submit.sh. Copy this file into the run's folder, on a file system that all nodes see, and
# change it. The folder also holds the models base (the reference, and the first policy) and rm, and prompts.jsonl.zst.
# shellcheck shell=bash disable=SC2034

iterations=10  # of PPO
shards=8       # of the prompts: tasks of the array that samples and scores
ranks=4        # that share a step of PPO; like threads, they affect no bit
mpi=pmix      # srun's, for Open MPI; with MPICH pmi2
groups=8       # gradient parts, the most ranks ever; a power of two; affects the result (docs/determinism.md)

rollout_options=(-n 4 --max-tokens 128)
score_options=(--reward-model rm --ref base)
ppo_options=(--critic-init rm)

# sbatch options of each job: fill in processors, memory and time (README.md).
sample_job=(--cpus-per-task=8 --mem=8G --time=60)
step_job=(--cpus-per-task=8 --mem-per-cpu=4G --time=120)
report_job=(--time=10)
