"""What of the environment a result depends on: the kind of machine, the interpreter, every installed distribution."""

from __future__ import annotations

import platform
import sys
from pathlib import Path


def environment() -> tuple[str, ...]:
    """Return the kind of machine, the interpreter's version, and the names and versions of what is installed, sorted.

    Read from the names of the ``.dist-info`` folders, a hundred times quicker than from their metadata. Octavo itself
    is left out: what of it can change a result is in the key as its recorder.
    """
    python = f"{platform.python_implementation()} {platform.python_version()}"
    folders = {Path(entry) for entry in sys.path if entry.endswith("site-packages")}
    names = {p.stem for folder in folders if folder.is_dir() for p in folder.glob("*.dist-info")}
    return (f"{sys.platform} {platform.machine()}", python, *sorted(n for n in names if not n.startswith("octavo-")))


def recorder_files() -> tuple[Path, ...]:
    """Return Octavo's own modules that run inside a kernel and so take part in every result."""
    package = Path(__file__).parent.parent
    inside = (
        "__init__.py",
        "recorder.py",
        "redraw.py",
        "model.py",
        "printing.py",
        "figures/artists.py",
        "figures/crowding.py",
        "figures/declaration.py",
        "figures/draw.py",
        "figures/extract.py",
        "figures/record.py",
        "extension.py",
        "saved.py",
        "notebooks/kernel.py",
        "notebooks/pristine.py",
        "notebooks/trace.py",
    )
    styles = sorted((package / "figures" / "styles").glob("*.mplstyle"))
    return (*(package / name for name in inside), *styles)


def this_python(program: str) -> bool:
    """Whether ``program`` is the interpreter of this environment; other environments may link to the same file."""
    other, own = Path(program), Path(sys.executable)
    return other.parent.resolve() == own.parent.resolve() and other.resolve() == own.resolve()
