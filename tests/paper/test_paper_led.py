"""Each link of a page and of a Word file has its end in the same file, or the build stops (promise 1)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from octavo.document import bridge
from octavo.document.pandoc import Element
from octavo.errors import BuildError

if TYPE_CHECKING:
    from tests.paper.conftest import Sample


@pytest.mark.parametrize("form", ["html", "docx"])
def test_a_link_without_an_end_stops_the_build(
    sample: Sample, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that forgets an anchor is found: its link would be dead without a word."""

    def forgetful(self: bridge.Bridge, node: bridge.Node) -> list[Element]:
        kept = self.numbering.targets
        self.numbering.targets = {name: target for name, target in kept.items() if name != node.get("identifier")}
        made = carry(self, node)
        self.numbering.targets = kept
        return made

    carry = bridge.Bridge.block_heading
    monkeypatch.setattr(bridge.Bridge, "block_heading", forgetful)
    with pytest.raises(BuildError, match=rf"In paper\.{form} the references .*sec-start.* lead nowhere"):
        sample.write(form, tmp_path)
