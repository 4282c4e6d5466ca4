"""Is a task's result still good, and if not, why: one small question for each reason, asked in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from octavo.engine import key as keys
from octavo.engine.store import KEPT, OUT, Store
from octavo.engine.task import LAST, REASONS, Entry, Memory, Task
from octavo.filenames import MISSING, decoded

SHARED = "shared trace:"  # begins the reason of a file that perhaps another task read


@dataclass(frozen=True)
class Decision:
    """Either the stored result that can be used, or the reason why the task must run.

    ``state`` tells the files of the stored one before they were read.
    """

    key: str
    stored: tuple[Path, Entry] | None
    reason: str
    state: str = ""


def decide(
    task: Task,
    upstream: Mapping[str, str],
    store: Store,
    memory: Memory | None,
    digest: keys.FileDigest,
) -> Decision:
    """Look a task up. ``upstream`` has the digest of every result that it depends on."""
    key = keys.of_task(task.parts, upstream)
    if stored := _as_last_time(key, store, memory, digest) or store.look_up(key, digest):
        return Decision(key, stored[:2], "", stored[2])
    return Decision(key, None, _why(task, upstream, store, memory, digest))


def _as_last_time(
    key: str, store: Store, memory: Memory | None, digest: keys.FileDigest
) -> tuple[Path, Entry, str] | None:
    """Return the last result, where nothing has changed since: its files, not touched meanwhile, are not read again."""
    if memory is None or not memory.state or memory.entry.key != key:
        return None
    if not keys.are_so(memory.entry.reads, store.root, digest):
        return None
    folder = store.folder_of(memory.entry)
    return (folder, memory.entry, memory.state) if store.state_of(folder, memory.entry) == memory.state else None


def outputs_digest(entry: Entry, *, kept: bool = False) -> str:
    """Return the digest of a result's artifacts; what is only for a reader (``log/``) does not count.

    A task that ran again and gave the same artifacts thus causes nothing further. What it keeps beside them counts for
    the tasks that ask for it (``kept``).
    """
    counted = (f"{OUT}/", f"{KEPT}/") if kept else f"{OUT}/"
    return keys.of({n: digest for n, (_, digest) in entry.outputs.items() if n.startswith(counted)})


def own_reason(task: Task, store: Store, memory: Memory | None, digest: keys.FileDigest) -> str:
    """Return the first reason why a task must run that lies in itself and in the files it read; empty without one."""
    if memory is None:
        return "new"
    files = _changed_files(store, memory, digest)
    for reason in REASONS:
        if changed := _changed_part((reason,), task, memory) or files.get(reason):
            return changed
    return files.get(SHARED, "")


def _why(
    task: Task,
    upstream: Mapping[str, str],
    store: Store,
    memory: Memory | None,
    digest: keys.FileDigest,
) -> str:
    own = own_reason(task, store, memory, digest)
    if own or memory is None:
        return own
    return _changed_upstream(upstream, memory) or _changed_part(LAST, task, memory) or "missing output"


def _changed_part(reasons: tuple[str, ...], task: Task, memory: Memory) -> str:
    for reason in reasons:
        if task.parts.get(reason) != memory.parts.get(reason):
            return f"{reason} changed"
    return ""


def _changed_files(store: Store, memory: Memory, digest: keys.FileDigest) -> dict[str, str]:
    """Return of each kind the first file that was read and is not as it was, in words."""
    found: dict[str, str] = {}
    for name, was in memory.entry.reads.items():
        kind = "module" if name.endswith(".py") else "data file"
        kind = SHARED if name in memory.entry.shared else kind
        if kind not in found and not keys.is_so(path := store.root / decoded(name), was, digest):
            found[kind] = f"{kind} {name} {_happened(was, digest(path))}"
    return found


def _happened(was: str, now: str) -> str:
    if now == MISSING:
        return "is gone"
    return "is there now" if was == MISSING else "changed"


def _changed_upstream(upstream: Mapping[str, str], memory: Memory) -> str:
    for name in sorted(upstream.keys() | memory.upstream.keys()):
        if name not in memory.upstream:
            return f"upstream: {name} is new"
        if name not in upstream:
            return f"upstream: {name} is gone"
        if upstream[name] != memory.upstream[name]:
            return f"upstream: {name} changed"
    return ""
