"""The house: who may import whom, and what must not stand in a committed file."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "octavo"
ROOMS = ("notebooks", "figures", "bib", "document", "paper", "slides", "checks", "review")
SHARED = ("model", "errors", "filenames", "tools", "printing", "assets", "svg")
# What each place of the house may import of octavo, itself apart. Modules of the project's level are named one by one.
ALLOWED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(ROOMS, SHARED),
    "paper": (*SHARED, "document"),
    "slides": (*SHARED, "document"),
    "engine": ("errors", "filenames"),
    "errors": (),
    "filenames": (),
    "model": (),
    "assets": ("errors",),
    "svg": (),
    "tools": ("errors",),
    "printing": ("model",),
    "project": ("errors", "filenames", "model", "sections"),
    "sections": ("errors",),
    "saved": (*SHARED, "recorder", "figures.crowding", "figures.draw", "figures.extract", "figures.record"),
    "redraw": (*SHARED, "recorder", "figures.declaration", "figures.draw"),
    "recorder": ("errors", "model", "printing", "project", "figures.draw"),
    "__init__": ("recorder",),
}
CLUSTER = {"dask", "distributed"}
DOORS = {"remote.py": {"fsspec"}, "cluster.py": CLUSTER, "cluster_worker.py": CLUSTER}  # of the engine to the outside
ABOVE = (
    "workers",
    "extension",
    "provisioner",
    "debugging",
    "outputs",
    "publish",
    "landing",
    "pipeline",
    "planning",
    "preview",
    "story",
    "repeat",
    "pytest_plugin",
    "cli",
)  # these wire the rooms to the engine
STUDY = ("lalonde", "dehejia", "cps", "nsw", "estimate/", "placebo", "psid", "causaldata", "earnings")
# Written in two halves, so that this file does not name them itself.
REGISTRIES = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "conda" + ".anaconda"]


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def place(path: Path) -> str:
    """Return the room or the module of a file."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name, without ``octavo.``, of all that a file imports of octavo, in functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are written in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name.partition(".")[2]) for name in names if name.split(".")[0] == "octavo")


def allowed(source: str, target: str) -> bool:
    if target.split(".")[0] == source or target in ("__version__",):
        return True
    if source in ABOVE:
        return target.split(".")[0] != "cli" or source == "cli"
    return any(target == name or target.startswith(f"{name}.") for name in ALLOWED.get(source, ()))


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_follow_the_house(path: Path) -> None:
    """cli → pipeline → rooms and engine; rooms → what is shared; engine → errors; nothing imports cli."""
    source = place(path)
    assert source in ALLOWED or source in ABOVE, f"'{source}' has no place in the house: give it one in this file"
    wrong = [f"{path.relative_to(ROOT)}:{line}: octavo.{name}" for line, name in imports(path)]
    wrong = [text for text, (_, name) in zip(wrong, imports(path), strict=True) if not allowed(source, name)]
    assert not wrong, f"{source} may not import " + ", ".join(wrong)


def test_the_engine_knows_nothing_but_msgspec() -> None:
    """The engine needs the standard library, msgspec and the errors, others at a door each: it could be lifted out."""
    import sys

    known = {*sys.stdlib_module_names, "msgspec", "octavo"}
    for path in sorted((PACKAGE / "engine").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= known | DOORS.get(path.name, set()), path


def test_the_package_does_not_know_the_study() -> None:
    """Octavo is a tool: no word of the study that this repository holds stands in it."""
    for path in sorted(p for p in PACKAGE.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        text = path.read_bytes().decode("utf-8", errors="replace").lower()
        found = [word for word in STUDY if re.search(rf"(?<![a-z]){re.escape(word)}", text)]
        assert not found, f"{path.relative_to(ROOT)} speaks of the study: {found}"


def committed() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every file that git holds or would hold; binary ones are left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    for name in sorted(filter(None, listed.stdout.decode().split("\0"))):
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in data:
            yield name, data.decode("utf-8", errors="replace")


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the machine's business: no committed file names a registry's host."""
    found = [(name, host) for name, text in committed() for host in REGISTRIES if host in text.lower()]
    assert not found


def test_no_file_holds_a_path_of_one_machine() -> None:
    """What works here works elsewhere: no committed file holds an absolute path of somebody's machine."""
    absolute = re.compile(r"(?<![\w.~$}*/-])/(?:work|root|home|Users)/\w")
    found = []
    for name, text in committed():
        found += [
            f"{name}:{n}: {line.strip()[:80]}" for n, line in enumerate(text.splitlines(), 1) if absolute.search(line)
        ]
    assert not found, "\n".join(found)
