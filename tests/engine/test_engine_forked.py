"""Workers forked from a zygote, where the second one that they need does not start."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from octavo.engine.forked import ForkedExecutor, Zygote, stop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")


@dataclass(frozen=True)
class Broken(Zygote):
    """One whose imports kill it, say."""

    tries: list[int] = field(default_factory=list)

    def connect(self) -> Any:
        self.tries.append(1)
        raise OSError("The process that they are forked from did not start.")


def test_a_second_zygote_that_does_not_start_is_tried_and_told_once() -> None:
    """All calls are made without it; nobody waits for it again, and the user reads one line, not one for each point."""
    variables = dict(os.environ)
    own = Zygote("workers", ("operator",), "test", variables)
    broken, told = Broken("kernels", (), "test", variables), []
    executor = ForkedExecutor(own, variables, operator.call, broken, lambda arguments: True, told.append)
    assert [executor.submit(sum, n, 1).result(60) for n in range(4)] == [1, 2, 3, 4]
    assert (len(broken.tries), list(map(str, told))) == (1, ["The process that they are forked from did not start."])


@pytest.fixture
def compiling(tmp_path: Path) -> Iterator[Zygote]:
    """One that finds nothing compiled, and has the compiled code of what it imports below ``tmp_path``, if anywhere."""
    variables = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    zygote = Zygote(f"test{os.getpid()}", ("octavo.figures.record",), str(tmp_path), variables)
    yield zygote
    stop(zygote.environments)


@pytest.mark.parametrize("unwanted", [False, True])
def test_what_a_zygote_compiles_is_compiled_once(
    unwanted: bool, compiling: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Octavo lies uncompiled in a tree: each first build would compile it anew. Who wants no such files gets none."""
    monkeypatch.setattr(sys, "dont_write_bytecode", unwanted)
    compiling.start()
    assert bool(list(tmp_path.rglob("record.*.pyc"))) != unwanted
