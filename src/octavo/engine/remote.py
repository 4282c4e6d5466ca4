"""The door to fsspec: files of a place elsewhere. Every call is bounded in time, and every fault is an ``Away``."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from octavo.errors import UsageError

PATIENCE = 5.0  # seconds that a call may take beside its bytes
SLOWEST = 100_000  # bytes a second; what is slower counts as away
CHUNK = 1 << 20
KEEPALIVE = 30  # seconds until an idle connection is used: routers between forget it after some minutes
IDLE = 10.0  # seconds after which a connection may have been lost without a word
# An object appears there whole. Elsewhere it is written under another name and then renamed.
WHOLE = frozenset(
    {"memory", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "obs", "http", "https"}
)
PAGES = frozenset({"http", "https"})  # what they list is as their server likes

T = TypeVar("T")


class Away(Exception):
    """The place did not do what it was asked to: it is not reachable, too slow, or refuses."""


class Absent(Away):
    """There is no such file there."""


class Remote:
    """The files below an address. For one thread: what several may share of a connection, fsspec shares by itself."""

    def __init__(self, address: str, patience: float = PATIENCE) -> None:
        """Connect. Raises Away."""
        self.address = address
        self.scheme = scheme(address)
        self.patience = patience
        self._open()

    def _open(self) -> None:
        self.files, root = self._bounded(2 * self.patience, lambda: _connect(self.address))
        self.root = root.rstrip("/")
        self.used = time.time()  # not monotonic: that stands still while a machine sleeps

    def names(self, folder: str) -> dict[str, int]:
        """Return the names of the files in a folder with their sizes; none where the folder is not there."""
        self.files.invalidate_cache()
        try:
            found = self._within(0, lambda: self._list(self._path(folder)))
        except Absent:
            return {}
        files = [item for item in found if item.get("type") == "file"]
        sizes = {str(item["name"]).rsplit("/", 1)[-1]: item.get("size") for item in files}
        # A web server's page of links tells none.
        return {n: (self.size(f"{folder}/{n}") or 0) if size is None else int(size) for n, size in sizes.items()}

    def read(self, name: str, size: int) -> Iterator[bytes]:
        """Yield the first ``size`` bytes of a file, or fewer if there are fewer. Raises Absent."""
        path = self._path(name)
        for start in range(0, size, CHUNK):
            end = min(start + CHUNK, size)

            def part(start: int = start, end: int = end) -> bytes:
                return bytes(self.files.cat_file(path, start=start, end=end))

            found = self._within(end - start, part)
            yield found
            if len(found) < end - start:  # whoever told the size may have told any
                return

    def size(self, name: str) -> int | None:
        """Return the size of a file, or None where there is none."""
        self.files.invalidate_cache()
        try:
            return int(self._within(0, lambda: self.files.info(self._path(name))).get("size") or 0)
        except Absent:
            return None

    def write(self, name: str, source: Path | bytes) -> None:
        """Put a file there; a reader finds all of it or nothing."""
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        self._within(size, lambda: self._write(self._path(name), source))

    def _list(self, path: str) -> list[dict[str, Any]]:
        # `ls` of an object store lists all that stands beside a folder that is not there; `find` of the others hides
        # that a place cannot be read.
        if self.files.async_impl:
            return list(self.files.find(path, detail=True).values())
        return list(self.files.ls(path, detail=True))

    def _write(self, path: str, source: Path | bytes) -> None:
        if self.scheme in WHOLE:
            self._put(path, source)
            return
        import secrets

        folder, _, name = path.rpartition("/")
        unfinished = f"{folder}/.{name}.{secrets.token_hex(8)}"
        self._make(folder)
        try:
            self._put(unfinished, source)
            self.files.mv(unfinished, path)
        except BaseException:
            with contextlib.suppress(Exception):
                self.files.rm_file(unfinished)
            raise

    def _make(self, folder: str) -> None:
        """Make a folder and those that it lies in, as others do at the same time: each may be the first at any of them.

        Whoever comes second at one is refused, and has the next ones still to make.
        """
        for left in reversed(range(folder.count("/") + 1)):
            try:
                self.files.makedirs(folder, exist_ok=True)
            except OSError:
                if not left:
                    raise
            if self.files.isdir(folder):
                return

    def _put(self, path: str, source: Path | bytes) -> None:
        if isinstance(source, bytes):
            self.files.pipe_file(path, source)
        else:
            self.files.put_file(str(source), path)

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def _within(self, size: int, call: Callable[[], T]) -> T:
        """Return what a call returns; where it fails after a while without any, what it does over a new connection."""
        seconds = self.patience + size / SLOWEST
        idle = time.time() - self.used > IDLE
        try:
            return self._bounded(seconds, call)
        except Absent:
            raise
        except Away:
            if not idle:
                raise
            self._open()
            return self._bounded(seconds, call)
        finally:
            self.used = time.time()

    def _bounded(self, seconds: float, call: Callable[[], T]) -> T:
        try:
            return within(seconds, call)
        except FileNotFoundError as error:
            raise Absent(_words(error)) from error
        except Exception as error:  # every library behind fsspec has errors of its own
            raise Away(_words(error)) from error


def scheme(address: str) -> str:
    """Return what stands before ``://``; ``file`` for a path."""
    return address.partition("://")[0] if "://" in address else "file"


def check(address: str, where: str) -> None:
    """Raise UsageError when no package here can reach an address; nothing is asked there."""
    import fsspec

    name = scheme(address)
    try:
        fsspec.get_filesystem_class(name)
    except ValueError as error:
        from octavo.errors import nearest

        known = sorted({"file", "sftp", *(p for p in fsspec.available_protocols() if p in WHOLE - PAGES)})
        hint = nearest(name, known) or f"Known are {', '.join(known)}, and all others of fsspec."
        raise UsageError(f"No store can be reached by '{name}://'.", where=where, hint=hint) from error
    except ImportError as error:
        package = getattr(error.__cause__, "name", None) or name
        hint = f"Install it: `pip install {package}`."
        raise UsageError(
            f"'{name}://' needs the package {package}, which is not here.", where=where, hint=hint
        ) from error


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what a call returns. Raises TimeoutError after some seconds; what is then left behind ends by itself."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:
            result.set_exception(error)

    # A daemon: what hangs in it must not hold up the end of the process.
    threading.Thread(target=run, daemon=True).start()
    try:
        return result.result(seconds)
    except TimeoutError as error:
        raise TimeoutError(str(error) or f"no answer within {seconds:.0f} seconds") from error


def _connect(address: str) -> tuple[Any, str]:
    import fsspec

    for name in ("asyncio", "botocore", "aiobotocore", "paramiko"):
        # What they log of a place that is away would be printed as tracebacks; it is told in one line.
        logging.getLogger(name).addHandler(logging.NullHandler())
    if scheme(address) in ("sftp", "ssh"):
        return _sftp(address)
    kind = fsspec.get_filesystem_class(scheme(address))
    options = {"use_listings_cache": False} if kind.async_impl else {}
    files, path = fsspec.url_to_fs(address, **options)
    return files, str(path)


def _sftp(address: str) -> tuple[Any, str]:
    """Connect to a host that the user's own known_hosts names: fsspec's class would trust whoever answers."""
    from fsspec.implementations import sftp

    class KnownHosts(sftp.SFTPFileSystem):  # type: ignore[misc]
        cachable = False

        def _connect(self) -> None:
            self.client = sftp.paramiko.SSHClient()
            self.client.load_system_host_keys()
            self.client.set_missing_host_key_policy(sftp.paramiko.RejectPolicy())
            self.client.connect(self.host, **self.ssh_kwargs)
            self.client.get_transport().set_keepalive(KEEPALIVE)
            self.ftp = self.client.open_sftp()

    from fsspec.config import apply_config

    options = apply_config(sftp.SFTPFileSystem, KnownHosts._get_kwargs_from_urls(address))
    return KnownHosts(**options), str(KnownHosts._strip_protocol(address))


def _words(error: BaseException) -> str:
    """Return an error in one short line; one that may be a bug, no fault of the place, with its kind."""
    text = " ".join(str(error).split())
    if not text or isinstance(error, TypeError | AttributeError | LookupError | AssertionError):
        text = ": ".join(filter(None, (type(error).__name__, text)))
    return text if len(text) <= 200 else f"{text[:200]}…"
