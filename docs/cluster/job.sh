# What the jobs have in common: each is given the folder of these scripts, the settings and the iteration.
# shellcheck shell=bash
settings=$2 i=$3
# shellcheck source=docs/cluster/settings.sh
. "$settings"
cd "$(dirname "$settings")"

# go [SRUN OPTION...] PROGRAM...: runs it as a step of the job, for signals reach steps only. Stopped with its work
# saved (75), the job goes back into the queue, where the same command goes on.
go() {
  local status=0
  srun --kill-on-bad-exit=1 "$@" || status=$?
  [ "$status" != 75 ] || scontrol requeue "$SLURM_JOB_ID" || true  # where 75 is a RequeueExit, Slurm does it
  [ "$status" = 0 ] || exit "$status"
}
