"""The tools: how each is started, and how a project of its own is written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sweep import work

PEERS = Path(__file__).parents[1] / "peers"
ROWS = ("clean", "nothing", "markdown", "comment", "changed", "added")
# The rows before which the zygote is ended (Octavo alone has one).
COLD = ("clean", "changed cold")


@dataclass(frozen=True)
class Tool:
    """A tool, started by ``command`` in its project; ``environment`` is what it is given besides.

    ``configuration`` is its folder below benchmarks/peers, and the name of its environment: as its ``name``, if not
    given. ``point`` words a point there, with ``between`` between two of them; ``listing`` words all at once, where
    that is not enough. ``flavour`` is that of its cells, ``notebooks`` the folder where they lie in the project.
    Tools that are measured ``often`` are measured in every round, others in the first.
    """

    name: str
    command: tuple[str, ...]
    point: str = "({seed}, {trim})"
    between: str = ", "
    listing: Callable[[Sequence[work.Point]], str] | None = None
    flavour: str = "files"
    notebooks: str = "."
    configuration: str = ""
    rows: tuple[str, ...] = ROWS
    often: bool = False
    environment: Mapping[str, str] | None = None

    @property
    def folder(self) -> str:
        """The folder of its configuration and of its environment."""
        return self.configuration or self.name

    @property
    def own(self) -> bool:
        """Whether it is Octavo itself."""
        return self.folder.partition("-")[0] == "octavo"

    def listed(self, points: Sequence[work.Point]) -> str:
        """Return the points as its configuration words them."""
        if self.listing:
            return self.listing(points)
        fields = ({"seed": p.seed, "trim": p.trim, "name": p.name, "key": p.name.replace(".", "p")} for p in points)
        return self.between.join(self.point.format(**field) for field in fields)


def grid(points: Sequence[work.Point]) -> str:
    """Return points as Octavo's grid: all pairs of what occurs, without those that are not points."""
    seeds, trims = sorted({p.seed for p in points}), sorted({p.trim for p in points})
    absent = {seed: [trim for trim in trims if work.Point(seed, trim) not in points] for seed in seeds}
    excluded = [f"    {{ seed = {seed}, trim = {left} }},\n" for seed, left in absent.items() if left]
    exclude = f"exclude = [\n{''.join(excluded)}]\n" if excluded else ""
    return f"{exclude}grid = {{ seed = {seeds}, trim = {trims} }}\n"


def octavo(name: str, flavour: str, rows: tuple[str, ...], configuration: str = "octavo") -> Tool:
    """Return Octavo itself, with one flavour of the cells and one configuration."""
    return Tool(
        name,
        ("octavo", "build", "--quiet"),
        listing=grid,
        flavour=flavour,
        notebooks="notebooks",
        configuration=configuration,
        rows=rows,
        often=flavour == "octavo",
    )


SCRIPT = ("sh", "build.sh")
ALL = (
    octavo("octavo", "octavo", (*ROWS, "changed cold", "clean alive")),
    Tool("make", ("make", "-s", "-j@JOBS@"), point="{name}", between=" ", often=True),
    Tool("snakemake", ("snakemake", "-c@JOBS@", "-q", "all"), point='"{name}"', often=True),
    Tool("nbmake", SCRIPT, often=True),
    octavo("octavo, Dask", "octavo", ("clean",), "octavo-dask"),
    octavo("octavo, octavo.figure", "octavo-figures", ("clean",)),
    Tool(
        "make, one thread",
        ("make", "-s", "-j@JOBS@"),
        point="{name}",
        between=" ",
        configuration="make",
        rows=("clean",),
        environment=dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    ),
    Tool("doit", ("doit", "-n", "@JOBS@", "-P", "process", "-v", "0")),
    Tool("jupyter-cache", SCRIPT),
    Tool("jupyter-book", SCRIPT),
    Tool(
        "ploomber",
        ("ploomber", "build"),
        point="      - {{seed: [{seed}], trim: [{trim}]}}",
        between="\n",
        flavour="ploomber",
    ),
    Tool("dvc", SCRIPT, point="  {key}: {{seed: {seed}, trim: {trim}}}", between="\n"),
)


def write(tool: Tool, project: Path, points: Sequence[work.Point], jobs: int) -> None:
    """Write the configuration of a tool into a project, with these points."""
    for source in sorted((PEERS / tool.folder).rglob("*")):
        name = source.relative_to(PEERS / tool.folder)
        if source.is_dir() or source.name == "requirements.in":
            continue
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        text = filled(source.read_text(encoding="utf-8"), tool, points, jobs)
        if not (project / name).is_file() or (project / name).read_text(encoding="utf-8") != text:
            (project / name).write_text(text, encoding="utf-8")  # what did not change keeps its time


def filled(text: str, tool: Tool, points: Sequence[work.Point], jobs: int) -> str:
    """Put the points and the number of jobs where a configuration leaves room for them."""
    return text.replace("@POINTS@", tool.listed(points)).replace("@JOBS@", str(jobs))


def create(tool: Tool, project: Path, points: Sequence[work.Point], jobs: int) -> None:
    """Write a new project: notebooks, module, configuration, and the folders that command lines write to."""
    work.write(project / tool.notebooks, tool.flavour)
    if tool.flavour != "octavo":
        for name in ("runs", "results"):
            (project / name).mkdir(exist_ok=True)
    write(tool, project, points, jobs)


def environment(tool: Tool, peers: Path, home: Path, count: Path) -> dict[str, str]:
    """Return the environment of a tool's command: its programs first, a home of its own, nothing sent anywhere."""
    programs = Path(sys.executable).parent if tool.own else peers / tool.folder / "bin"
    kept = {name: value for name, value in os.environ.items() if name in ("LANG", "LC_ALL", "TMPDIR", "USER")}
    silent = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": f"{home}/dvc", "PLOOMBER_STATS_ENABLED": "false"}
    return {
        **kept,
        **silent,
        "PATH": f"{programs}{os.pathsep}{os.defpath}{os.pathsep}/usr/local/bin",
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),  # so that `octavo stop` ends this benchmark's zygote and no other
        work.COUNT: str(count),
        **(tool.environment or {}),
    }


def set_up(folder: Path, names: Iterable[str]) -> None:
    """Make an environment for each peer below ``folder``, of what its requirements.in pins."""
    for name in dict.fromkeys(names):
        requirements = PEERS / name / "requirements.in"
        if not requirements.is_file():
            continue
        print(f"{name}: {folder / name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        pip = [f"{folder / name}/bin/python", "-m", "pip", "install", "--quiet", "--requirement", str(requirements)]
        if subprocess.run(pip).returncode:
            sys.exit(f"pip could not install {requirements}. The others were not begun; run the same command again.")


def missing(tools: Iterable[Tool], peers: Path) -> list[str]:
    """Return what the tools need and is not there, in words."""
    found = [
        f"There is no environment {peers / tool.folder}: python -m benchmarks.sweep --set-up {peers}"
        for tool in tools
        if (PEERS / tool.folder / "requirements.in").is_file() and not (peers / tool.folder / "bin").is_dir()
    ]
    programs = ("make", "git", "sh")
    return [*found, *(f"The program {name} is not installed." for name in programs if not shutil.which(name))]
