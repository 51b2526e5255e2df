#!/usr/bin/env bash
# Start a real SLURM on this machine, with one node of two cores and two make-believe GPUs: start_slurm.sh FOLDER
#
# For root on Debian, in containers too: no systemd, no cgroups. Needs `apt-get install slurm-wlm munge`. The settings go
# to /etc/slurm, since job steps see none of the variables that could name another place. `stop` as FOLDER ends it.
set -euo pipefail

if [[ ${1:?usage: start_slurm.sh FOLDER | stop} == stop ]]; then
    for daemon in slurmd slurmctld; do
        pkill -x "$daemon" || continue
        # It writes its state once more while it ends; who removes the folder has to wait for that.
        for _ in {1..60}; do
            pgrep -x "$daemon" >/dev/null || continue 2
            sleep 0.5
        done
        pkill -KILL -x "$daemon" || true
    done
    # Without its controller, whoever asks `scontrol` waits ten seconds, and Snakemake does at each start.
    rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf
    exit 0
fi
folder=$(realpath -m "$1")
for program in slurmctld slurmd munged sbatch; do
    command -v "$program" >/dev/null || { echo "error: no $program; apt-get install slurm-wlm munge" >&2; exit 1; }
done
mkdir -p /run/munge /etc/slurm "$folder"/{state,spool,log}
chown munge:munge /run/munge
pgrep -x munged >/dev/null || runuser -u munge -- "$(command -v munged)"

memory=$(awk '/^MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
cat >/etc/slurm/slurm.conf <<CONF
ClusterName=test
SlurmctldHost=localhost
AuthType=auth/munge
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
MinJobAge=86400
SwitchType=switch/none
GresTypes=gpu
KillWait=5
NodeName=localhost NodeHostname=$(hostname) NodeAddr=127.0.0.1 CPUs=2 RealMemory=$memory Gres=gpu:2 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
echo "Name=gpu File=/dev/tty[1-2]" >/etc/slurm/gres.conf # any device files will do

pgrep -x slurmctld >/dev/null || slurmctld
pgrep -x slurmd >/dev/null || slurmd -N localhost
for _ in {1..30}; do
    [[ $(sinfo --noheader --format=%T 2>/dev/null) == idle ]] && exit 0
    sleep 1
done
echo "error: the node did not come up; see $folder/log" >&2
exit 1
