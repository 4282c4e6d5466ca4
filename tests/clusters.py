"""Real Dask clusters for tests: a scheduler and workers on the loopback, ended by whoever began them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LONGEST = 600  # seconds after which whatever a test forgot ends by itself


@dataclass
class Cluster:
    """A scheduler and its workers; ``folder`` has their logs and temporary files."""

    folder: Path
    address: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str, under: Sequence[str] = (), **environment: str) -> None:
        """Start a program of Dask's in a process group of its own."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                ["timeout", str(LONGEST), *under, sys.executable, "-m", *arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                env={**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s", **environment},
            )

    def scheduler(self, host: str = "127.0.0.1", **environment: str) -> Cluster:
        """Start the scheduler and wait for its address."""
        file = self.folder / "scheduler.json"
        where = ("--host", host, "--port", "0", "--dashboard-address", f"{host}:0", "--no-dashboard")
        self.start(
            "scheduler",
            "distributed.cli.dask_scheduler",
            *where,
            "--scheduler-file",
            str(file),
            **environment,
        )
        self.until(lambda: file.exists() and bool(file.read_text()), "the scheduler")
        self.address = json.loads(file.read_text())["address"]
        return self

    def worker(
        self,
        name: str,
        threads: int = 1,
        host: str = "127.0.0.1",
        options: Sequence[str] = (),
        under: Sequence[str] = (),
        **environment: str,
    ) -> None:
        """Start a worker, without a nanny that would start it again, and wait until it is known."""
        self.start(
            name,
            "distributed.cli.dask_worker",
            self.address,
            *("--name", name, "--nthreads", str(threads), "--host", host, "--no-nanny", "--no-dashboard"),
            *("--dashboard-address", f"{host}:0", "--local-directory", str(self.folder / name)),
            *options,
            under=under,
            **environment,
        )
        self.until(lambda: "Registered to" in self.log(name), f"the worker {name}")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until something holds."""
        end = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end, f"{what} did not start: {[self.log(name) for name in self.processes]}"
            time.sleep(0.05)

    def kill(self, name: str) -> None:
        """Kill a program of Dask's, as a power cut would."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Yield an empty cluster, and end all that was started for it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Cluster(folder)
    try:
        yield made
    finally:
        for name in list(made.processes):
            made.kill(name)


def hiding(folder: Path) -> Sequence[str]:
    """Return the command under which a program sees ``folder`` empty, as on a machine of its own; it needs root."""
    return ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(folder))


def contents(root: Path) -> Mapping[str, bytes]:
    """Return what a build left: all of build/, and the artifacts in the store by their place."""
    every = [*root.glob("build/**/*"), *root.glob(".octavo/store/*/*/out/**/*")]
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(every) if p.is_file()}
