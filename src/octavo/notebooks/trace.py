"""Loaded into the kernel as an IPython extension: notes which files a run reads, and which modules it imported.

Python's audit hook sees what Python opens, tries to open, or lists; it does not see what a compiled library opens by
itself (parquet through pyarrow, HDF5) or what a child process reads. Such files are seen from outside (watch.py); here
it is noted whether the run could open any in that way.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octavo.errors import NotebookError
from octavo.model import Doubts
from octavo.notebooks.watch import PYTHON, mark

if TYPE_CHECKING:
    from octavo.notebooks.watch import Opened

TRACE = "OCTAVO_TRACE"
MARKS = "OCTAVO_MARKS"  # the project's root, and the folder of marks (see watch.py)
INSTALLED = (sys.prefix + os.sep, os.path.dirname(os.__file__) + os.sep)  # noqa: PTH120
# Compiled packages that leave the opening of files to Python, whose hook sees it. All others are taken for ones that
# open files by themselves.
PLAIN = """
    IPython PIL _brotli _pydevd_bundle bottleneck charset_normalizer contourpy cython debugpy fontTools greenlet
    ipykernel kiwisolver markupsafe matplotlib msgpack msgspec numexpr numpy orjson pandas patsy propcache psutil regex
    rpds scipy simplejson skimage sklearn sqlalchemy statsmodels tornado wrapt yaml zmq
"""
BESIDE = frozenset({"lxml"})  # matplotlib brings it along; it counts where the notebook's own code imports it
UNPLAIN = ("PIL._imagingft",)  # opens fonts by their path
CHILDREN = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
    "subprocess.Popen",
)
COMPILED = (".so", ".pyd")
# Where libraries keep the process that looks after what their child processes share. These names alone are asked for:
# who goes through all modules makes pages his own that all kernels share.
TRACKERS = (
    "joblib.externals.loky.backend.resource_tracker",
    "loky.backend.resource_tracker",
    "multiprocess.resource_tracker",
    "multiprocessing.resource_tracker",
)
WARM = "octavo.notebooks.warm"  # the last module that the process is given which kernels are forked from
GAP = "the trace is not complete:"  # begins the note that says why
OPENERS = ("open", "open64", "openat", "openat64", "fopen", "fopen64", "freopen", "mmap", "system", "popen", "fork")
State = list[int] | None  # of a file: when it was last written (ns) and its length; None where there was none


def load_ipython_extension(shell: Any) -> None:
    """Begin to trace; the result is written to the file that OCTAVO_TRACE names after every cell."""
    target = os.environ.get(TRACE)
    if not target:
        return
    seen = Seen(*os.environ.get(MARKS, "").split(os.pathsep))
    sys.addaudithook(seen.hook())
    shell.events.register("post_run_cell", lambda _result: seen.write(Path(target)))
    atexit.register(lambda: seen.write(Path(target)))


class Seen:
    """What a run was seen to do with files. The state of each is what it was when it was first read."""

    def __init__(self, root: str = "", marks: str = "") -> None:
        self.root, self.marks = root, marks
        self.read: dict[str, State] = {}
        self.written: set[str] = set()
        self.listed: set[str] = set()
        self.modules: dict[str, State] = {}
        self.known: set[str] = set()
        self.network: dict[str, None] = {}
        self.opaque: dict[str, None] = {}
        self.asked: dict[object, object] = {}
        self.told: tuple[int, ...] = ()
        self.takers: dict[str, Callable[[str, tuple[Any, ...]], None]] = {
            "open": self._open,
            "sqlite3.connect": self._database,
            "os.listdir": self._list,
            "os.scandir": self._list,
            "socket.getaddrinfo": self._look_up,
            "socket.connect": self._connect,
            "ctypes.dlopen": self._foreign,
            "ctypes.dlsym": self._foreign,
            **dict.fromkeys(CHILDREN, self._child),
        }

    def hook(self) -> Callable[[str, tuple[Any, ...]], None]:
        """Return what takes the events of the interpreter in. There are tens of thousands: one look-up tells most.

        It is a plain function: the interpreter asks a hook for ``__cantrace__`` each time, and a method takes thrice as
        long to say that it has none.
        """
        takers = self.takers

        def hear(event: str, arguments: tuple[Any, ...]) -> None:
            if event in takers:
                takers[event](event, arguments)

        return hear

    def _open(self, _: str, arguments: tuple[Any, ...]) -> None:
        self._opened(*arguments)

    def _database(self, _: str, arguments: tuple[Any, ...]) -> None:
        self._opened(arguments[0], "r", 0)
        self._opened(arguments[0], "w", 0)  # as may be: what the library does with it is not seen

    def _list(self, _: str, arguments: tuple[Any, ...]) -> None:
        folder = "." if arguments[0] is None else arguments[0]
        if isinstance(folder, str | bytes):
            path = os.path.abspath(os.fsdecode(folder))  # noqa: PTH100
            self._announce(path)
            if not _importing():
                self.listed.add(path)

    def _announce(self, path: str) -> None:
        """Tell those who watch the project that it is Python that opens a file, so that nobody else is taken for it."""
        if not self.root or path.startswith(INSTALLED) or not _below(path, (self.root,)):
            return
        with suppress(OSError):
            real = os.path.realpath(path)
            os.stat(real)  # noqa: PTH116 (it is not opened where it is not there)
            name = f"{self.marks}/{mark(real)}.{os.getpid()}.{threading.get_native_id()}{PYTHON}"
            os.symlink(".", name)  # noqa: PTH211 (no open, which would be announced in turn)
            os.unlink(name)  # noqa: PTH108

    def _child(self, *_: object) -> None:
        self.opaque["child processes"] = None

    def _foreign(self, event: str, arguments: tuple[Any, ...]) -> None:
        if _opens(event, arguments):
            self.opaque["ctypes"] = None

    def _look_up(self, _: str, arguments: tuple[Any, ...]) -> None:
        self.asked[arguments[1]] = arguments[0]

    def _connect(self, _: str, arguments: tuple[Any, ...]) -> None:
        """Note a machine that was talked to, by the name by which it was asked for, if that is known."""
        address = arguments[1]
        if isinstance(address, tuple) and len(address) >= 2:
            host = self.asked.get(address[1], address[0])
            self.network[f"{os.fsdecode(host) if isinstance(host, bytes) else host}:{address[1]}"] = None

    def _opened(self, file: object, mode: object, flags: object) -> None:
        if not isinstance(file, str | bytes):
            return
        path = os.path.abspath(os.fsdecode(file))  # noqa: PTH100
        self._announce(path)
        bits = flags if isinstance(flags, int) else 0
        if (isinstance(mode, str) and any(c in mode for c in "wax+")) or bits & (os.O_WRONLY | os.O_RDWR):
            self.written.add(path)
        elif path not in self.written:  # what a run wrote itself and then reads is no input of its
            self.read.setdefault(path, state(path))

    def write(self, target: Path) -> None:
        """Write what was seen so far, if there is more than last time."""
        if _had_children():
            self.opaque["child processes"] = None
        seen = (self.read, self.written, self.listed, self.network, self.opaque, sys.modules)
        size = tuple(map(len, seen))
        if size == self.told:
            return
        self.told = size
        for name in self._new_modules():
            file = getattr(sys.modules.get(name), "__file__", None)
            if not isinstance(file, str):  # a namespace package has none
                continue
            if not file.startswith(INSTALLED):
                self.modules[file] = state(file)
            if file.endswith(COMPILED) and (library := _library(name, file)):
                self.opaque[library] = None
        found = {"read": self.read, "written": self.written, "listed": self.listed, "modules": self.modules}
        # Where an import looked: that it lists a folder is no reading of the folder.
        entries = [entry for entry in sys.path_importer_cache if not entry.startswith(INSTALLED)]
        searched = [os.path.abspath(entry) for entry in entries]  # noqa: PTH100
        others = {"searched": searched, "network": self.network, "opaque": self.opaque}
        target.write_text(json.dumps({**found, **others}, default=sorted), encoding="utf-8")

    def _new_modules(self) -> list[str]:
        """Return the names of modules that were not asked for yet.

        Those that this process was forked with are installed ones, which the key knows, and were asked there: to ask
        thousands here would take time, and memory that all kernels share.
        """
        warm = sys.modules.get(WARM)
        if warm and not self.known:
            self.opaque |= dict.fromkeys(warm.OPAQUE)
        later = list(takewhile(lambda name: name != WARM, reversed(sys.modules)))
        new = [name for name in later if name not in self.known]
        self.known.update(new, [WARM])
        return new


def opaque_libraries() -> tuple[str, ...]:
    """Return the packages, loaded in this process, that may open files by themselves."""
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    compiled = {name: file for name, file in files.items() if isinstance(file, str) and file.endswith(COMPILED)}
    return tuple(sorted({library for name, file in compiled.items() if (library := _library(name, file))}))


def state(path: str) -> State:
    """Return when a file was last written and its length; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return [status.st_mtime_ns, status.st_size]


def _importing() -> bool:
    """Whether it is Python's import that lists a folder: what it finds there is traced as modules."""
    return sys._getframe(3).f_code.co_filename.startswith("<frozen importlib")


def _library(name: str, file: str) -> str:
    """Return the package of a compiled module that may open files by itself, or an empty text."""
    if name in UNPLAIN:
        return name
    path = Path(file)
    if "lib-dynload" in path.parts:
        return "" if not name.startswith(("_dbm", "_gdbm")) else name.lstrip("_")
    folder = next((p for p in path.parents if p.name in ("site-packages", "dist-packages")), None)
    top = path.relative_to(folder).parts[0].partition(".")[0] if folder else name.partition(".")[0]
    return "" if top in PLAIN.split() or (folder and top.startswith("_cyutility")) else top


def _opens(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether ctypes asks for a function that opens files, or for a library of the user's."""
    if event == "ctypes.dlsym":
        return arguments[1] in OPENERS
    name = arguments[0]
    if not isinstance(name, str) or os.sep not in name:
        return False
    return not _below(os.path.abspath(name), ("/usr", "/lib", "/lib64", sys.prefix, sys.base_prefix))  # noqa: PTH100


def _had_children() -> bool:
    """Whether this process has, or had, child processes, however they came to be."""
    with suppress(ImportError):  # Windows
        import resource

        if resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt:
            return True
    # Those that multiprocessing and joblib start raise no event, and are not counted while they live.
    trackers = [getattr(sys.modules.get(name), "_resource_tracker", None) for name in TRACKERS]
    return any(getattr(tracker, "_fd", None) is not None for tracker in trackers)


NONE = Doubts()


@dataclass(frozen=True)
class Traced:
    """What a run read: ``reads`` are all paths; ``doubts`` says what of that is not certain."""

    reads: tuple[Path, ...] = ()
    doubts: Doubts = NONE


def traced(
    file: Path, root: Path, ignored: tuple[Path, ...], where: str, opened: Opened | None = None, beside: bool = True
) -> Traced:
    """Return what a run read, as far as its key must hold it: files and folders outside the environment and the system.

    Files of the project that were looked for and not found are among them. ``ignored`` are folders of the project that
    are not sources (the store, what was built). ``opened`` is what was seen from outside; ``beside`` says that BESIDE's
    packages are only loaded, not used. Raises NotebookError when a file changed while the run went on: what the run
    read is not what the file holds now.
    """
    if not file.exists():
        return Traced()
    found = json.loads(file.read_text(encoding="utf-8"))
    places = _places(root, ignored)
    counts = places.hold_data
    read = {name: was for name, was in found["read"].items() if not name.endswith(".pyc") and counts(name)}
    modules = {name: was for name, was in found["modules"].items() if places.hold_modules(name)}
    for name, was in sorted({**modules, **read}.items()):
        if name not in found["written"] and state(name) != was:
            raise NotebookError(
                f"'{_named(name, root)}' changed while it ran.", where=where, hint="Run the same command again."
            )
    hooked = {*read, *modules, *filter(counts, found["listed"])}
    notes = [f"it talked to {address}: what came from there is not in its key" for address in found["network"]]
    opaque = sorted(set(found["opaque"]) - (BESIDE if beside else set()))
    if not opaque or opened is None:  # whatever else was opened meanwhile, others opened it
        return Traced(_sorted(hooked), Doubts(notes=tuple(notes)))
    known = {os.path.realpath(n) for n in (*hooked, *found["written"], *found["searched"])}
    more = {n for n in (opened.own | opened.perhaps) - known if not n.endswith(".pyc") and counts(n)}
    if opened.gap:
        notes.append(f"{GAP} {opened.gap}; it uses {', '.join(opaque)}. Name in `inputs` what it reads with them")
    return Traced(
        _sorted(hooked | more),
        Doubts(
            perhaps=tuple(sorted(_named(n, root) for n in more & opened.perhaps)),
            changed=tuple(sorted(_named(n, root) for n in more & opened.changed)),
            notes=tuple(notes),
        ),
    )


@dataclass(frozen=True)
class _Places:
    """Folders by which it is told whether a file that was read is a source, of which the key holds the content."""

    root: str
    own: tuple[str, ...]  # no source in the project either: what was built, the environment, Octavo itself
    system: tuple[str, ...]
    temporary: tuple[str, ...]

    def hold_data(self, name: str) -> bool:
        """Whether a file counts; outside of the project those that are there and not temporary do."""
        return self._hold(name, (*self.system, *self.temporary))

    def hold_modules(self, name: str) -> bool:
        """Whether a module's file counts; it does in a temporary folder too."""
        return self._hold(name, self.system)

    def _hold(self, name: str, outside: tuple[str, ...]) -> bool:
        if _below(name, (self.root,)):
            return not _below(name, self.own)
        return os.path.exists(name) and not _below(name, outside)  # noqa: PTH110


def _places(root: Path, ignored: tuple[Path, ...]) -> _Places:
    own = tuple(map(str, (*ignored, Path(sys.prefix), Path(__file__).parent.parent)))
    return _Places(str(root), own, (*own, *map(str, _system())), ("/tmp", tempfile.gettempdir()))


def _sorted(names: Iterable[str]) -> tuple[Path, ...]:
    return tuple(sorted(map(Path, names)))


def _below(name: str, folders: tuple[str, ...]) -> bool:
    return any(name == folder or name.startswith(f"{folder}{os.sep}") for folder in folders)


def _named(name: str, root: Path) -> str:
    return Path(name).relative_to(root).as_posix() if _below(name, (str(root),)) else name


def _system() -> tuple[Path, ...]:
    home = Path.home()
    mine = (".cache", ".config", ".ipython", ".jupyter", ".local", ".matplotlib")
    fixed = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/run", "/System", "/Library")
    return (Path(sys.base_prefix), *(home / name for name in mine), *map(Path, fixed))
