"""Whether there is room for one more task: memory, by what tasks needed last time, and devices, one for each."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

KEPT_FREE = 0.05  # of the memory that there is
DEVICES = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Room:
    """What tasks of one build share: ``memory`` in bytes when it begins (None: not known), names of ``devices``."""

    memory: int | None
    devices: tuple[str, ...] = ()

    def has_memory(self, need: int, others: int | None) -> bool:
        """Whether ``need`` bytes fit beside what ``others`` need; with nothing at work (None) they always do."""
        if self.memory is None or others is None:
            return True
        return need + others <= self.memory * (1 - KEPT_FREE)

    def device(self, taken: Collection[str]) -> str | None:
        """Return a device that nobody uses, or None."""
        return next((device for device in self.devices if device not in taken), None)


# Tasks run on other machines, where a cluster's scheduler knows of memory and devices: nothing is held back here.
ELSEWHERE = Room(None)


def measure(devices: int | None = None, files: Path = Path("/dev")) -> Room:
    """Return the room on this machine: its memory, and at most ``devices`` of the graphics devices it lets be seen."""
    visible = [name for name in os.environ.get(DEVICES, "").split(",") if name]
    found = len(list(files.glob("nvidia[0-9]*")))
    names = visible or [str(number) for number in range(devices or found or 1)]
    return Room(available_memory(), tuple(names[:devices]))


def available_memory(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the bytes that can be taken without swapping, within the control group's limit; None where unknown."""
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return None
    known = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    limits = [known["MemAvailable"]] if "MemAvailable" in known else []
    limits += [left for left in (_left_in_group(proc, groups),) if left is not None]
    return min(limits, default=None)


def _left_in_group(proc: Path, groups: Path) -> int | None:
    """Return what the control group (version 2) of this process may still take."""
    try:
        group = next(
            line[3:] for line in (proc / "self/cgroup").read_text().splitlines() if line.startswith("0::")
        ).strip("/")
        most = (groups / group / "memory.max").read_text().strip()
        return None if most == "max" else int(most) - int((groups / group / "memory.current").read_text())
    except (OSError, StopIteration, ValueError):
        return None
