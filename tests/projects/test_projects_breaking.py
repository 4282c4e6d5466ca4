"""Nothing lost, nothing believed that is not so: builds that are killed, at any moment, whatever of them is killed."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from octavo.engine.store import Store
from octavo.engine.zygote import __name__ as ZYGOTE

if TYPE_CHECKING:
    from tests.conftest import Said, Tiny

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc to see processes")

SEED = 20261125
KILLS = 50  # in make proofs, of each victim: two hundred
SOME_KILLS = 4  # in make test, one of each
VICTIMS = ("octavo", "zygote", "worker", "kernel")
PATIENCE = 60  # seconds that a build may take here

SWEEP = """[tool.octavo]
title = "Breaking"
jobs = 2
[tool.octavo.media.column]
width = 2
formats = ["svg"]
[tool.octavo.sweeps.fit]
notebook = "notebooks/fit.ipynb"
grid = { a = { count = 5 } }
"""
FIT = "import time, octavo\ntime.sleep(0.05 + 0.05 * (a % 3))\nprint('point', a)\noctavo.value('n', 3 * a)"
ALL = (
    "import octavo\nframe = octavo.sweep('fit')\noctavo.value('sum', int(frame['n'].sum()))\n"
    "octavo.table('rows', frame)\noctavo.figure('line', lambda fig: fig.subplots().plot(frame['a'], frame['n']))"
)
FILES = {"pyproject.toml": SWEEP, "notebooks/fit.ipynb": ["[parameters] a = 0", FIT], "notebooks/all.ipynb": [ALL]}


@pytest.fixture
def own_zygote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for sockets of its own, so that no zygote is met but the test's; it is ended afterwards."""
    # Its path must be short. A killed one may leave what still makes a lock there while it is removed.
    with tempfile.TemporaryDirectory(prefix="o", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)
        for pid in zygotes(folder):
            os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class Undisturbed:
    """What a build is that nobody disturbs: its files, the names of its tasks by key, how long it takes."""

    built: dict[str, bytes]
    stored: dict[str, dict[str, bytes]]
    names: dict[str, str]
    seconds: float


def zygotes(folder: str) -> list[int]:
    """Return the processes that kernels are forked from whose sockets lie in a folder; not those they forked."""
    every = [p for p in _processes() if ZYGOTE in (line := _command(p)) and folder in line]
    return [pid for pid in every if _parent(pid) not in every]


def forked(folder: str, kind: str) -> list[int]:
    """Return the workers or the kernels at work: what their zygote has forked."""
    every = [p for p in _processes() if ZYGOTE in (line := _command(p)) and folder in line and f"/{kind}-" in line]
    return [pid for pid in every if _parent(pid) in every]


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def built(project: Tiny) -> dict[str, bytes]:
    """Return every file in build/, hidden ones too."""
    folder = project.root / "build"
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def stored(project: Tiny) -> dict[str, dict[str, bytes]]:
    """Return the files of every result in the store, by its key; times and memory, which differ, apart."""
    found = {}
    for entry in sorted((project.root / ".octavo/store").glob("*/*/entry.json")):
        folder = entry.parent
        files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
        files.pop("entry.json")
        found[folder.parent.name] = files
    return found


def leftovers(project: Tiny) -> list[str]:
    """Return what is below .octavo and is neither a result nor what a build remembers."""
    known = (
        "store/",
        "marks/",
        "last.json",
        "published.json",
        "folders.json",
        "lock",
        "last.lock",
        "publish.lock",
        "tmp.lock",
    )
    folder = project.root / ".octavo"
    names = [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file()]
    return [name for name in names if not name.startswith(known)]


def tasks(said: Said) -> dict[str, dict[str, str]]:
    """Return what became of each task of ``octavo build --json``."""
    return {task["name"]: task for task in json.loads(said.out)["tasks"]}


def anew(project: Tiny) -> None:
    """Forget all that was built."""
    for folder in (project.root / "build", project.root / ".octavo"):
        if folder.exists():  # a build that was stopped early has made none
            shutil.rmtree(folder)


def undisturbed(project: Tiny) -> Undisturbed:
    """Build a copy twice: with the process that kernels are forked from, and without, which takes longest."""
    project.octavo("build")
    copy = project.copy(project.root.with_name("undisturbed"))
    anew(copy)
    begun = time.monotonic()
    said = copy.octavo("build", "--json")
    names = {task["key"]: name for name, task in tasks(said).items()}
    seconds = time.monotonic() - begun
    assert said.code == 0
    return Undisturbed(built(copy), stored(copy), names, seconds)


def kill(victim: str, build: subprocess.Popen[str], folder: str, dice: random.Random) -> bool:
    """Kill a part of a build once there is one; False where the build ended before."""
    while build.poll() is None:
        pids = {
            "octavo": lambda: [build.pid],
            "zygote": lambda: zygotes(folder),
            "worker": lambda: forked(folder, "workers"),
            "kernel": lambda: forked(folder, "kernels"),
        }
        if found := pids[victim]():
            os.kill(dice.choice(sorted(found)), signal.SIGKILL)
            return True
        time.sleep(0.005)
    return False


def killed_and_built(project: Tiny, good: Undisturbed, victim: str, folder: str, dice: random.Random) -> bool:
    """Kill one build and hold the next to what must be; False where nothing was killed."""
    anew(project)
    if victim in ("octavo", "zygote") and dice.random() < 0.3:
        for pid in zygotes(folder):
            os.kill(pid, signal.SIGTERM)
    build = project.begin("build", "--json")
    time.sleep(dice.uniform(0, good.seconds * 1.1))
    hit = kill(victim, build, folder, dice)
    out, err = build.communicate(timeout=PATIENCE)
    assert "Traceback" not in out + err, err
    if victim != "octavo":
        assert build.returncode == 0, f"a build that loses its {victim} begins it anew: {err}"
    finished = {good.names[key] for key in stored(project)}
    said = project.octavo("build", "--json", timeout=PATIENCE)
    assert said.code == 0, said.err
    again = [name for name, task in tasks(said).items() if name in finished and task["status"] != "stored"]
    assert again == [], "what was finished does not run again"
    assert {name: content for name, content in built(project).items() if good.built.get(name) != content} == {}
    assert built(project).keys() == good.built.keys()
    assert stored(project) == good.stored
    assert leftovers(project) == []
    return hit


def kill_many(project: Tiny, folder: str, number: int, victims: Sequence[str]) -> Counter[str]:
    """Kill so many builds, one victim after the other; return how many of each."""
    good, dice = undisturbed(project), random.Random(f"{SEED} {victims}")
    killed: Counter[str] = Counter()
    while killed.total() < number:
        victim = victims[killed.total() % len(victims)]
        killed[victim] += killed_and_built(project, good, victim, folder, dice)
        print(killed, flush=True)
    assert project.still_working(5) == []
    return killed


def test_some_builds_that_are_killed(tiny: Callable[..., Tiny], own_zygote: Path) -> None:
    """Octavo, a zygote, a worker and a kernel are killed in turn: the next build runs no finished point; same bytes."""
    assert kill_many(tiny(FILES), str(own_zygote), SOME_KILLS, VICTIMS).keys() == set(VICTIMS)


@pytest.mark.proof
@pytest.mark.parametrize("victim", VICTIMS)
def test_two_hundred_builds_that_are_killed(tiny: Callable[..., Tiny], own_zygote: Path, victim: str) -> None:
    """The same fifty times for each, at moments that a seed gives."""
    assert kill_many(tiny(FILES), str(own_zygote), KILLS, [victim]) == {victim: KILLS}


FLIPS = 100  # objects of the store of which a bit is flipped, in make proofs
SOME_FLIPS = 4  # in make test


def flip(file: Path, dice: random.Random) -> None:
    """Flip one bit of a file."""
    data = bytearray(file.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    file.write_bytes(data)


def many_points(tiny: Callable[..., Tiny], objects: int) -> tuple[Tiny, list[Path]]:
    """Build a sweep whose results have so many files in the store; return them, in an order that a seed gives."""
    points = -(-objects // 3)
    config = f"[tool.octavo.sweeps.fit]\nnotebook = 'notebooks/fit.ipynb'\ngrid = {{ a = {{ count = {points} }} }}\n"
    project = tiny(
        {
            "pyproject.toml": config,
            "notebooks/fit.ipynb": ["[parameters] a = 0", "import octavo\noctavo.value('n', 3 * a)"],
        }
    )
    assert project.octavo("build", timeout=300).code == 0
    files = [p for p in sorted((project.root / ".octavo/store").rglob("*")) if p.is_file()]
    return project, random.Random(SEED).sample(files, objects)


def ran(said: Said) -> set[str]:
    """Return the keys of what ran in ``octavo build --json``."""
    assert said.code == 0, said.err
    return {task["key"] for task in tasks(said).values() if task["status"] == "ran"}


def keys_of(files: Iterable[Path]) -> set[str]:
    """Return the keys of the results that files of the store belong to."""
    return {next(p for p in file.parents if p.parent.name == "store").name for file in files}


def flipped_and_healed(tiny: Callable[..., Tiny], objects: int) -> None:
    """Flip a bit in each of so many objects, one at a time and all at once; hold builds and verify to what must be."""
    project, files = many_points(tiny, objects)
    good, dice = (built(project), stored(project)), random.Random(SEED)
    for file in files:
        flip(file, dice)
        assert ran(project.octavo("build", "--json")) == keys_of([file]), f"only that one runs again: {file}"
        assert (built(project), stored(project)) == good
    for file in files:
        flip(file, dice)
    assert ran(project.octavo("build", "--json", timeout=300)) == keys_of(files)
    assert (built(project), stored(project)) == good
    for file in files:
        flip(file, dice)
    verified = project.octavo("store", "verify", "--json")
    assert verified.code == 1
    assert {Path(d["folder"]).parent.name for d in json.loads(verified.out)["damaged"]} == keys_of(files)
    assert ran(project.octavo("build", "--json", timeout=300)) == keys_of(files)
    assert (built(project), stored(project)) == good
    assert project.octavo("store", "verify").code == 0


def test_some_bits_that_flip(tiny: Callable[..., Tiny]) -> None:
    """A bit flipped in an object of the store is found by the next build, and by verify; the result is made anew."""
    flipped_and_healed(tiny, SOME_FLIPS)


@pytest.mark.proof
def test_a_hundred_bits_that_flip(tiny: Callable[..., Tiny]) -> None:
    """The same for a hundred objects, one at a time and all at once."""
    flipped_and_healed(tiny, FLIPS)


@pytest.mark.parametrize("name", [".octavo/last.json", ".octavo/published.json", "build/results.json"])
def test_bits_that_flip_in_what_is_remembered(study: Tiny, name: str) -> None:
    """A bit flipped in what a build remembers, or in what was published: nothing runs, and all is as it was."""
    good, dice = (built(study), stored(study)), random.Random(SEED)
    for _ in range(3):
        flip(study.root / name, dice)
        said = study.octavo("build", "--json")
        assert ran(said) == set()
        assert (built(study), stored(study)) == good


def rot(project: Tiny, task: str, name: str) -> None:
    """Flip a bit of a result so that the system tells nothing of it, as a disk does that loses bits."""
    store = Store(project.root / ".octavo", project.root)
    memory = store.memory()[task]
    folder = store.folder_of(memory.entry)
    flip(folder / name, random.Random(SEED))
    store.remember({task: msgspec.structs.replace(memory, state=store.state_of(folder, memory.entry))})


@pytest.mark.parametrize(
    ("task", "name", "edit"),
    [
        ("fit/a=2", "out/record.json", ("notebooks/all.ipynb", "'sum'", "'total'")),  # what reads the sweep runs
        ("fit/a=2", "out/record.json", ("pyproject.toml", "[1, 2, 3]", "[1, 2, 3, 4]")),  # and results.json is made
        ("all@column", "out/figures/line.column.svg", ()),  # the drawing is published anew
        ("all", "log/notebook.ipynb", ()),
    ],
)
def test_a_bit_that_is_lost_without_a_trace(study: Tiny, task: str, name: str, edit: tuple[str, ...]) -> None:
    """What the disk lost and nobody touched is found when it is read; nothing is made of it, and it is made anew."""
    rot(study, task, name)
    if edit:
        study.replace(*edit)
    else:
        shutil.rmtree(study.root / "build")
    said = study.octavo("build")
    assert said.code == 3 and "was damaged in the store" in said.err and "again" in said.err
    assert study.octavo("build", "--json").code == 0
    fresh = study.copy(study.root.with_name("fresh"))
    assert fresh.octavo("clean", "--all").code == 0 and fresh.octavo("build").code == 0
    without_places = {name: content for name, content in built(fresh).items() if name != "index.html"}
    assert without_places == {name: content for name, content in built(study).items() if name != "index.html"}


GIGABYTE = 1000  # megabytes that a cell prints, in make proofs
SOME_MEGABYTES = 30  # in make test
SLEEPS = """
import os, subprocess, time, octavo
from pathlib import Path
begun = [subprocess.Popen(["sleep", "600"]).pid]
begun += [subprocess.Popen(["sleep", "600"], start_new_session=True, cwd="/").pid]
told, tells = os.pipe()
if os.fork() == 0:  # a daemon, as the book has it: of another session, and nobody's child
    os.setsid()
    if pid := os.fork():
        os.write(tells, str(pid).encode())
        os._exit(0)
    os.chdir("/")
    time.sleep(600)
    os._exit(0)
begun.append(int(os.read(told, 99)))
Path(f"../{name}.pids").write_text(" ".join(map(str, begun)))
"""
# What a notebook does, and what is said of it; nothing where it comes to a good end.
WAYS = {
    "dies": ("import os\nos.kill(os.getpid(), 9)", "It was stopped: its kernel died.\n  It was tried 2 times."),
    "leaves": ("import os\nos._exit(0)", "It was stopped: its kernel died."),
    "hangs": ("while True:\n    pass", "It was stopped: a cell took longer than 1 s."),
    "deaf": (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(600)",
        "It was stopped: a cell took longer than 1 s.",
    ),
    "forks": (f"name = 'forks'\n{SLEEPS}octavo.value('n', len(begun))", ""),
    "orphans": (f"name = 'orphans'\n{SLEEPS}os._exit(1)", "It was stopped: its kernel died."),
    "prints": (f"import octavo\nfor _ in range({SOME_MEGABYTES}):\n    print('x' * 10**6)\noctavo.value('n', 1)", ""),
    "good": ("import octavo\noctavo.value('n', 1)", ""),
}
SECTIONS = {"leaves": "retries = 0", "orphans": "retries = 0", "hangs": "timeout = 1", "deaf": "timeout = 1"}


def bad_project(tiny: Callable[..., Tiny], kernels_are: str) -> Tiny:
    """Return a project whose notebooks do all that a kernel should not do."""
    section = "[tool.octavo.sweeps.{0}]\nnotebook = 'notebooks/{0}.ipynb'\n{1}\n"
    config = f"[tool.octavo]\njobs = 4\nkernels = '{kernels_are}'\n"
    config += "".join(section.format(name, keys) for name, keys in SECTIONS.items())
    files = {f"notebooks/{name}.ipynb": ["x = 1", code] for name, (code, _) in WAYS.items()}
    return tiny({"pyproject.toml": config, **files})


def alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pids: Iterable[int], seconds: float = 5) -> bool:
    """Whether all of these processes are gone, once they are or after some seconds."""
    last = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < last:
        time.sleep(0.05)
    return not any(map(alive, pids))


@pytest.mark.parametrize("kernels_are", ["forked", pytest.param("ordinary", marks=pytest.mark.proof)])
def test_kernels_that_do_what_they_should_not(tiny: Callable[..., Tiny], own_zygote: Path, kernels_are: str) -> None:
    """A kernel that dies, exits, hangs, ignores SIGINT, forks daemons, prints for ever: a clear result each; all else
    is made, and no process stays behind but those that workers and kernels are forked from."""
    project = bad_project(tiny, kernels_are)
    said = project.octavo("build", timeout=300)
    assert said.code == 3
    for name, (_, expected) in WAYS.items():
        told = [e for e in said.err.split("error: ") if e.startswith(f"notebooks/{name}.ipynb: ")]
        assert len(told) == bool(expected), (name, told)
        assert not expected or told[0].partition(": ")[2].startswith(expected), told[0]
        assert (project.root / f"build/notebooks/{name}.failed.ipynb").exists() == bool(expected), name
        assert (project.root / f"build/notebooks/{name}.ipynb").exists() != bool(expected), name
    printed = project.read("build/notebooks/prints.ipynb")
    assert "Octavo kept 10 MB of what this cell printed. The rest is left out." in printed
    assert 10_000_000 < len(printed) < 10_100_000
    pids = [int(pid) for name in ("forks", "orphans") for pid in project.read(f"{name}.pids").split()]
    assert len(pids) == 6 and ended(pids), [(pid, _command(pid)) for pid in pids if alive(pid)]
    assert project.still_working(5) == []
    left = [p for p in _processes() if str(own_zygote) in _command(p) and alive(p)]
    assert left == zygotes(str(own_zygote)) and len(left) == 2 * (kernels_are == "forked")


@pytest.mark.proof
def test_a_gigabyte_that_is_printed(tiny: Callable[..., Tiny]) -> None:
    """By the cell itself, by a program that it runs, in one piece: the notebook stays small."""
    program = f"import subprocess\nsubprocess.run(['head', '-c', '{GIGABYTE}000000', '/dev/zero'])"
    project = tiny(
        {
            "pyproject.toml": "[tool.octavo]\njobs = 2\n",
            "notebooks/cell.ipynb": [f"for _ in range({GIGABYTE * 10}):\n    print('y' * 10**5)"],
            "notebooks/line.ipynb": [f"print('y' * {GIGABYTE}000000)"],
            "notebooks/program.ipynb": [program],
            "notebooks/flood.ipynb": ["import subprocess\nsubprocess.Popen(['yes'])"],
        }
    )
    said = project.octavo("build", timeout=600)
    assert said.code == 0, said.err
    for name in ("cell", "line"):
        assert 10_000_000 < (project.root / f"build/notebooks/{name}.ipynb").stat().st_size < 10_100_000
    assert "The rest is left out" in project.read("build/notebooks/program.ipynb")
    assert project.still_working(5) == []


AS_MUCH = 3 << 30  # bytes of address space that each process of a build may have in the test


def test_a_cell_that_allocates_without_end(tiny: Callable[..., Tiny], own_zygote: Path) -> None:
    """Where memory ends, under a limit on the build: the cell and its error are told, the other points finish."""
    hungry = "kept = []\nwhile True:\n    kept.append(bytearray(1 << 26))"
    project = tiny(
        {"notebooks/hungry.ipynb": [hungry], "notebooks/good.ipynb": ["import octavo\noctavo.value('n', 1)"]}
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (AS_MUCH, AS_MUCH))

    said = project.octavo("build", preexec_fn=limit)
    assert said.code == 3 and "notebooks/hungry.ipynb: Cell 1 raised MemoryError" in said.err, said.err
    assert "ran     good" in said.err
    assert project.still_working(5) == []


STOPS = 4  # builds that are stopped by Ctrl-C


def test_ctrl_c_at_any_moment(tiny: Callable[..., Tiny], own_zygote: Path) -> None:
    """Ctrl-C, and twice: exit code 130, no traceback, nothing at work behind it; the next build ends well."""
    project, dice = tiny(FILES), random.Random(SEED)
    assert project.octavo("build").code == 0
    for number in range(STOPS):
        anew(project)
        build = project.begin("build")
        time.sleep(dice.uniform(0.8, 2))
        for _ in range(1 + number % 2):
            os.killpg(build.pid, signal.SIGINT)
            time.sleep(0.02)
        out, err = build.communicate(timeout=PATIENCE)
        assert "Traceback" not in out + err, err
        assert build.returncode in (0, 130), err
        assert ("Stopped. What was finished is kept" in err) == (build.returncode == 130)
        assert project.still_working(5) == []
    assert project.octavo("build").code == 0
    assert leftovers(project) == []
