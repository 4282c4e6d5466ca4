"""A shared store with real projects, the real command and real servers, which the tests start on the loopback."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.projects.test_projects_building import ran
from tests.projects.test_projects_proofs import outputs
from tests.projects.test_projects_proofs import project as documents  # noqa: F401 (a fixture)

from octavo.engine import remote
from octavo.engine.remote import Remote

if TYPE_CHECKING:
    from tests.conftest import Said, Tiny

ONE = {"notebooks/one.ipynb": ["import octavo\noctavo.value('n', 1)"]}
POINTS = {
    "pyproject.toml": "[tool.octavo]\ntitle = 'Points'\njobs = 2\n"
    "[tool.octavo.sweeps.fit]\nnotebook = 'notebooks/fit.ipynb'\n"
    "grid = { a = { count = 6 } }\n",
    "notebooks/fit.ipynb": [
        "[parameters] a = 0",
        "import octavo\noctavo.value('twice', 2 * a)\noctavo.value('s', 'x' * 999)",
    ],
}


def under(**environment: object) -> list[str]:
    """Return the command that sets variables for another one."""
    return ["env", *(f"{name}={value}" for name, value in environment.items())]


def bare(made: Tiny, root: Path) -> Tiny:
    """Return a fresh clone: the sources, without a store and without anything built."""
    shutil.copytree(made.root, root, ignore=shutil.ignore_patterns(".octavo", "build"))
    return type(made)(root)


def built(root: Path) -> dict[str, bytes]:
    folder = root / "build"
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_fresh_clone_gets_everything_and_executes_nothing(study: Tiny, tmp_path: Path) -> None:
    """What one machine built, another has by its key: the same bytes, nothing run, and each verb says where from."""
    shared = under(OCTAVO_STORE=tmp_path / "lab")
    assert study.octavo("build", under=shared).out.startswith("Nothing to do")  # it sends what it had
    clone = bare(study, tmp_path / "clone")
    said = clone.octavo("status", under=shared)
    assert said.out.endswith(
        "7 would run, 0 up to date.\nThe shared store was not asked: `octavo status --shared` asks it.\n"
    )
    said = clone.octavo("status", "--shared", under=shared)
    assert said.out == "0 would run, 7 would be fetched from the shared store, 0 up to date.\n"
    said = clone.octavo("build", under=shared)
    assert (said.code, said.err) == (0, "")
    assert "0 ran, 7 from the store, 7 of them fetched from the shared one." in said.out
    assert built(clone.root) == built(study.root)
    why = clone.octavo("why", "all.sum", under=shared).out
    assert f"  fetched      from the shared store {tmp_path}/lab\n" in why
    ran_at = re.compile(r"  ran          .*")
    assert ran_at.findall(why) == ran_at.findall(study.octavo("why", "all.sum").out)
    said = clone.octavo("status", under=shared)
    assert said.out == "All 7 results are up to date (7 of them came from the shared store).\n"
    tasks = json.loads(clone.octavo("build", "--json", under=shared).out)["tasks"]
    assert {task["from"] for task in tasks} == {f"{tmp_path}/lab"}
    said = clone.replace("data/n.txt", "7", "8").octavo("build", under=shared)
    assert "7 ran, 0 from the store. See" in said.out


def test_the_store_is_named_in_pyproject_or_by_the_environment(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    """A path is from the project's root; the environment replaces address and mode, or turns it off when empty."""
    readers = tiny({**ONE, "pyproject.toml": "[tool.octavo]\nstore = { address = '../lab', mode = 'read' }\n"})
    said = readers.octavo("build")
    assert "there is no store of Octavo's yet, and this build only reads" in said.err and said.code == 0
    assert readers.octavo("build", under=under(OCTAVO_STORE_MODE="read-write")).code == 0
    assert (tmp_path / "lab/octavo.json").is_file()
    other = tiny({**ONE, "pyproject.toml": "[tool.octavo]\nstore = '../lab'\n"}, folder="other")
    assert ran(other.octavo("build", under=under(OCTAVO_STORE=""))) == ["one (new)"]
    shutil.rmtree(other.root / ".octavo")
    assert ran(other.octavo("build", under=under(OCTAVO_STORE=tmp_path / "elsewhere"))) == ["one (new)"]
    shutil.rmtree(other.root / ".octavo")
    assert "1 of them fetched" in other.octavo("build").out


WRONG = {
    "store = { address = 'lab', mod = 'read' }": ("pyproject.toml:2: Unknown key 'mod'", "did you mean 'mode'?"),
    "store = { address = 'lab', mode = 'write' }": ("pyproject.toml:2: ", "there is no 'write' here"),
    "store = { mode = 'read' }": ("pyproject.toml:2: ", "it lacks the key 'address'"),
    "store = { address = 'lab', wait = -1 }": ("pyproject.toml:2: ", ">= 0"),
    "store = 3": ("pyproject.toml:2: ", "not a whole number"),
    "store = 's3:/bucket'": ("pyproject.toml:2: 's3:/bucket' is no address", "s3://bucket/folder"),
    "store = 'simplecache::s3://bucket'": ("pyproject.toml:2: 'simplecache::s3://bucket' is no address", "s3://"),
    "store = 'sftp://ann:secret@host/lab'": ("pyproject.toml:2: The address", "FSSPEC_SFTP_PASSWORD"),
    "store = 's4://bucket'": ("pyproject.toml:2: No store can be reached by 's4://'", "did you mean 's3'?"),
    "store = 'gs://bucket'": ("pyproject.toml:2: 'gs://' needs the package gcsfs", "pip install gcsfs"),
    "store = 'build/lab'": ("pyproject.toml:2: The store lies in build/", "beside the project"),
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_address_is_told_with_the_way_out(tiny: Callable[..., Tiny], line: str) -> None:
    """What cannot be an address, a mode or a section is an error of usage, with its line, before anything runs."""
    project = tiny({**ONE, "pyproject.toml": f"[tool.octavo]\n{line}\n"})
    said = project.octavo("build")
    what, hint = WRONG[line]
    assert said.code == 2 and what in said.err and hint in said.err, said.err
    assert "secret" not in said.err and not (project.root / "build").exists()


def test_a_wrong_mode_in_the_environment_is_told(tiny: Callable[..., Tiny]) -> None:
    """The variable at fault is named, and so is the nearest mode."""
    said = tiny(ONE).octavo("build", under=under(OCTAVO_STORE="lab", OCTAVO_STORE_MODE="reed"))
    assert said.code == 2 and "OCTAVO_STORE_MODE: 'reed' is no mode of a store.\n  did you mean 'read'?" in said.err
    said = tiny(ONE).octavo("status", "--shared")
    assert said.code == 2 and "has no shared store" in said.err


# Servers.


@dataclass
class Server:
    """A process that serves on a port of the loopback, and what a command needs to reach it."""

    process: subprocess.Popen[str]
    port: int
    environment: list[str]


MOTO = """
import sys
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()  # until the test is gone
"""


@pytest.fixture
def s3() -> Iterator[Server]:
    """An S3 server with an empty bucket `lab`, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", MOTO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    port = int(process.stdout.readline())
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/lab", method="PUT"), timeout=60)
    yield Server(process, port, to_s3(port))
    _end(process)


def to_s3(port: int, bucket: str = "lab") -> list[str]:
    return under(
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="word",
        AWS_DEFAULT_REGION="us-east-1",
        FSSPEC_S3_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        OCTAVO_STORE=f"s3://{bucket}/octavo",
    )


SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile {folder}/pid
AuthorizedKeysFile {folder}/home/.ssh/id_ed25519.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
Subsystem sftp internal-sftp
"""


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[Server]:
    """An OpenSSH server of the test's own, with keys of its own, that a home of the test's own knows."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not sshd or not shutil.which("ssh-keygen"):
        pytest.skip("sshd is not installed: the package openssh-server has it")
    if not os.getuid():
        Path("/run/sshd").mkdir(exist_ok=True)  # where a server of root's leaves its privileges
    folder = tmp_path / "ssh"
    (folder / "home/.ssh").mkdir(parents=True)
    for key in ("host", "home/.ssh/id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "config").write_text(SSHD.format(port=port, folder=folder))
    known = f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}"
    (folder / "home/.ssh/known_hosts").write_text(known)
    command = [sshd, "-D", "-e", "-f", str(folder / "config")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr
    while "listening" not in (line := process.stderr.readline()):
        assert line, "sshd did not start"
    address = f"sftp://{getpass.getuser()}@127.0.0.1:{port}{folder}/lab"
    yield Server(process, port, under(HOME=folder / "home", SSH_AUTH_SOCK="", OCTAVO_STORE=address))
    _end(process)


def _kill(pid: int) -> None:
    """Kill a process, and first those that it began: sshd has one for each connection."""
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            _kill(int(child))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        _kill(process.pid)
    process.communicate()


@contextmanager
def between(port: int, carry: Callable[[bytes], None]) -> Iterator[int]:
    """Yield the port of a relay to another port; ``carry`` is called with each piece before it is passed on."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(2048):
                carry(piece)
                target.sendall(piece)
        except OSError:
            pass
        for end in (source, target):
            end.close()

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
            except OSError:
                return
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def main_use(made: Tiny, root: Path, environment: list[str]) -> Said:
    """Build a project, then a fresh clone of it, with one store; return what the second build said."""
    said = made.octavo("build", under=environment, timeout=300)
    assert said.code == 0 and not re.search("not|without|Nothing", said.err), said
    clone = bare(made, root)
    said = clone.octavo("build", under=environment, timeout=300)
    assert (said.code, said.err) == (0, ""), said
    assert built(clone.root) == built(made.root)
    return said


@pytest.mark.proof
def test_ci_builds_and_a_mentor_has_it_from_s3(documents: Tiny, tmp_path: Path, s3: Server) -> None:  # noqa: F811
    """The main use: paper, deck and figures of a fresh clone come from S3 byte for byte, and nothing is executed."""
    said = main_use(documents, tmp_path / "mentor", s3.environment)
    assert re.search(r" 0 ran, (\d+) from the store, \1 of them fetched from the shared one", said.out), said.out
    assert outputs(tmp_path / "mentor") == outputs(documents.root)
    kept = {path.name for path in (documents.root / ".octavo/store").glob("*/*/*")}
    assert kept == {"entry.json", "out", "kept", "log"}, "no litter of the tools is kept, and none travels"


@pytest.mark.proof
def test_ci_builds_and_a_mentor_has_it_by_sftp(tiny: Callable[..., Tiny], tmp_path: Path, sftp: Server) -> None:
    """The same from a machine that people reach by ssh."""
    said = main_use(tiny(POINTS), tmp_path / "mentor", sftp.environment)
    assert " 0 ran, 6 from the store, 6 of them fetched" in said.out
    assert not list((tmp_path / "ssh/lab").rglob(".*")), "nothing unfinished is left"


@pytest.mark.proof
def test_connections_to_a_server_make_folders_at_once(
    tmp_path: Path, sftp: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who are second at a folder, of which OpenSSH says "Failure" alone, make the next ones all the same."""
    for name, value in (variable.split("=", 1) for variable in sftp.environment[1:]):
        monkeypatch.setenv(name, value)
    lanes = [Remote(os.environ["OCTAVO_STORE"], 30) for _ in range(6)]
    together = threading.Barrier(len(lanes), timeout=30)

    def write(lane: Remote, turn: int) -> None:
        together.wait()
        lane.write(f"{turn}/results/{lanes.index(lane)}/file", b"whole")

    with ThreadPoolExecutor(len(lanes)) as threads:
        for turn in range(20):
            list(threads.map(write, lanes, [turn] * len(lanes)))
    assert len(list((tmp_path / "ssh/lab").glob("*/results/*/file"))) == 20 * len(lanes)


@pytest.mark.proof
def test_a_connection_that_is_idle_is_not_forgotten_on_the_way(
    tmp_path: Path, sftp: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A router between drops, without a word, what comes after three seconds of silence: there is none so long."""
    for name, value in (variable.split("=", 1) for variable in sftp.environment[1:]):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(remote, "KEEPALIVE", 1)
    monkeypatch.setattr(remote, "IDLE", 60)
    seen = time.monotonic()

    def drop(piece: bytes) -> None:
        nonlocal seen
        if time.monotonic() - seen > 3:
            time.sleep(60)
        seen = time.monotonic()

    hosts = tmp_path / "ssh/home/.ssh/known_hosts"
    with between(sftp.port, drop) as port:
        hosts.write_text(hosts.read_text().replace(f":{sftp.port} ", f":{port} "))
        lane = Remote(os.environ["OCTAVO_STORE"].replace(f":{sftp.port}/", f":{port}/"))
        time.sleep(5)
        assert lane.size("octavo.json") is None


@pytest.mark.proof
def test_a_host_that_is_not_known_is_not_believed(tiny: Callable[..., Tiny], tmp_path: Path, sftp: Server) -> None:
    """Who answers in a host's place gets nothing and gives nothing; the build goes on."""
    (tmp_path / "ssh/home/.ssh/known_hosts").write_text("")
    said = tiny(ONE).octavo("build", under=sftp.environment)
    assert said.code == 0 and ran(said) == ["one (new)"]
    assert said.err.count("goes on without the shared store") == 1 and "not found in known_hosts" in said.err
    assert not (tmp_path / "ssh/lab").exists()


def frozen(server: Server) -> list[str]:
    server.process.send_signal(signal.SIGSTOP)
    return server.environment


AWAY: dict[str, Callable[[Server], list[str]]] = {
    "no server": lambda server: to_s3(9),
    "no bucket": lambda server: to_s3(server.port, "nobodys"),
    "a frozen server": frozen,
}


@pytest.mark.proof
@pytest.mark.parametrize("fault", AWAY)
def test_a_server_that_is_away_slows_a_build_and_never_breaks_it(
    tiny: Callable[..., Tiny], s3: Server, fault: str
) -> None:
    """Refused, missing, frozen: the points run here, one note says why, and the build ends soon."""
    begun = time.monotonic()
    said = tiny(POINTS).octavo("build", under=AWAY[fault](s3))
    assert (said.code, len(ran(said))) == (0, 6)
    assert said.err.count("goes on without the shared store s3://") == 1, said.err
    assert time.monotonic() - begun < 60, "of which some seconds were for the server"


@pytest.mark.proof
def test_ctrl_c_does_not_wait_for_a_frozen_server(tiny: Callable[..., Tiny], s3: Server) -> None:
    """A build that asks a server which does not answer stops at once when it is told to."""
    s3.process.send_signal(signal.SIGSTOP)
    build = tiny(POINTS).begin("build", under=s3.environment)
    time.sleep(2.5)
    build.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, err = build.communicate(timeout=60)
    assert build.returncode == 130 and "Traceback" not in out + err, out + err
    assert time.monotonic() - begun < 2.5, "less than it would have waited for the server"


@pytest.mark.proof
@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_a_server_killed_in_the_middle(
    tiny: Callable[..., Tiny], tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    """A server that dies while a clone fetches: the build succeeds with the same results, and says what happened."""
    server: Server = request.getfixturevalue(kind)
    made = tiny(POINTS)
    assert made.octavo("build", under=server.environment).code == 0
    seen = 0

    def kill(piece: bytes) -> None:
        nonlocal seen
        seen += len(piece)
        if seen > 12_000 and server.process.poll() is None:
            _kill(server.process.pid)
            server.process.wait()

    clone = bare(made, tmp_path / "clone")
    with between(server.port, kill) as port:
        if kind == "sftp":
            hosts = tmp_path / "ssh/home/.ssh/known_hosts"
            hosts.write_text(hosts.read_text().replace(f":{server.port} ", f":{port} "))
        environment = [word.replace(f"127.0.0.1:{server.port}", f"127.0.0.1:{port}") for word in server.environment]
        said = clone.octavo("build", under=environment)
    assert server.process.poll() is not None, "it was killed"
    assert said.code == 0 and said.err.count("goes on without the shared store") == 1, said
    assert ran(said) and clone.read("build/results.json") == made.read("build/results.json")


@pytest.mark.proof
def test_a_slow_server_is_waited_for_and_a_crawling_one_is_not(
    tiny: Callable[..., Tiny], tmp_path: Path, s3: Server
) -> None:
    """Through a line of 100 kB/s everything comes; one of 100 bytes a second is left out after some seconds."""
    made = tiny(POINTS)
    assert made.octavo("build", under=s3.environment).code == 0
    pace = 100_000.0
    with between(s3.port, lambda piece: time.sleep(len(piece) / pace)) as port:
        said = bare(made, tmp_path / "slow").octavo("build", under=to_s3(port))
        assert said.code == 0 and "6 of them fetched" in said.out, said
        pace = 100.0
        said = bare(made, tmp_path / "crawling").octavo("build", under=to_s3(port))
        assert said.code == 0 and len(ran(said)) == 6 and "no answer within" in said.err, said
