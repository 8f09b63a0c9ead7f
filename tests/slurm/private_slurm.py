"""A real Slurm of one node in a temporary folder, for tests; as root or not, without systemd."""

from __future__ import annotations

import getpass
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

BINARIES = (
    *("munged", "slurmctld", "slurmd"),
    *("sbatch", "srun", "squeue", "sinfo", "scancel", "scontrol"),
    "setpriv",
)
FOLDERS = "/usr/sbin"  # where Debian has the daemons, and a user's PATH may not look
CPUS = 8
MEMORY_MB = 64_000  # what the node says of itself; it need not be there
SECONDS_TO_START = 30
SECONDS_TO_STOP = 10
SECONDS_TO_WORK = 120

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
{addresses}
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/run/slurmctld.pid
SlurmdPidFile={root}/run/slurmd.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
JobRequeue=1
MinJobAge=3600
KillWait=5
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={root}/munge/s,cred_expire=5
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={node_port} CPUs={cpus} \
RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=2 PreemptMode=OFF
"""


def missing_binaries() -> list[str]:
    """The programs of Slurm that this machine lacks."""
    return [name for name in BINARIES if shutil.which(name, path=_path()) is None]


class PrivateSlurm:
    """Daemons for as long as the `with` block lasts; one node with one GPU, which is /dev/null."""

    def __init__(self) -> None:
        # Short, since a socket's path may have 108 characters; open, since munged asks for that.
        self.root = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
        self.root.chmod(0o755)
        self._daemons: list[subprocess.Popen[bytes]] = []

    @property
    def variables(self) -> dict[str, str]:
        """The environment of whoever wants to talk to this cluster."""
        return {"SLURM_CONF": str(self.root / "slurm.conf"), "PATH": f"{self.root}/bin:{_path()}"}

    def __enter__(self) -> Self:
        try:
            self._write_files()
            self._start("munged", "--foreground", *self._munge_options())
            self._start("slurmctld", "-D", "-i")
            self._start("slurmd", "-D", "-N", "n1")
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every job and every daemon, whatever state they are in, and remove the files."""
        self._call("scancel", "--user", getpass.getuser(), check=False)
        wait_for(lambda: not self._processes("slurmstepd"), SECONDS_TO_STOP)
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for process in self.processes():
            os.kill(process, signal.SIGKILL)
        wait_for(lambda: not self.processes(), SECONDS_TO_STOP)
        shutil.rmtree(self.root, ignore_errors=True)

    def processes(self) -> list[int]:
        """Every process that belongs to this cluster: its daemons, and all that they started."""
        return self._processes("")

    def jobs(self) -> list[Mapping[str, str]]:
        """What Slurm knows of each job, by its own names, in the order of submission."""
        lines = self._call("scontrol", "--oneliner", "show", "job").splitlines()
        jobs = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines]
        return sorted((job for job in jobs if "JobId" in job), key=lambda job: int(job["JobId"]))

    def cancel(self, job: Mapping[str, str]) -> None:
        """As a user or an administrator cancels a job."""
        self._call("scancel", job["JobId"])

    def submit_urgent(self) -> None:
        """A short job of somebody more important, who wants the GPU."""
        self._call("sbatch", "-p", "urgent", "--gpus=1", "-o", "/dev/null", "--wrap", "sleep 1")

    def wait_for_work(self, name: str, seconds: float) -> None:
        """Wait until a process with this name in its command has used so much of a processor."""
        ticks = seconds * os.sysconf("SC_CLK_TCK")

        def works() -> bool:
            return any(_ticks(process) > ticks for process in self._processes(name))

        assert wait_for(works, SECONDS_TO_WORK), f"no {name} runs: {self.jobs()}"

    def _call(self, *command: str, check: bool = True) -> str:
        ended = subprocess.run(
            command,
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0 or not check, f"{command}: {ended.stdout}"
        return ended.stdout

    def _write_files(self) -> None:
        for name in ("bin", "key", "log", "munge", "run", "spool", "state"):
            (self.root / name).mkdir(mode=0o755)
        host = socket.gethostname().split(".")[0]
        loopback = socket.gethostbyname(host).startswith("127.")
        configuration = CONFIGURATION.format(
            root=self.root,
            host=host,
            user=getpass.getuser(),
            controller_port=_free_port(),
            node_port=_free_port(),
            addresses="CommunicationParameters=NoCtldInAddrAny,NoInAddrAny" if loopback else "",
            cpus=CPUS,
            memory=MEMORY_MB,
        )
        (self.root / "slurm.conf").write_text(configuration, encoding="utf-8")
        (self.root / "gres.conf").write_text("NodeName=n1 Name=gpu File=/dev/null\n")
        (self.root / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        key = self.root / "key" / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        # Snakemake's plugin takes SLURM_CONF from the environment of its inner srun.
        srun = self.root / "bin" / "srun"
        real = shutil.which("srun", path=_path())
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.root}/slurm.conf exec {real} "$@"\n')
        srun.chmod(0o755)

    def _munge_options(self) -> list[str]:
        places = {
            "socket": "munge/s",
            "key-file": "key/munge.key",
            "pid-file": "run/munged.pid",
            "log-file": "log/munged.log",
            "seed-file": "run/munged.seed",
        }
        return [f"--{name}={self.root / place}" for name, place in places.items()]

    def _start(self, *command: str) -> None:
        """Start a daemon that ends with this process even if that is killed."""
        with (self.root / "log" / f"{command[0]}.out").open("wb") as log:
            daemon = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                env={**os.environ, **self.variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._daemons.append(daemon)

    def _wait_until_ready(self) -> None:
        def ready() -> bool:
            ended = [daemon.args for daemon in self._daemons if daemon.poll() is not None]
            assert not ended, f"{ended} ended: {self._logs()}"
            return "n1" in self._call("sinfo", "-h", "-N", "-t", "idle", "-o", "%N", check=False)

        assert wait_for(ready, SECONDS_TO_START), f"Slurm does not start: {self._logs()}"

    def _logs(self) -> str:
        return "\n".join(
            f"{path.name}: {path.read_text(encoding='utf-8', errors='replace')[-2000:]}"
            for path in sorted((self.root / "log").iterdir())
        )

    def _processes(self, name: str) -> list[int]:
        """The processes with this cluster's configuration in their environment."""
        mark = f"SLURM_CONF={self.root}/slurm.conf".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                variables = (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_text(encoding="utf-8", errors="replace")
            except OSError:  # it ended, or is another user's
                continue
            if mark in variables and name in command and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        return found


def _path() -> str:
    return f"{os.environ['PATH']}:{FOLDERS}"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _ticks(process: int) -> int:
    """The processor time that a process has used, in the kernel's units; 0 once it has ended."""
    try:
        facts = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    user, system = facts.rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
