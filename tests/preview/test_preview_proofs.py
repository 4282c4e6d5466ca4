"""The preview in a real browser: it renews itself, keeps the reader's place, and shows errors in the paper's place."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Tiny
from tests.preview.conftest import Preview

pytestmark = pytest.mark.proof
LONG = "\n\n".join(f"Paragraph {n} of many: {' '.join(['words'] * 60)}." for n in range(60))
# The paper's window, and how far from its top the paragraph of a number is.
WINDOW = "document.querySelector('#paper iframe:not(.coming)').contentWindow"
TOP = """(() => {{
  const all = [...{window}.document.querySelectorAll('p')];
  return all.find((p) => p.textContent.startsWith('Paragraph {number} ')).getBoundingClientRect().top;
}})()"""


@dataclass
class Browser:
    """A page of Chromium, spoken to in its own protocol."""

    socket: Any
    numbers: Iterator[int]

    def ask(self, method: str, **parameters: Any) -> Any:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, script: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, script
            time.sleep(0.05)


@pytest.fixture
def browse(tmp_path: Path) -> Iterator[Callable[[str], Browser]]:
    """Return a starter of Chromium at an address."""
    websocket = pytest.importorskip("websocket")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("chromium is not installed")
    profile = tmp_path / "profile"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--window-size=1200,800"]
    process = subprocess.Popen(
        [chromium, *options, f"--user-data-dir={profile}", "about:blank"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        found = next(filter(None, (re.search(r"127\.0\.0\.1:(\d+)", line) for line in process.stderr)))

        def go(address: str) -> Browser:
            import urllib.request

            with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/json") as answer:
                page = next(target for target in json.load(answer) if target["type"] == "page")
            socket = websocket.create_connection(page["webSocketDebuggerUrl"], suppress_origin=True)
            browser = Browser(socket, count(1))
            browser.ask("Page.enable")
            browser.ask("Page.navigate", url=address)
            return browser

        yield go
    finally:
        process.kill()
        process.communicate()


def test_the_reader_keeps_their_place(
    project: Tiny, serve: Callable[[Tiny], Preview], browse: Callable[[str], Browser]
) -> None:
    """Whatever is written above, below or in what is read: the next paragraph stays where it was in the window."""
    with (project.root / "paper/paper.md").open("a", encoding="utf-8") as file:
        file.write(f"\n\n{LONG}\n")
    preview = serve(project)
    preview.until(lambda state: bool(state["files"]))
    browser = browse(f"http://127.0.0.1:{preview.port}/")
    browser.until("document.documentElement?.dataset.shown")
    assert browser.run("document.title") == "A paper"
    top = TOP.format(window=WINDOW, number=31)
    browser.run(f"{WINDOW}.scrollBy(0, {TOP.format(window=WINDOW, number=30)} - 40)")
    place = browser.run(top)
    edits = [
        ("We count", "One more sentence. " * 80 + "We count"),  # above
        ("Paragraph 30 of many", "Paragraph 30 of very many"),  # what is read
        ("Paragraph 50 of many", "Another.\n\nParagraph 50 of many"),  # below
        ("# One", "# One, renamed"),
    ]
    for old, new in edits:
        shown = browser.run("document.documentElement?.dataset.shown")
        project.replace("paper/paper.md", old, new)
        browser.until(f"document.documentElement?.dataset.shown !== {json.dumps(shown)}")
        assert abs(browser.run(top) - place) < 2, new
        assert browser.run("document.querySelectorAll('#paper iframe').length") == 1


def test_an_error_stands_in_place_of_the_page(
    project: Tiny, serve: Callable[[Tiny], Preview], browse: Callable[[str], Browser]
) -> None:
    """File, line, what and hint are read there; mended, the page is back at the same place. Nothing else is loaded."""
    with (project.root / "paper/paper.md").open("a", encoding="utf-8") as file:
        file.write(f"\n\n{LONG}\n")
    preview = serve(project)
    preview.until(lambda state: bool(state["files"]))
    browser = browse(f"http://127.0.0.1:{preview.port}/")
    browser.until("document.documentElement?.dataset.shown")
    browser.run(f"{WINDOW}.scrollTo(0, 1500)")
    project.replace("paper/paper.md", "@smith1986", "@smith1987 <b>")
    browser.until("!document.getElementById('errors').hidden")
    text = browser.run("document.getElementById('errors').innerText")
    for part in (
        "paper/paper.md:9",
        "'smith1987' is not in the bibliography",
        "did you mean 'smith1986'?",
        "paper.pdf",
    ):
        assert part in text
    middle = "document.elementFromPoint(600, 400).closest('#errors') !== null"
    assert browser.run(middle)
    project.replace("paper/paper.md", "@smith1987 <b>", "@smith1986")
    browser.until("document.getElementById('errors').hidden")
    assert not browser.run(middle)
    assert browser.run(f"{WINDOW}.scrollY") == 1500
    asked = "performance.getEntriesByType('resource').map((entry) => new URL(entry.name).hostname)"
    assert set(browser.run(asked)) == {"127.0.0.1"}
    preview.end()
    browser.until("document.getElementById('state').textContent === 'octavo serve does not run'")
