"""What of the environment a result depends on: the kind of machine, the interpreter, what is installed and set up."""

from __future__ import annotations

import hashlib
import json
import locale
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

INFOS = (".dist-info", ".egg-info")
ORIGIN = "direct_url.json"  # where an installer notes from where a package came, if not from an index


def environment() -> tuple[str, ...]:
    """Return the kind of machine, the interpreter's version, and the names and versions of what is installed, sorted.

    Read from the names of the ``.dist-info`` folders, a hundred times quicker than from their metadata. Octavo itself
    is left out: what of it can change a result is in the key as its recorder. Last come what was installed from
    elsewhere than an index, and the user's own settings of IPython and matplotlib, which every kernel reads, with their
    digests.
    """
    python = f"{platform.python_implementation()} {platform.python_version()}"
    folders = {entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))}
    there = [(folder, name) for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)]  # noqa: PTH112, PTH208
    infos = {name.rpartition(".")[0]: f"{folder}/{name}" for folder, name in there if name.endswith(INFOS)}
    others = sorted((name, info) for name, info in infos.items() if not name.startswith("octavo-"))
    direct = [f"{name} {_content(Path(info))}" for name, info in others if os.path.exists(f"{info}/{ORIGIN}")]  # noqa: PTH110
    return (f"{sys.platform} {platform.machine()}", python, *_encoding(), *dict(others), *direct, *_settings())


def _encoding() -> Iterator[str]:
    """Yield in which encoding text is read that names none, where that is not UTF-8."""
    if (encoding := locale.getpreferredencoding(False).lower()) != "utf-8":
        yield encoding


def _content(info: Path) -> str:
    """Return a digest of the files of a package that came from a folder or a repository, by its list of them.

    Such a package is installed again under the same version. Not in it is what differs from place to place: its
    programs, which name the environment. The sources of one that is ``editable`` are traced where they lie: where that
    is counts, as seen from the environment.
    """
    with suppress(OSError, ValueError, AttributeError):
        origin = json.loads((info / ORIGIN).read_bytes())
        if origin.get("dir_info", {}).get("editable"):
            return f"editable {os.path.relpath(unquote(urlsplit(origin['url']).path), sys.prefix)}"
        files = (info / "RECORD").read_text(encoding="utf-8").splitlines()
        own = sorted(f for f in files if not f.startswith("..") and not f.startswith(info.name) and ".pyc," not in f)
        return hashlib.sha256("\n".join(own).encode()).hexdigest()
    return ""


def _settings() -> Iterator[str]:
    """Yield each file of settings that kernels read, as its name and digest: none on a machine that has none."""
    home = Path.home()
    profile = Path(os.environ.get("IPYTHONDIR") or home / ".ipython") / "profile_default"
    configured = [profile / f"ipython{kind}_config.{end}" for kind in ("", "_kernel") for end in ("py", "json")]
    startup = sorted(p for p in profile.glob("startup/*") if p.suffix in (".py", ".ipy"))
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    matplotlib = [Path(os.environ.get("MPLCONFIGDIR") or config / "matplotlib"), home / ".matplotlib"]
    if named := os.environ.get("MATPLOTLIBRC"):
        matplotlib.insert(0, Path(named))
    styles = [file for place in matplotlib for file in (place, place / "matplotlibrc")]
    for file in (*configured, *startup, *styles):
        with suppress(OSError):
            yield f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}"


def kernel_settings(name: str) -> list[Any]:
    """Return what counts of a kernel's specifications, of each that has the name: the variables that they set.

    Where one starts another program than this environment's Python, its command counts as well.
    """
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    own = os.environ.get("JUPYTER_DATA_DIR") or Path(data) / "jupyter"
    named = filter(None, os.environ.get("JUPYTER_PATH", "").split(os.pathsep))
    places = [*map(Path, named), Path(own)]
    places += [Path(prefix) / "share" / "jupyter" for prefix in (sys.prefix, "/usr/local", "/usr")]
    found: list[Any] = []
    for place in places:
        with suppress(OSError, ValueError, AttributeError, LookupError, TypeError):  # not there, or no such table
            specification = json.loads((place / "kernels" / name / "kernel.json").read_bytes())
            found += [specification["env"]] if specification.get("env") else []
            program = specification["argv"][0]
            found += [specification["argv"]] if os.sep in program and not this_python(program) else []
    return found


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
        "notebooks/questions.py",
        "notebooks/standin.py",
        "notebooks/trace.py",
        "notebooks/unseeded.py",
    )
    styles = sorted((package / "figures" / "styles").glob("*.mplstyle"))
    return (*(package / name for name in inside), *styles)


def this_python(program: str) -> bool:
    """Whether ``program`` is the interpreter of this environment; other environments may link to the same file."""
    other, own = Path(program), Path(sys.executable)
    return other.parent.resolve() == own.parent.resolve() and other.resolve() == own.resolve()
