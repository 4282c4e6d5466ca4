"""Workers forked from a zygote, where the second one that they need does not start."""

from __future__ import annotations

import operator
import os
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest

from octavo.engine.forked import ForkedExecutor, Zygote

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
