"""What the package is made of: a wheel holds every file that the code reads."""

from __future__ import annotations

import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_file_beside_the_code_is_in_the_wheel() -> None:
    """Templates, themes, sheets: what is not named in pyproject.toml is missing where Octavo is installed."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    globs = config["tool"]["setuptools"]["package-data"]["octavo"]
    listed = subprocess.run(["git", "ls-files", "src/octavo"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [Path(name).relative_to("src/octavo").as_posix() for name in listed.stdout.split()]
    others = [name for name in files if not name.endswith(".py")]
    assert len(others) > 15
    assert [
        n for n in others if not any(fnmatch(f"/{n}", glob.replace("**", "*")) or n == glob for glob in globs)
    ] == []
