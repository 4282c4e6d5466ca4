"""A warm parser says and writes what a new one does, whatever it parsed before, and ends with whoever started it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.document.test_document_source import BIB, FAULTS, HEAD, WRONG
from tests.paper.conftest import SAMPLE
from tests.paper.test_paper_faults import CONSTRUCTS

from octavo.document import parser, source
from octavo.errors import OctavoError

REPOSITORY = Path(__file__).parents[2]
LATE = """
import sys, time
from pathlib import Path
from octavo.document import parser
with parser.warm(Path(sys.argv[1])) as warm:
    warm.ready()
    print(warm.process.pid, flush=True)
    time.sleep(60)
"""
HOOK = """
const { appendFileSync } = require('node:fs');
const dns = require('node:dns');
const note = (text) => appendFileSync(ASKED, text + '\\n');
for (const name of ['lookup', 'resolve', 'resolve4']) {
  const own = dns[name];
  dns[name] = (...given) => { note(given[0]); return own(...given); };
}
note('hooked');
"""
# What one text leaves behind must not reach the next: labels, faults, macros, what waits for the network.
TEXTS = {
    "good": f"{HEAD}(sec)=\n# One\n\nSee [](#sec) and @smith1986, $x^2$.\n",
    "wrong": WRONG,
    "the label again": f"{HEAD}(twice)=\n# Another\n\nSee [](#twice), {{eq}}`one`.\n\n$$\nx\n$$ (one)\n",
    "network": f"{HEAD}![a](https://example.org/a.png) [@doi:10.1000/1] {{cite}}`10.1257/aer.76`\n",
    "macro": "---\ntitle: A\nmath:\n  '\\E': '\\mathbb{E}'\n---\n\n$\\E$\n",
    "no macro": f"{HEAD}$\\E$\n",
    "constructs": "\n\n".join([HEAD, *CONSTRUCTS]),
    "part": f"{HEAD}```{{include}} part.md\n```\n",
    "no key": f"{HEAD}@smith1986 and [@nobody2000].\n",
    "yaml": "---\ntitle: A\nauthors:\n  - name: B\n    affiliation: [\n---\n\nText.\n",
    "good again": f"{HEAD}(sec)=\n# One\n\nSee [](#sec) and @smith1986, $x^2$.\n",
}


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a warm parser, which all tests of this module ask."""
    with parser.warm(tmp_path_factory.mktemp("w") / "s") as started:
        yield started.ready()


def outcome(root: Path, text: str, warm: Path | None) -> str:
    """Return what becomes of a text: the parsed document, or all that is told of it."""
    for name, written in {"paper/text.md": text, "paper/part.md": "A {nonsense}`x`.\n", "refs.bib": BIB}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(written, encoding="utf-8")
    (root / "paper/own.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "work").mkdir()
    try:
        content = source.parse(root / "paper/text.md", root, root / "refs.bib", root / "work", warm=warm)
    except OctavoError as error:
        return str(error)
    source.save(content, root / "content.json")
    return (root / "content.json").read_text(encoding="utf-8")


def test_faults_do_not_stay_in_a_warm_parser(tmp_path: Path, warm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text full of faults is told alike twice; a good one before and after it has the same bytes, and no fault."""
    asked = []
    monkeypatch.setattr(parser, "_arguments", lambda: asked.append(1))  # of a new one, which nobody is to start
    first, *others, last = (
        outcome(tmp_path / str(n), text, warm) for n, text in enumerate([TEXTS["good"], WRONG, WRONG, TEXTS["good"]])
    )
    assert first == last and first.startswith("{") and not asked
    assert others[0] == others[1] and others[0].count("\n") == 2 * len(FAULTS) - 1


def test_what_is_warm_is_told_as_what_is_new(tmp_path: Path, warm: Path) -> None:
    """A text with every fault, parsed after others, is told of as a new parser does."""
    outcome(tmp_path / "before", TEXTS["the label again"], warm)
    assert outcome(tmp_path / "warm", WRONG, warm) == outcome(tmp_path / "new", WRONG, None)


@pytest.mark.proof
def test_many_texts_one_after_another_are_each_as_if_alone(tmp_path: Path, warm: Path) -> None:
    """Texts with faults, labels, macros and addresses, the sample and the study: the same bytes, warm and new."""
    for number, (name, text) in enumerate(TEXTS.items()):
        ours = outcome(tmp_path / f"warm{number}", text, warm)
        assert ours == outcome(tmp_path / f"new{number}", text, None), name
    study = REPOSITORY / "paper/paper.md"
    (tmp_path / "sample/paper").mkdir(parents=True)
    (tmp_path / "sample/paper/paper.md").write_text(SAMPLE, encoding="utf-8")
    for file, root in ((study, REPOSITORY), (tmp_path / "sample/paper/paper.md", tmp_path / "sample")):
        made: list[bytes] = []
        for place in (warm, None, warm):
            work = tmp_path / f"{root.name}{len(made)}-work"
            work.mkdir()
            content = source.parse(file, root, REPOSITORY / "bib/references.bib", work, warm=place)
            source.save(content, work / "content.json")
            made.append((work / "content.json").read_bytes())
        assert made[0] == made[1] == made[2]


def test_a_parser_that_is_gone_is_done_without(tmp_path: Path) -> None:
    """Where nobody answers at the socket, a new parser does the work; one that died is started again."""
    assert outcome(tmp_path / "one", TEXTS["good"], tmp_path / "nobody").startswith("{")
    with parser.warm(tmp_path / "s") as started:
        started.ready()
        assert started.process
        pid = started.process.pid
        os.kill(pid, signal.SIGKILL)
        started.process.wait()
        assert outcome(tmp_path / "two", TEXTS["good"], started.socket).startswith("{")
        started.ready()
        assert started.process.pid != pid
        assert outcome(tmp_path / "three", TEXTS["good"], started.socket).startswith("{")


def test_a_parser_that_has_its_socket_answers(tmp_path: Path) -> None:
    """Whoever finds the socket is not refused, be it in the same moment, and whatever a killed one left."""
    for number in range(3):
        place = tmp_path / str(number)
        place.with_name(f"{number}~").touch()
        with parser.warm(place), socket.socket(socket.AF_UNIX) as connection:
            while not place.exists():
                pass
            connection.connect(str(place))


def test_a_parser_dies_with_its_owner(tmp_path: Path) -> None:
    """Whoever started it is killed, and it ends."""
    owner = subprocess.Popen([sys.executable, "-c", LATE, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    pid = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    end = time.monotonic() + 10
    while (alive := Path(f"/proc/{pid}").exists()) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive


def test_the_network_is_refused_from_the_first_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """jupyter-book asks for its own latest version when it begins: no name is looked up, then or later."""
    hook, asked = tmp_path / "hook.cjs", tmp_path / "asked"
    hook.write_text(HOOK.replace("ASKED", json.dumps(str(asked))), encoding="utf-8")
    monkeypatch.setenv("NODE_OPTIONS", f"--require {hook}")
    assert "lies on the network" in outcome(tmp_path, TEXTS["network"], None)
    assert set(asked.read_text(encoding="utf-8").splitlines()) == {"hooked"}


def test_the_parser_needs_jupyter_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jupyter-book the build stops, and says how to get it."""
    monkeypatch.setattr(parser, "find_spec", lambda name: None)
    said = outcome(tmp_path, TEXTS["good"], None)
    assert "'jupyter-book' was not found" in said and "pip install jupyter-book" in said
