"""Points on a Dask cluster: real schedulers and workers, killed, cut off, and elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("distributed")

from tests.clusters import Cluster, cluster, contents, hiding

if TYPE_CHECKING:
    from tests.conftest import Tiny

# Each point tells that it runs, and waits for the file `go`, outside the tree.
WAITS = (
    "import os, time, octavo\nfrom pathlib import Path\nhere = Path(os.environ['TEST_FOLDER'])\n"
    "with (here / 'began').open('a') as file:\n    file.write(f'{a} {os.getpid()}\\n')\n"
    "while a and not os.path.exists(here / 'go'):\n    time.sleep(0.05)\noctavo.value('a', a)"
)
CONFIG = """[tool.octavo]
[tool.octavo.sweeps.wait]
notebook = "notebooks/wait.ipynb"
grid = { a = { count = 4 } }
environment = ["TEST_FOLDER"]
"""
# The worker holds the other end of descriptor 5.
DIES = """\
import os, signal, socket, struct
worker = socket.socket(fileno=os.dup(5)).getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
os.kill(struct.unpack("3i", worker)[0], signal.SIGKILL)
import time
time.sleep(60)"""

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="another machine is played by namespaces, which need root")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler with two workers that see the same files as the build."""
    with cluster(tmp_path_factory.mktemp("pair")) as made:
        made.scheduler()
        made.worker("one")
        made.worker("two")
        yield made


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Path]]:
    """A scheduler with a worker that sees nothing below a folder, and that folder."""
    hidden = tmp_path_factory.mktemp("hidden")
    with cluster(tmp_path_factory.mktemp("elsewhere")) as made:
        made.scheduler()
        made.worker("far", threads=2, under=hiding(hidden))
        yield made, hidden


@pytest.fixture
def waiting(tiny: Callable[..., Tiny], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """A project whose points wait to be let go, but for the first."""
    monkeypatch.setenv("TEST_FOLDER", str(tmp_path))
    return tiny({"pyproject.toml": CONFIG, "notebooks/wait.ipynb": ["[parameters] a = 0", WAITS]})


HERE, THERE = "10.213.77.1", "10.213.77.2"
QUICK = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s"}  # until a silent worker is given up; Dask takes no less


@pytest.fixture
def network() -> Iterator[str]:
    """The name of a network of its own, with the address THERE, joined to this one, at HERE, by a cable."""
    name = f"octavo{os.getpid()}"
    if not shutil.which("ip") or subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        pytest.skip("nobody may make a network here (ip netns add)")
    try:
        for words in (
            f"link add octavo0 type veth peer name octavo1 netns {name}",
            f"addr add {HERE}/30 dev octavo0",
            "link set octavo0 up",
            f"-n {name} addr add {THERE}/30 dev octavo1",
            f"-n {name} link set octavo1 up",
            f"-n {name} link set lo up",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.fixture
def outside() -> Iterator[Path]:
    """A file outside of any project, in a folder that counts: what lies in /tmp does not."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder) / "outside.txt"


def began(folder: Path, number: int, build: subprocess.Popen[str]) -> dict[int, int]:
    """Return the kernels of the points that began, once there are so many of them."""
    end = time.monotonic() + 60
    while True:
        lines = (folder / "began").read_text().splitlines() if (folder / "began").exists() else []
        if len(lines) >= number:
            return {int(point): int(pid) for point, pid in map(str.split, lines)}
        if time.monotonic() > end or build.poll() is not None:
            os.killpg(build.pid, signal.SIGKILL)
            raise AssertionError(build.communicate())
        time.sleep(0.05)


def gone(pids: Collection[int], seconds: float = 10) -> bool:
    """Whether all these processes end within some seconds."""
    end = time.monotonic() + seconds
    while alive := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        if time.monotonic() > end:
            return not alive
        time.sleep(0.05)
    return True


def anew(study: Tiny) -> dict[str, bytes]:
    """Forget all results of a built project; return what they were."""
    before = dict(contents(study.root))
    assert study.octavo("clean", "--all").code == 0
    return before


def test_a_cluster_within_the_build_gives_the_same_bytes(study: Tiny) -> None:
    """`executor = "dask"` alone: a cluster in the build's own process, and the results are a local build's."""
    before = anew(study)
    study.replace("pyproject.toml", "jobs = 2", 'jobs = 2\nexecutor = "dask"')
    said = study.octavo("build")
    assert (said.code, "7 ran" in said.out) == (0, True), said
    assert dict(contents(study.root)) == before
    assert "distributed" not in said.err and not list((study.root / ".octavo").glob("tmp/*"))


def test_a_scheduler_of_the_users_gives_the_same_bytes(study: Tiny, pair: Cluster) -> None:
    """`--on` a scheduler whose workers see the files: the same results, and nothing is left in the project."""
    before = anew(study)
    said = study.octavo("build", "--on", pair.address)
    assert (said.code, "7 ran" in said.out) == (0, True), said
    assert dict(contents(study.root)) == before
    assert len(said.err.splitlines()) == 7, "one line a task, and none of Dask's"


@needs_root
def test_a_worker_without_the_files_gives_the_same_bytes(
    built_once: tuple[Tiny, object], elsewhere: tuple[Cluster, Path]
) -> None:
    """Sources, modules, data and upstream results travel by content, and the result back: the same bytes."""
    far, hidden = elsewhere
    study = built_once[0].copy(hidden / "study")
    before = anew(study)
    said = study.octavo("build", "--on", far.address)
    assert (said.code, "7 ran" in said.out) == (0, True), said
    assert dict(contents(study.root)) == before
    study.replace("notebooks/helper.py", "2 * x", "3 * x")
    first = {p.name for p in far.folder.glob("far/**/octavo/objects/*")}
    said = study.octavo("build", "--on", far.address)
    assert (said.code, "7 ran" in said.out) == (0, True), said
    second = {p.name for p in far.folder.glob("far/**/octavo/objects/*")} - first
    # What the build is, its tree, the edited module, two of three records (the third is as another one was before), and
    # for the drawings the record and the declaration of the notebook that reads them.
    assert len(second) == 7, second
    assert "126" in study.read("build/results.json")


@pytest.mark.proof
@needs_root
def test_a_worker_without_the_files_reads_what_was_made_anew(
    tiny: Callable[..., Tiny], elsewhere: tuple[Cluster, Path]
) -> None:
    """A worker outlives a build: where points run again and give other bytes, the next one reads these."""
    far, hidden = elsewhere
    clock = ["[parameters] a = 0", "import time, octavo\noctavo.value('t', time.time_ns() % 10**9)"]
    reads = ["import octavo\noctavo.value('s', sum(octavo.sweep('clock')['t']))"]
    sweep = "[tool.octavo]\n[tool.octavo.sweeps.clock]\nnotebook = 'notebooks/clock.ipynb'\ngrid = { a = [1, 2] }\n"
    files = {"pyproject.toml": sweep, "notebooks/clock.ipynb": clock, "notebooks/reads.ipynb": reads}
    project = tiny(files).copy(hidden / "anew")
    forced = ["--force", "clock/a=1"]
    for options in ([], forced, forced):  # the first one makes build/, which is seen in listings
        said = project.octavo("build", "--on", far.address, *options)
        assert said.code == 0, said
        made = json.loads(project.read("build/results.json"))["notebooks"]
        times = [int(point["record"]["values"]["t"]["number"]) for point in made["clock"]]
        assert int(made["reads"][0]["record"]["values"]["s"]["number"]) == sum(times)


@needs_root
def test_what_cannot_travel_is_told_by_name(
    tiny: Callable[..., Tiny], elsewhere: tuple[Cluster, Path], outside: Path
) -> None:
    """A file outside the project, and one in a hidden folder, are named; the notebook as far as it ran comes back."""
    far, hidden = elsewhere
    outside.write_text("1")
    read = "from pathlib import Path\n"
    asks = f"{read}Path('../.data/x.txt').exists()"
    absent = f"{read}try:\n    Path('../.data/x.txt').open()\nexcept OSError:\n    1"
    project = tiny(
        {
            "notebooks/outside.ipynb": [f"{read}Path({str(outside)!r}).read_text()"],
            "notebooks/asks.ipynb": [asks],
            "notebooks/hidden.ipynb": [absent],
            "notebooks/raises.ipynb": ["1 / 0"],
            ".data/x.txt": "1",
        },
    ).copy(hidden / "outside")
    said = project.octavo("build", "--on", far.address)
    assert said.code == 3
    assert f"outside: It reads '{outside}', which lies outside the project" in said.err
    assert "asks: It looked for '.data/x.txt', which does not travel" in said.err
    assert "hidden: It looked for '.data/x.txt', which does not travel" in said.err
    assert "build/notebooks/raises.failed.ipynb" in said.err
    assert "ZeroDivisionError" in project.read("build/notebooks/raises.failed.ipynb")


@pytest.mark.proof
@needs_root
def test_folders_behind_links_are_seen_through(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """A worker keeps what it received behind a link, or has the project behind one: what was read is known."""
    read = "import helper, octavo\noctavo.value('n', helper.one(open('../n.txt').read()))"
    files = {"n.txt": "1", "notebooks/helper.py": "one = int\n", "notebooks/reads.ipynb": [read]}
    project = tiny(files, "export/home/project")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    export, home = tmp_path / "export", tmp_path / "other"
    moves = 'mkdir "$1" && mount --bind "$0" "$1" && mount -t tmpfs none "$0" && ln -s "$1/home" "$0/home" && shift'
    behind = ("unshare", "--mount", "sh", "-c", f'{moves} && exec "$@"', str(export), str(home))
    for name, under in (("apart", hiding(export)), ("behind", behind)):
        with cluster(tmp_path / name) as made:
            made.scheduler()
            made.worker("far", under=under, options=("--local-directory", str(tmp_path / "link")))
            said = project.octavo("build", "--on", made.address, "--force", "reads")
            assert said.code == 0, said
        entry = max((project.root / ".octavo/store").rglob("entry.json"), key=lambda path: path.stat().st_mtime)
        assert sorted(json.loads(entry.read_bytes())["content"]["reads"]) == ["n.txt", "notebooks/helper.py"]


@needs_root
def test_what_a_point_wrote_there_is_told_and_goes(tiny: Callable[..., Tiny], elsewhere: tuple[Cluster, Path]) -> None:
    """A file that points keep beside their results: one that reads another's fails by its name, and can run again."""
    far, hidden = elsewhere
    keeps = "from pathlib import Path\nimport octavo\np = Path('kept.txt')\n"
    keeps += "n = int(p.read_text()) if p.exists() else 1\np.write_text('1')\noctavo.value('n', n)"
    sweep = "jobs = 1\n[tool.octavo.sweeps.keeps]\nnotebook = 'notebooks/keeps.ipynb'\ngrid = { a = [1, 2] }\n"
    files = {"pyproject.toml": f"[tool.octavo]\n{sweep}", "notebooks/keeps.ipynb": ["[parameters] a = 0", keeps]}
    project = tiny(files).copy(hidden / "keeps")
    said = project.octavo("build", "--on", far.address)
    assert said.code == 3 and said.err.count(": It read 'notebooks/kept.txt' as it, or another point before it") == 1
    said = project.octavo("build", "--on", far.address)
    assert (said.code, "1 ran, 1 from the store" in said.out) == (0, True), said


@needs_root
@pytest.mark.proof
def test_a_file_that_is_another_on_a_worker_is_told(tiny: Callable[..., Tiny], tmp_path: Path, outside: Path) -> None:
    """It sees the project, but a disk of its own behind a link, and outside: what it read there is not believed."""
    outside.write_text("1")
    read = "import octavo\noctavo.value('n', int(open({!r}).read()))"
    listed = "import os, octavo\noctavo.value('n', len(os.listdir('../data')))"
    names = {"linked": [read.format("../data/outside.txt")], "outside": [read.format(str(outside))]}
    asks = "import os, octavo\noctavo.value('n', int(os.path.exists('../data/more.txt')))"
    same = f"{read.format('../n.txt')}\nimport os\nos.path.isdir('../data')"
    books = {**names, "listed": [listed], "asks": [asks], "same": [same]}
    project = tiny({"n.txt": "1", **{f"notebooks/{name}.ipynb": cells for name, cells in books.items()}})
    (project.root / "data").symlink_to(outside.parent)
    own = 'mount -t tmpfs none "$0" && echo 2 > "$0/outside.txt" && echo > "$0/more.txt" && exec "$@"'
    with cluster(tmp_path / "dask") as made:
        made.scheduler()
        made.worker("node", under=("unshare", "--mount", "sh", "-c", own, str(outside.parent)))
        said = project.octavo("build", "--on", made.address)
    assert said.code == 3 and "ran     same" in said.err
    assert "error: linked: 'data/outside.txt' is another on " in said.err
    assert "error: asks: 'data/more.txt' is another on " in said.err
    assert "error: listed: 'data' is another on " in said.err
    assert f"error: outside: '{outside}' is another on " in said.err


def test_another_environment_is_refused_in_words(study: Tiny, tmp_path: Path) -> None:
    """A worker with one package more is not believed: the build ends and names the package."""
    anew(study)
    packages = tmp_path / "site-packages"
    (packages / "strange-1.0.dist-info").mkdir(parents=True)
    with cluster(tmp_path / "other") as other:
        other.scheduler()
        other.worker("odd", PYTHONPATH=str(packages))
        said = study.octavo("build", "--on", other.address)
    assert said.code == 3
    assert "has another environment. Here: nothing else. There: strange-1.0." in said.err


@pytest.mark.proof
def test_a_worker_that_does_not_fit_is_left_out(study: Tiny, tmp_path: Path) -> None:
    """Beside one that fits, it is named once, with what differs; everything runs on the other."""
    anew(study)
    packages = tmp_path / "site-packages"
    (packages / "strange-1.0.dist-info").mkdir(parents=True)
    with cluster(tmp_path / "mixed") as mixed:
        mixed.scheduler()
        mixed.worker("odd", PYTHONPATH=str(packages), threads=4)
        mixed.worker("even")
        said = study.octavo("build", "--on", mixed.address)
    assert said.code == 0 and "7 ran" in said.out, said.err
    assert said.err.count("is left out. The worker on ") == 1
    assert "Here: nothing else. There: strange-1.0." in said.err


@pytest.mark.proof
def test_who_has_no_octavo_is_told_in_words(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """A worker without it is left out beside one that has it; where only such are, or the scheduler, nothing runs."""
    project = tiny({"notebooks/one.ipynb": ["import octavo\noctavo.value('n', 1)"]})
    hides = "import sys\nsys.modules['octavo'] = None\n"
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/sitecustomize.py").write_text(hides)
    told = "Octavo cannot be loaded on the cluster: ModuleNotFoundError"
    with cluster(tmp_path / "dask") as made:
        made.scheduler()
        made.worker("bare", PYTHONPATH=str(tmp_path / "bare"))
        said = project.octavo("build", "--on", made.address)
        assert said.code == 3 and said.err.startswith(f"error: {told}"), said
        made.worker("even")
        said = project.octavo("build", "--on", made.address)
        assert said.code == 0 and said.err.count(f"is left out. {told}") == 1, said
    with cluster(tmp_path / "other") as made:
        made.scheduler(PYTHONPATH=str(tmp_path / "bare"))
        made.worker("even")
        said = project.octavo("build", "--on", made.address, "--force", "one")
        assert said.code == 3 and f"error: {told}" in said.err and "bug" not in said.err, said


@pytest.mark.proof
def test_a_cluster_that_loses_its_last_worker_is_waited_for_in_words(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """One that comes late, without Octavo, ends by what it is sent: the build says that it waits, and goes on."""
    project = tiny({"notebooks/one.ipynb": ["import octavo\noctavo.value('n', 1)"]})
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/sitecustomize.py").write_text("import sys\nsys.modules['octavo'] = None\n")
    with cluster(tmp_path / "dask") as made:
        made.scheduler()
        build = project.begin("build", "--on", made.address)
        assert build.stderr
        assert build.stderr.readline().endswith("has no workers yet. The build waits for them.\n")
        made.worker("bare", PYTHONPATH=str(tmp_path / "bare"))
        told = f"The cluster at {made.address} has lost its last worker: see its log. The build waits for others.\n"
        assert build.stderr.readline() == told
        assert "No module named 'octavo" in made.log("bare")
        made.worker("even")
        out, err = build.communicate(timeout=60)
    assert build.returncode == 0 and "1 ran" in out and "last worker" not in err, err


DEVICES = {
    "pyproject.toml": """\
[tool.octavo]
gpus = 2
[tool.octavo.sweeps.drawn]
notebook = "notebooks/drawn.ipynb"
grid = { a = { count = 4 } }
gpu = true
""",
    "notebooks/drawn.ipynb": [
        "[parameters] a = 0",
        "import os, time, octavo\ntime.sleep(0.5)\noctavo.value('device', int(os.environ['CUDA_VISIBLE_DEVICES']))",
    ],
    "notebooks/plain.ipynb": ["import os, octavo\noctavo.value('n', len(os.environ.get('CUDA_VISIBLE_DEVICES', '')))"],
}


def used(project: Tiny) -> list[int]:
    """Return the devices that the points of DEVICES had."""
    points = json.loads(project.read("build/results.json"))["notebooks"]["drawn"]
    return [int(point["record"]["values"]["device"]["number"]) for point in points]


@pytest.mark.proof
def test_points_that_need_a_device_run_where_one_is(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """On a cluster they wait, as is said once, for a worker that has one; what needs none does not wait."""
    project = tiny(DEVICES)
    with cluster(tmp_path / "dask") as two:
        two.scheduler()
        two.worker("plain", threads=2)
        build = project.begin("build", "--on", two.address)
        two.until(lambda: (project.root / ".octavo" / "store").is_dir(), "the point that needs none")
        two.worker("drawing", CUDA_VISIBLE_DEVICES="7", options=("--resources", "GPU=1"))
        _, err = build.communicate(timeout=120)
    assert build.returncode == 0 and err.count("No worker has a graphics device") == 1, err
    assert used(project) == [7, 7, 7, 7]


@pytest.mark.proof
def test_a_cluster_within_the_build_has_its_devices(tiny: Callable[..., Tiny], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each point has one of the two for itself."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    project = tiny(DEVICES)
    project.replace("pyproject.toml", "gpus = 2", 'gpus = 2\njobs = 3\nexecutor = "dask"')
    said = project.octavo("build")
    assert said.code == 0, said.err
    assert set(used(project)) == {0, 1}


@pytest.mark.proof
def test_a_worker_that_does_not_answer_holds_no_build_up(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """It is stopped (SIGSTOP) before the build begins: that is told, and the points run on the other."""
    project = tiny({"notebooks/one.ipynb": ["import octavo\noctavo.value('n', 1)"]})
    with cluster(tmp_path / "dask") as made:
        made.scheduler()
        made.worker("good", threads=2)
        made.worker("frozen")
        os.killpg(made.processes["frozen"].pid, signal.SIGSTOP)
        build = project.begin("build", "--on", made.address)
        said = ""
        while build.stderr and (line := build.stderr.readline()):
            said += line
            if "does not answer" in line:
                break
        os.killpg(made.processes["frozen"].pid, signal.SIGKILL)  # what it was given runs elsewhere
        out, err = build.communicate(timeout=60)
    assert build.returncode == 0 and "A worker of the cluster does not answer." in said, (out, said, err)


def test_a_lost_worker_costs_its_running_points_alone(waiting: Tiny, tmp_path: Path) -> None:
    """A worker is killed: its kernels end, its points run elsewhere, what was finished is not run again."""
    with cluster(tmp_path / "dask") as two:
        two.scheduler()
        two.worker("one", threads=2)
        build = waiting.begin("build", "--on", two.address)
        kernels = began(tmp_path, 3, build)  # the first has ended, two wait
        two.worker("two", threads=2)
        two.kill("one")
        assert gone(kernels.values())
        (tmp_path / "go").write_text("")
        out, err = build.communicate(timeout=60)
        assert (build.returncode, "4 ran" in out) == (0, True), err
    points = [line.split()[0] for line in (tmp_path / "began").read_text().splitlines()]
    assert points.count("0") == 1 and {*points} == {"0", "1", "2", "3"}


@pytest.mark.proof
@needs_root
def test_a_worker_that_is_cut_off_costs_its_running_points_alone(waiting: Tiny, tmp_path: Path, network: str) -> None:
    """Its cable is pulled: its points run elsewhere though they go on there, what was finished is not run again."""
    with cluster(tmp_path / "dask") as two:
        two.scheduler(HERE, **QUICK)
        two.worker("far", threads=2, host=THERE, under=("ip", "netns", "exec", network), **QUICK)
        build = waiting.begin("build", "--on", two.address)
        first = began(tmp_path, 3, build)  # the first has ended, two wait
        two.worker("near", threads=2, host=HERE, **QUICK)
        subprocess.run(["ip", "-n", network, "link", "set", "octavo1", "down"], check=True)
        began(tmp_path, 5, build)
        assert not gone(first.values(), 0)
        (tmp_path / "go").write_text("")
        out, err = build.communicate(timeout=120)
        assert (build.returncode, "4 ran" in out) == (0, True), err
    points = [line.split()[0] for line in (tmp_path / "began").read_text().splitlines()]
    assert points.count("0") == 1 and {*points} == {"0", "1", "2", "3"}


@pytest.mark.proof
@needs_root
def test_a_worker_lost_while_files_are_sent_to_it_costs_no_build(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """It is killed with half of the project's files: the point runs on another."""
    project = tiny({"notebooks/one.ipynb": ["import octavo\noctavo.value('n', 1)"]}, "hidden/project")
    for number in range(3):
        (project.root / f"{number}.bin").write_bytes(bytes([number]) * (64 << 20))
    with cluster(tmp_path / "dask") as two:
        two.scheduler()
        two.worker("one", under=hiding(tmp_path / "hidden"))
        build = project.begin("build", "--on", two.address)
        two.until(lambda: list(two.folder.glob("one/**/objects/*.part")), "what is sent")
        two.kill("one")
        two.worker("two", under=hiding(tmp_path / "hidden"))
        out, err = build.communicate(timeout=120)
    assert (build.returncode, "1 ran" in out) == (0, True), err


def test_a_lost_scheduler_ends_the_build_and_the_next_one_goes_on(waiting: Tiny, tmp_path: Path) -> None:
    """The scheduler is killed: a clear error, no kernel left; what was finished is taken from the store."""
    with cluster(tmp_path / "dask") as lost:
        lost.scheduler()
        lost.worker("one", threads=2)
        build = waiting.begin("build", "--on", lost.address)
        kernels = began(tmp_path, 3, build)
        lost.kill("scheduler")
        out, err = build.communicate(timeout=60)
        assert (build.returncode, out) == (3, ""), err
        assert f"error: The build lost the Dask scheduler at {lost.address}." in err and "Traceback" not in err
        lost.kill("one")
        assert gone(kernels.values())
    (tmp_path / "go").write_text("")
    said = waiting.octavo("build")
    assert (said.code, "3 ran, 1 from the store" in said.out) == (0, True), said


def test_ctrl_c_stops_the_points_on_the_workers(waiting: Tiny, pair: Cluster, tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, one message, no kernel left on the workers, which then take other work."""
    build = waiting.begin("build", "--on", pair.address)
    kernels = began(tmp_path, 3, build)
    os.killpg(build.pid, signal.SIGINT)
    out, err = build.communicate(timeout=30)
    assert (build.returncode, out) == (130, "")
    assert err.strip().splitlines()[-1] == "Stopped. What was finished is kept; run the same command to go on."
    assert gone(kernels.values())
    (tmp_path / "go").write_text("")
    said = waiting.octavo("build", "--on", pair.address)
    assert (said.code, "3 ran, 1 from the store" in said.out) == (0, True), said


def test_a_killed_build_leaves_nothing_running_on_the_workers(waiting: Tiny, pair: Cluster, tmp_path: Path) -> None:
    """The build is killed: the workers hear of it, and end its points."""
    build = waiting.begin("build", "--on", pair.address)
    kernels = began(tmp_path, 3, build)
    os.killpg(build.pid, signal.SIGKILL)
    build.communicate()
    assert gone(kernels.values())


def test_a_point_that_is_killed_is_given_up_alone(tiny: Callable[..., Tiny], pair: Cluster) -> None:
    """A point that kills the worker it runs for fails by name, twice tried; the worker and the others go on."""
    project = tiny({"notebooks/dies.ipynb": [DIES], "notebooks/lives.ipynb": ["import octavo\noctavo.value('a', 1)"]})
    said = project.octavo("build", "--on", pair.address)
    assert said.code == 3 and "ran     lives" in said.err
    assert "error: dies: The process that ran this was killed, twice" in said.err


@pytest.mark.proof
def test_nobody_at_the_address_is_told(study: Tiny) -> None:
    """No scheduler, or no address: the way out is told, and nothing was lost. A build with nothing to do needs none."""
    said = study.octavo("build", "--on", "tcp://127.0.0.1:1")
    assert (said.code, said.out[:13]) == (0, "Nothing to do")
    said = study.octavo("build", "--on", "tcp://127.0.0.1:1", "--force", "all")
    assert said.code == 3
    assert said.err.startswith("error: No Dask scheduler answers at tcp://127.0.0.1:1.\n  Start one with")
    said = study.octavo("build", "--on", "node7")
    assert (said.code, said.err.splitlines()[0]) == (2, "error: 'node7' is not the address of a Dask scheduler.")


@pytest.mark.proof
@pytest.mark.skipif(not shutil.which("latexmk"), reason="TeX is not installed (latexmk)")
def test_what_needs_tex_stays_where_tex_is(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """A worker without TeX writes everything else; the PDF by LaTeX is made here, with the TeX that its key holds."""
    project = tiny(
        {
            "pyproject.toml": "[tool.octavo]\n[tool.octavo.paper]\nsource = 'paper/paper.md'\n",
            "paper/paper.md": "---\ntitle: T\nauthors: [Ann Other]\n---\n# One\n\nWords.\n",
        }
    )
    (tmp_path / "bare").mkdir()
    with cluster(tmp_path / "bare") as made:
        made.scheduler()
        made.worker("bare", under=("env", f"PATH={tmp_path / 'bare'}"))
        said = project.octavo("build", "--on", made.address)
    assert said.code == 0, said
    assert (project.root / "build/paper/latex/paper.pdf").read_bytes().startswith(b"%PDF-")
