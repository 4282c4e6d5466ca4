"""Points as jobs of a batch system: SLURM, started for the test on this machine alone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.clusters import contents

if TYPE_CHECKING:
    from tests.conftest import Tiny

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
MISSING = [name for name in PROGRAMS if not shutil.which(name, path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))]
CONFIG = """ClusterName=octavo
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoInAddrAny
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=10 State=UP
"""
# What docs/clusters.md tells a user to write, with this machine's numbers.
CLUSTER = """from dask_jobqueue import SLURMCluster

cluster = SLURMCluster(
    cores=1, processes=1, memory="500MB", walltime="00:05:00", nanny=False,
    interface="lo", scheduler_options={"dashboard_address": "127.0.0.1:0"},
)
cluster.scale(jobs=2)
print(cluster.scheduler_address, flush=True)
input("Enter ends the cluster.")
"""

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (Debian's slurm-wlm and munge)"),
    pytest.mark.skipif(os.getuid() != 0, reason="SLURM is started by root"),
]


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A batch system of one node, this one; the folder of its files. The path is short: munge's socket lies there."""
    path = "/usr/sbin:/sbin:" + os.environ.get("PATH", "")
    with tempfile.TemporaryDirectory(prefix="slurm-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for inside in ("spool", "state"):
            (folder / inside).mkdir()
        (folder / "key").write_bytes(os.urandom(64))
        (folder / "key").chmod(0o400)
        config = CONFIG.format(host=socket.gethostname(), folder=folder, ports=free_ports(2))
        (folder / "slurm.conf").write_text(config)
        monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        monkeypatch.setenv("PATH", path)
        kept = {"key-file": "key", "socket": "munge.sock", "pid-file": "munged.pid", "log-file": "munged.log"}
        munge = [f"--{option}={folder / file}" for option, file in {**kept, "seed-file": "seed"}.items()]
        try:
            subprocess.run(["munged", "--force", *munge], check=True, timeout=30)
            subprocess.run(["slurmctld", "-c"], check=True, timeout=30)
            subprocess.run(["slurmd"], check=True, timeout=30)
            yield folder
        finally:
            for program in ("slurmd", "slurmctld", "munged"):
                if (folder / f"{program}.pid").exists():
                    os.kill(int((folder / f"{program}.pid").read_text()), signal.SIGTERM)
                    gone(folder / f"{program}.pid")


def gone(file: Path) -> None:
    end = time.monotonic() + 10
    while file.exists() and time.monotonic() < end:
        time.sleep(0.1)


def ended() -> bool:
    """Whether all jobs come to their end: one that is told to end is still there, completing, for half a minute."""
    end = time.monotonic() + 60
    while subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, check=True).stdout:
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def test_points_run_as_jobs_of_slurm(study: Tiny, slurm: Path) -> None:
    """A SLURMCluster of dask-jobqueue's, started as the manual says: its jobs run the points, with the same bytes."""
    before = dict(contents(study.root))
    assert study.octavo("clean", "--all").code == 0
    (slurm / "cluster.py").write_text(CLUSTER)
    with (slurm / "cluster.log").open("w") as log:
        command = [sys.executable, "cluster.py"]
        cluster = subprocess.Popen(
            command, cwd=slurm, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert cluster.stdin and cluster.stdout
        address = cluster.stdout.readline().strip()
        assert address.startswith("tcp://127.0.0.1:"), (slurm / "cluster.log").read_text()
        said = study.octavo("build", "--on", address)
        jobs = subprocess.run(["squeue", "--noheader", "--format=%j %T"], capture_output=True, text=True, check=True)
        assert jobs.stdout.count("dask-worker RUNNING") == 2, (slurm / "slurmctld.log").read_text()
        assert (said.code, "7 ran" in said.out) == (0, True), said
        assert dict(contents(study.root)) == before
        cluster.communicate("\n", timeout=60)
        assert cluster.returncode == 0
        left = subprocess.run(["squeue", "--noheader", "--states=RUNNING"], capture_output=True, text=True, check=True)
        assert left.stdout == "", "the end of the cluster ends its jobs"
    finally:
        cluster.kill()
        cluster.wait()
        subprocess.run(["scancel", "--full", "--signal=KILL", "--user=root"], check=False)
        subprocess.run(["scancel", "--user=root"], check=False)
        assert ended(), "no job stays behind when SLURM itself is ended"
