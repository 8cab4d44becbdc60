#!/usr/bin/env bash
# Submits what remains of a run as a chain of jobs: for each iteration an array that samples and scores its shards, then
# a step of PPO over MPI; at the end a report. README.md explains how jobs stop and resume.
# usage: submit.sh SETTINGS [SBATCH OPTION...]   (SETTINGS: settings.sh, changed; the run is the folder it stands in)
set -euo pipefail
[ $# -ge 1 ] || { sed -n '4s/# //p' "$0" >&2; exit 64; }
jobs=$(cd "$(dirname "$0")" && pwd)
settings=$(realpath "$1")
shift
# shellcheck source=docs/cluster/settings.sh
. "$settings"
cd "$(dirname "$settings")"
mkdir -p log
[ -e p0 ] || ln -s base p0

after=()
# submit NAME SCRIPT ITERATION SBATCH_OPTION...: to run after the previous job, if that succeeds.
submit() {
  local name=$1 script=$2 iteration=$3 id
  shift 3
  id=$(sbatch --parsable --requeue --open-mode=append --job-name="$name" --output=log/%x \
    --signal=USR1@60 "${after[@]}" "$@" "$jobs/$script" "$jobs" "$settings" "$iteration")
  after=(--dependency="afterok:$id" --kill-on-invalid-dep=yes)
  echo "$name: job $id"
}

for ((i = 0; i < iterations; i++)); do
  [ ! -e "p$((i + 1))" ] || continue
  submit "sample-$i" sample.sbatch "$i" --array="0-$((shards - 1))" --output=log/%x.%a "${sample_job[@]}" "$@"
  submit "step-$i" step.sbatch "$i" --ntasks="$ranks" "${step_job[@]}" "$@"
done
submit report report.sbatch "$iterations" "${report_job[@]}" "$@"
