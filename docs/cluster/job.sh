# Shared by the jobs, which get the folder of these scripts, the settings and the iteration.
# shellcheck shell=bash
settings=$2 i=$3
# shellcheck source=docs/cluster/settings.sh
. "$settings"
cd "$(dirname "$settings")"

# Since Slurm 22.05 srun does not take --cpus-per-task from the job.
[ -z "${SLURM_CPUS_PER_TASK:-}" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK

# go [SRUN OPTION...] PROGRAM...: runs it as a step of the job, because signals reach only steps. If it is stopped with
# its work saved (75), the job is requeued, and the same command resumes.
go() {
  local status=0
  srun --kill-on-bad-exit=1 "$@" || status=$?
  [ "$status" != 75 ] || scontrol requeue "$SLURM_JOB_ID" || true  # if 75 is a RequeueExit, Slurm does it
  [ "$status" = 0 ] || exit "$status"
}
