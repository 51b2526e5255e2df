#!/usr/bin/env bash
# Submit a job: submit.sh THREADS MEGABYTES MINUTES SCRIPT. Prints the job's id. Written for Grid Engine.
set -euo pipefail
exec qsub -terse -V -cwd -j y -o logs/ -pe smp "$1" -l "h_vmem=$(($2 / $1))M" -l "h_rt=$(($3 * 60))" "$4"
