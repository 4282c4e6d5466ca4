"""``pytest --octavo``: a test for each value, table and figure that was accepted, or is made now.

The project is built first, as `octavo check results` does. A test fails where its result is not as accepted, with the
differences in words; one that could not be compared is an error, not a failure. JUnit and the rest come from pytest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from octavo.model import Verdict

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

PASSED = ("same", "drift")


class NotAsAccepted(AssertionError):
    """A result differs from the accepted one."""


class NotCompared(Exception):
    """A result could not be compared with the accepted one."""


class ResultItem(pytest.Item):
    """The test of one result."""

    def __init__(self, *, verdict: Verdict, name: str, parent: pytest.Session) -> None:
        super().__init__(name, parent)
        self.verdict = verdict

    def setup(self) -> None:
        """Raise NotCompared, which pytest counts as an error, where nobody looked."""
        if self.verdict.waived:
            pytest.skip(f"waived: {self.verdict.waived}")
        if self.verdict.state == "not compared":
            raise NotCompared(" ".join(self.verdict.differences))

    def runtest(self) -> None:
        """Raise NotAsAccepted where the result differs from the accepted one."""
        if self.verdict.state not in PASSED:
            raise NotAsAccepted("\n".join((f"{self.verdict.state}:", *self.verdict.differences)))

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: object = None) -> str | TerminalRepr:
        """Return the differences alone: there is no line of code to look at."""
        if isinstance(excinfo.value, NotAsAccepted | NotCompared):
            hint = f'What is right: octavo accept {self.verdict.name} --because "…"'
            return f"{self.verdict.kind} {self.verdict.name}: {excinfo.value}\n{hint}"
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[str, None, str]:
        """Return where the result is kept, and what it is called."""
        return "figures/accepted.json", None, f"{self.verdict.kind} {self.verdict.name}"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("octavo")
    group.addoption("--octavo", action="store_true", help="build the project and test its results against the accepted")


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--octavo"):
        items.extend(_items(session))


def _items(session: pytest.Session) -> Iterator[ResultItem]:
    from octavo import pipeline, planning, project
    from octavo.errors import OctavoError

    try:
        plan = planning.make_plan(project.read(project.find_root(session.config.rootpath)))
        outcomes = pipeline.build(plan, ("notebooks",), lambda event: None)
        verdicts = pipeline.compare(plan, outcomes)
    except OctavoError as error:
        raise pytest.UsageError(str(error)) from error
    if verdicts is None:
        raise pytest.UsageError('Nothing has been accepted yet: octavo accept --all --because "…".')
    for verdict in verdicts:
        yield ResultItem.from_parent(session, name=f"octavo::{verdict.kind}::{verdict.name}", verdict=verdict)
