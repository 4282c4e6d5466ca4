"""What of the environment is in the key beside the packages: the user's settings, and what a kernel's are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from octavo.notebooks.environment import environment, kernel_settings

if TYPE_CHECKING:
    from tests.conftest import Tiny


@pytest.mark.parametrize(
    "file",
    [
        ".ipython/profile_default/startup/00.py",
        ".ipython/profile_default/ipython_config.py",
        ".config/matplotlib/matplotlibrc",
    ],
)
def test_the_users_settings_are_in_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """What every kernel reads before the first cell may change any result."""
    for name in ("IPYTHONDIR", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "MATPLOTLIBRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    before = environment()
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text("K = 1\n")
    first = environment()
    (tmp_path / file).write_text("K = 2\n")
    assert len({before, first, environment()}) == 3


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_packages_of_every_place_are_in_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """Debian's Python has its packages elsewhere, and some as eggs."""
    for name in ("one-1.0.dist-info", "two-2.0.egg-info"):
        (tmp_path / folder / name).mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / folder)])
    assert {"one-1.0", "two-2.0"} <= {*environment()}


def test_another_encoding_is_another_environment() -> None:
    """Text that is read without naming its encoding is other text there."""
    say = "from octavo.notebooks.environment import environment; print(*environment(), sep='|')"
    plain = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    said = [
        subprocess.run(
            [sys.executable, "-X", f"utf8={mode}", "-c", say], env=plain, capture_output=True, text=True
        ).stdout
        for mode in (0, 1)
    ]
    assert said[0].replace("|ansi_x3.4-1968", "") == said[1] != said[0]


def test_a_package_that_is_installed_again_under_its_version_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder or a repository: its files count. Where it lies, its programs and what Python compiled do not."""
    info = tmp_path / "site-packages" / "lab-1.0.dist-info"
    info.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(info.parent)])
    indexed = environment()
    rows = "lab.py,sha256={0},10\nlab-1.0.dist-info/direct_url.json,sha256={1},9\n"

    def installed(content: str, where: str, **info_of: bool) -> tuple[str, ...]:
        (info / "direct_url.json").write_text(json.dumps({"url": f"file:///{where}", "dir_info": info_of}))
        others = f"../../../bin/lab,sha256={where},8\n__pycache__/lab.cpython-311.pyc,,\n" if where else ""
        (info / "RECORD").write_text(rows.format(content, where) + others)
        return environment()

    assert installed("one", "here") == installed("one", "there") != installed("two", "here")
    assert indexed != installed("one", "here")
    assert installed("one", "here", editable=True) == installed("two", "here", editable=True), "its sources are traced"
    assert installed("one", "here", editable=True) != installed("one", "there", editable=True), "another checkout"


def value(project: Tiny) -> object:
    return json.loads(project.read("build/results.json"))["notebooks"]["n"][0]["record"]["values"]["x"]["number"]


def test_the_variables_of_a_kernel_are_set_and_in_the_key(
    tiny: Callable[..., Tiny], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel whose specification sets variables is started with them, and runs anew when they change."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    specification = tmp_path / "kernels/own/kernel.json"
    specification.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]

    def specify(value: str) -> None:
        told = {"argv": argv, "display_name": "Own", "language": "python", "env": {"OF_ITS_OWN": value}}
        specification.write_text(json.dumps(told))

    specify("one")
    assert kernel_settings("own") == [{"OF_ITS_OWN": "one"}]
    project = tiny({"notebooks/n.ipynb": ["import os, octavo\noctavo.value('x', os.environ['OF_ITS_OWN'])"]})
    project.replace("notebooks/n.ipynb", '"name": "python3"', '"name": "own"')
    assert project.octavo("build").code == 0
    assert value(project) == "one"
    specify("two")
    assert project.octavo("status").out.startswith("n: kernel changed")
    assert project.octavo("build").code == 0
    assert value(project) == "two"


def test_the_program_that_a_kernel_is_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another environment's Python, with whatever options; not where this environment's lies."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    (tmp_path / "kernels/own").mkdir(parents=True)

    def settings(*argv: str) -> list[object]:
        (tmp_path / "kernels/own/kernel.json").write_text(json.dumps({"argv": argv}))
        return kernel_settings("own")

    assert settings(sys.executable, "-m", "ipykernel_launcher") == settings("python", "-m", "ipykernel_launcher") == []
    one, other, another = settings("/one/bin/python", "-m"), settings("/one/bin/python", "-O"), settings("/two/python")
    assert len({str(found) for found in (one, other, another, [])}) == 4
    assert settings() == []


def test_settings_beside_the_notebook_are_heeded(tiny: Callable[..., Tiny]) -> None:
    """matplotlib reads `matplotlibrc` in the folder where it is imported: the notebook's, as in JupyterLab."""
    cell = "import matplotlib as mpl, octavo\noctavo.value('x', mpl.rcParams['lines.linewidth'])"
    project = tiny({"notebooks/n.ipynb": [cell], "notebooks/matplotlibrc": "lines.linewidth: 7\n"})
    said = project.octavo("build")
    assert said.code == 0
    assert "n: its kernel was started, not forked, which takes longer: matplotlibrc lies beside" in said.out + said.err
    assert value(project) == 7
    project.write({"notebooks/matplotlibrc": "lines.linewidth: 9\n"})
    assert project.octavo("build").code == 0
    assert value(project) == 9
