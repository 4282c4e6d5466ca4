"""`octavo serve`: what is saved is seen, what is wrong stands in its place, and nothing stays behind."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Tiny
from tests.preview.conftest import COUNT, FILES, PAPER, Preview, gone

from octavo.preview.server import HOST

Serve = Callable[[Tiny], Preview]
needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see processes")


def test_what_is_saved_is_what_a_build_makes(project: Tiny, serve: Serve, tmp_path: Path) -> None:
    """A changed sentence, included file and bibliography are seen; page and PDF have the bytes that a build writes."""
    preview = serve(project)
    first = preview.until(lambda state: bool(state["files"]))
    assert "We count" in preview.page() and "432" in preview.page()

    project.replace("paper/paper.md", "We count", "We now count")
    second = preview.until(lambda state: state["files"] != first["files"])
    assert "We now count" in preview.page()

    project.replace("paper/part.md", "Included", "Other")
    preview.until(lambda state: state["files"] != second["files"])
    project.replace("bib/refs.bib", "Smith, Ann", "Smythe, Ann")
    last = preview.until_read("Smythe")
    assert "Other words." in preview.page() and last["errors"] == [] and last["stale"] == {}

    served = {name: preview.ask(f"/{name}")[1] for name in ("paper.pdf", "paper.html")}
    assert served["paper.pdf"].startswith(b"%PDF-")
    assert {name: (project.root / "build/paper" / name).read_bytes() for name in served} == served
    assert preview.end()[0] == 0
    assert json.loads(project.octavo("build", "paper", "--to", "pdf,html", "--json").out)["counts"]["ran"] == 0

    again = Tiny(tmp_path / "elsewhere").write({name: project.read(name) for name in FILES})
    assert again.octavo("build", "paper", "--to", "pdf,html").code == 0
    assert {name: (again.root / "build/paper" / name).read_bytes() for name in served} == served


def test_an_error_stands_in_its_place_until_it_is_mended(project: Tiny, serve: Serve) -> None:
    """An error is told with file, line and hint, on the page and on the terminal; the last good files stay."""
    preview = serve(project)
    good = preview.until(lambda state: bool(state["files"]))
    pdf = preview.ask("/paper.pdf")[1]
    broken = {
        "@smith1986": ("@smith1987", "paper/paper.md:9", "'smith1987' is not in the bibliography", "smith1986"),
        "title: A paper": ("title: [A", "paper/paper.md:3", "not valid YAML", ""),
        "{val}`count.n`": ("{val}`count.m`", "paper/paper.md:9", "count.m", "count.n"),
        "part.md": ("prat.md", "paper/paper.md:16", "'prat.md' does not exist", "part.md"),
    }
    for old, (new, where, what, hint) in broken.items():
        project.replace("paper/paper.md", old, new)
        state = preview.until(lambda state: bool(state["errors"]))
        fault = state["errors"][0]
        assert fault["where"] == where and what in fault["what"] and hint in fault["hint"], fault
        assert state["files"] == good["files"] and preview.ask("/paper.pdf")[1] == pdf
        project.replace("paper/paper.md", new, old)
        preview.until(lambda state: not state["errors"] and state["files"] == good["files"])
    (project.root / "paper/paper.md").rename(project.root / "away.md")
    (fault,) = preview.until(lambda state: bool(state["errors"]))["errors"]
    assert fault["where"] == "pyproject.toml:7" and "'paper/paper.md' of [tool.octavo.paper] does" in fault["what"]
    (project.root / "away.md").rename(project.root / "paper/paper.md")
    preview.until(lambda state: not state["errors"] and state["files"] == good["files"])
    assert (project.root / "build/paper/paper.pdf").read_bytes() == pdf
    code, _, err = preview.end()
    assert code == 0
    assert err.count("count.m") == 1, "page and PDF fail for the same value: it is told once"
    assert all(f"error: {where}: " in err and what in err for _, where, what, _ in broken.values()), err


def test_a_notebook_is_not_run_and_it_is_told(project: Tiny, serve: Serve) -> None:
    """Results that are older than their notebook are shown and called so; those of a build come by themselves."""
    preview = serve(project)
    preview.until(lambda state: bool(state["files"]))
    project.write({"notebooks/count.ipynb": [COUNT.replace("432", "876")]})
    state = preview.until(lambda state: bool(state["stale"]))
    assert state["stale"] == {"count": "code changed"} and state["errors"] == []
    project.replace("paper/paper.md", "We count", "We still count")
    preview.until_read("We still count")
    assert "432" in preview.page()

    assert project.octavo("build", "paper", "--to", "pdf,html").code == 0
    state = preview.until(lambda state: state["stale"] == {})
    assert "876" in preview.page() and "We still count" in preview.page()
    _, out, _ = preview.end()
    assert "count is stale (code changed): its last results are shown. `octavo build` runs it." in out


def test_what_has_no_result_is_told_and_then_shown(tiny: Callable[..., Tiny], serve: Serve) -> None:
    """A notebook that fails at the start leaves nothing to show; once a build has run it, the paper is there."""
    project = tiny({**FILES, "notebooks/count.ipynb": ["1 / 0"]})
    preview = serve(project)
    (fault,) = preview.until(lambda state: bool(state["errors"]))["errors"]
    assert fault["where"] == "notebooks/count.ipynb" and "octavo build count" in fault["hint"]
    assert preview.ask("/paper.pdf")[0] == preview.ask("/paper.html")[0] == 404
    project.write({"notebooks/count.ipynb": [COUNT]})
    assert project.octavo("build", "count").code == 0
    preview.until(lambda state: not state["errors"] and bool(state["files"]))
    assert "432" in preview.page()
    assert "ZeroDivisionError" in preview.end()[2]


def test_a_broken_project_is_told_and_mended(project: Tiny, serve: Serve) -> None:
    """What is wrong in pyproject.toml or a notebook's file is told like any error, and the preview goes on."""
    preview = serve(project)
    good = preview.until(lambda state: bool(state["files"]))
    for name, old, new in (
        ("pyproject.toml", "title =", "titel ="),
        ("notebooks/count.ipynb", '"nbformat":', '"nbformat"'),
    ):
        project.replace(name, old, new)
        state = preview.until(lambda state: bool(state["errors"]))
        assert state["errors"][0]["where"].startswith(name)
        project.replace(name, new, old)
        preview.until(lambda state: not state["errors"] and state["files"] == good["files"])


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_behind(
    project: Tiny, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Ctrl-C is how it ends: exit code 0, in words; no process is left, whatever ended it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    preview = serve(project)
    preview.until(lambda state: bool(state["files"]))
    begun = preview.begun("parser.mjs", "spawn_main", "spawn_main")
    code, _, err = preview.end(number)
    assert gone(begun) == set()
    if number is signal.SIGINT:
        assert (code, err.strip()) == (0, "Stopped.")
        assert not list(tmp_path.glob("octavo-*"))


def test_other_names_other_addresses_and_other_methods_are_refused(project: Tiny, serve: Serve) -> None:
    """A foreign host name, a path to a file and a POST get nothing; it listens on the loopback address alone."""
    preview = serve(project)
    preview.until(lambda state: bool(state["files"]))
    assert preview.ask("/")[0] == 200 and preview.ask("/", Host=f"localhost:{preview.port}")[0] == 200
    for host in (
        "example.org",
        f"example.org:{preview.port}",
        "127.0.0.1",
        f"127.0.0.1:{preview.port}.example.org",
        "",
    ):
        for path in ("/", "/paper.pdf", "/events"):
            status, body = preview.ask(path, Host=host)
            assert status == 403 and b"count" not in body and b"PDF-" not in body
    for path in (
        "/../pyproject.toml",
        "/paper.html/../../pyproject.toml",
        "/%2e%2e/pyproject.toml",
        "//etc/passwd",
        "/paper/paper.md",
        "/page/live.js",
        "/live.js/..",
        "/build/paper/paper.pdf",
    ):
        status, body = preview.ask(path)
        assert status == 404 and b"octavo]" not in body and b"root:" not in body, path
    assert preview.ask("/", "POST")[0] == 501
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", preview.port), timeout=5)


def test_a_port_that_is_taken(project: Tiny) -> None:
    """It is told before anything runs, with the way out."""
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        said = project.octavo("serve", "--port", str(other.getsockname()[1]))
    assert (said.code, said.out) == (2, "")
    assert "is taken" in said.err and "--port 0" in said.err


def test_no_paper_to_serve(tiny: Callable[..., Tiny]) -> None:
    """A project without a paper is told how to name one."""
    said = tiny({}).octavo("serve")
    assert said.code == 2 and "[tool.octavo.paper]" in said.err


def test_a_file_saved_in_two_steps_is_one_change(project: Tiny, serve: Serve) -> None:
    """An editor empties a file and writes it: the empty one is not called an error of the user's."""
    preview = serve(project)
    preview.until(lambda state: bool(state["files"]))
    for number in range(5):
        (project.root / "paper/paper.md").write_text("")
        project.write({"paper/paper.md": PAPER.replace("We count", f"We count {number} times")})
        preview.until_read(f"We count {number} times")
    assert not [state for state in preview.seen if state["errors"]]


def test_what_was_made_for_earlier_sentences_is_removed(project: Tiny, serve: Serve) -> None:
    """A day of writing leaves one paper in the store beside the one that was there before; going back makes it anew."""
    preview = serve(project)
    preview.until(lambda state: bool(state["files"]))
    before = stored(project)
    for number in range(4):
        project.write({"paper/paper.md": PAPER.replace("We count", f"We count {number} times")})
        preview.until_read(f"We count {number} times")
    project.write({"paper/paper.md": PAPER.replace("We count", "We count 2 times")})
    preview.until_read("We count 2 times")
    preview.end()
    after = stored(project)
    assert before < after and 3 <= len(after - before) <= 6, (
        "content, PDF and page, and the last ones if not yet removed"
    )
    assert json.loads(project.octavo("build", "paper", "--to", "pdf,html", "--json").out)["counts"]["ran"] == 0


def stored(project: Tiny) -> set[str]:
    """Return the keys of all results in the store."""
    return {path.name for path in (project.root / ".octavo/store").iterdir()}
