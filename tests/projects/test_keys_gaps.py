"""Where the trace of a run cannot be complete, Octavo says so and takes what is declared."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Content, Tiny

ALONE = ("unshare", "--user", "--map-root-user", "sh", "-c")
FEW = 'echo 2 > /proc/sys/user/max_inotify_watches && exec "$@"'  # folders that this user may watch, in here
NOTE = "the trace is not complete: not all folders are watched: No space left on device (fs.inotify.max_user_watches)"
CAT = (
    "import subprocess, octavo\n"
    "text = subprocess.run(['cat', '../data/a.txt'], capture_output=True, text=True).stdout\noctavo.value('a', text)"
)


def test_a_trace_that_is_not_complete_is_said_and_inputs_are_taken(tiny: Callable[..., Tiny]) -> None:
    """The build, `octavo why` and its JSON say it; a declared input that changes is a reason, as ever."""
    if not shutil.which("unshare") or subprocess.run([*ALONE, FEW, "sh", "true"], capture_output=True).returncode:
        pytest.skip("the kernel lets nobody have limits of their own (unshare --user, user.max_inotify_watches)")
    files: dict[str, Content] = {
        "pyproject.toml": '[tool.octavo.sweeps.cat]\nnotebook = "notebooks/cat.ipynb"\ninputs = ["data/*.txt"]\n',
        "notebooks/cat.ipynb": [CAT],
        "data/a.txt": "one",
        **{f"data/{n}/empty": "" for n in range(5)},
    }
    project, limited = tiny(files), (*ALONE, FEW, "sh")
    said = project.octavo("build", under=limited)
    assert said.code == 0 and NOTE in said.out + said.err
    assert "Name in `inputs` what it reads with them" in said.out + said.err
    assert NOTE in project.octavo("why", "cat.a").out
    assert NOTE in json.dumps(json.loads(project.octavo("why", "cat.a", "--json").out))
    assert project.octavo("build", under=limited).out.startswith("Nothing to do")
    project.write({"data/a.txt": "two"})
    assert "cat: data file changed" in project.octavo("status").out
    assert " 1 ran" in project.octavo("build").out
    assert NOTE not in project.octavo("why", "cat.a").out, "made without the limit, it is complete"
