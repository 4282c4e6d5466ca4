"""What the process that others are forked from may import: what is installed, and nothing that somebody edits."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from octavo.engine.zygote import _is_installed

EDITABLE = """
import importlib.util, sys, types
from octavo.engine.zygote import _installed_alone
made = types.ModuleType({name!r})
exec('''
class Finder:
    def find_spec(name, path=None, target=None):
        import importlib.util
        return importlib.util.spec_from_file_location(name, "lab.py") if name == "lab" else None
''', made.__dict__)
sys.meta_path.insert(0, made.Finder)
with _installed_alone():
    try:
        import lab
        print("imported")
    except ImportError:
        print("left alone")
import lab
print(lab.VALUE)
"""


@pytest.mark.parametrize(
    "name", ["__editable___lab_1_finder", "_lab_editable_loader", "_lab_editable", "editables.redirector"]
)
def test_a_package_that_is_edited_is_not_imported_in_advance(tmp_path: Path, name: str) -> None:
    """Setuptools, meson-python, scikit-build-core and hatch each find it in a way of their own."""
    (tmp_path / "lab.py").write_text("VALUE = 1\n")
    command = [sys.executable, "-c", EDITABLE.format(name=name)]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout == "left alone\n1\n"


def test_what_lies_below_a_prefix_is_not_installed_for_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Debian's Python that is /usr, below which sources may lie; and a folder's name may begin with another's."""
    assert all(_is_installed(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert _is_installed(f"{tmp_path}/lib/python3/dist-packages")
    assert not _is_installed(f"{tmp_path}/src/lab") and not _is_installed(f"{tmp_path}-src/site-packages")
