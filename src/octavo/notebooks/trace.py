"""Loaded into the kernel as an IPython extension: notes which files a run reads, and which modules it imported.

Python's audit hook sees what Python opens, tries to open, or lists; it does not see what a compiled library opens by
itself (parquet through pyarrow, HDF5) or what a child process reads. Such files are seen from outside (watch.py); here
it is noted whether the run could open any in that way.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import source_from_cache
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from octavo.errors import NotebookError
from octavo.filenames import counts, encodable, presence
from octavo.model import Doubts
from octavo.notebooks import questions
from octavo.notebooks.watch import PYTHON, Opened, mark

TRACE = "OCTAVO_TRACE"
MARKS = "OCTAVO_MARKS"  # the project's root, and the folder of marks (see watch.py), as JSON
# Compiled packages that leave the opening of files to Python, whose hook sees it. All others are taken for ones that
# open files by themselves.
PLAIN = """
    IPython PIL _brotli _pydevd_bundle bottleneck charset_normalizer contourpy cython debugpy fontTools greenlet
    ipykernel kiwisolver markupsafe matplotlib msgpack msgspec numexpr numpy orjson pandas patsy propcache psutil regex
    rpds scipy simplejson skimage sklearn sqlalchemy statsmodels tornado wrapt yaml zmq
"""
BESIDE = frozenset({"lxml"})  # matplotlib brings it along; it counts where the notebook's own code imports it
UNPLAIN = ("PIL._imagingft", "scipy.io._fast_matrix_market._fmm_core")  # open fonts and matrices by their path
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
PACKAGES = ("site-packages", "dist-packages")
# Libraries of threads and of linear algebra, which open no files: threadpoolctl loads them by ctypes.
NUMERICAL = ("libblas", "libblis", "libflexiblas", "libgomp", "libiomp", "libmkl", "libomp", "libopenblas", "libscipy_")
# Where libraries keep the process that looks after what their child processes share. These names alone are asked for:
# who goes through all modules makes pages his own that all kernels share.
TRACKERS = (
    "joblib.externals.loky.backend.resource_tracker",
    "loky.backend.resource_tracker",
    "multiprocess.resource_tracker",
    "multiprocessing.resource_tracker",
)
WARM = "octavo.notebooks.warm"  # the last module that the process is given which kernels are forked from
METADATA = os.path.join("importlib", "metadata", "__init__.py")  # noqa: PTH118
MOUNTED = ("/run/media", f"/run/user/{os.getuid()}/gvfs") if hasattr(os, "getuid") else ()  # the user's own disks
GAP = "the trace is not complete:"  # begins the note that says why
OPENERS = ("open", "open64", "openat", "openat64", "fopen", "fopen64", "freopen", "mmap", "system", "popen", "fork")
MOST_WRITTEN = 1000  # files of a run that are told to be written
State = list[int] | None  # of a file: when it was last written (ns) and its length; None where there was none


def load_ipython_extension(shell: Any) -> None:
    """Begin to trace; the result is written to the file that OCTAVO_TRACE names after every cell."""
    target = os.environ.get(TRACE)
    if not target:
        return
    seen = Seen(*json.loads(os.environ.get(MARKS) or "[]"))
    sys.addaudithook(seen.hook())
    sys.meta_path.append(_Last(seen))
    questions.listen(seen.question, seen.installed)
    seen.write(Path(target))  # that it is there says that the run is traced
    shell.events.register("post_run_cell", lambda _result: seen.write(Path(target)))
    atexit.register(lambda: seen.write(Path(target)))


class _Last:
    """The last of the finders, which finds nothing: what importlib looks for in vain raises no event."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Note a module that no other finder found."""
        self.seen.takers["import"]("import", (name, None, sys.path))


class Seen:
    """What a run was seen to do with files. The state of each is what it was when it was first read."""

    def __init__(self, root: str = "", marks: str = "") -> None:
        self.root, self.marks, self.process = root, marks, os.getpid()
        self.installed = tuple(f"{folder}{os.sep}" for folder in installed(root))
        self.read: dict[str, State] = {}
        self.written: set[str] = set()
        self.appended: dict[str, State] = {}  # written to behind what was there, which was not read yet
        self.removed: set[str] = set()
        self.linked: set[str] = set()  # not written: what is read through a link is another file
        self.listed: dict[str, str] = {}
        self.presence: dict[str, str] = {}  # of what was asked whether it is there, the last answer
        self.listing = 0  # the thread that lists a folder here
        self.modules: dict[str, State] = {}
        self.sought: dict[str, tuple[str, ...]] = {}  # modules that the user's code imports, and the folders asked
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
            "os.mkdir": self._make,
            "os.link": self._link,
            "os.symlink": self._link,
            "os.remove": self._remove,
            "os.rmdir": self._remove,
            "shutil.rmtree": self._remove,
            "os.rename": self._rename,
            "os.truncate": self._truncate,
            "import": self._import,
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
        self.opaque["sqlite3"] = None  # it may be told to open others
        if path := _database_file(_path(arguments[0])):
            self._opened(path, "r+", 0)  # as may be: what the library does with it is not seen

    def _list(self, _: str, arguments: tuple[Any, ...]) -> None:
        path = _path("." if arguments[0] is None else arguments[0])
        if not path or self.listing == threading.get_ident():
            return
        self._announce(path)
        if path not in self.listed and not _importing():
            self.listing = threading.get_ident()
            self.listed[path] = names(path) if _below(path, (self.root,)) else ""
            self.listing = 0

    def question(self, asked: object) -> None:
        """Note whether something is there, of which the user's code asks that. Who waits for it has the last answer."""
        if path := _path(asked):
            self.presence[path] = presence(path)

    def _make(self, _: str, arguments: tuple[Any, ...]) -> None:
        if arguments[2] in (-1, None) and (path := _path(arguments[0])) and not state(path):
            self.written.add(path)

    def _link(self, _: str, arguments: tuple[Any, ...]) -> None:
        if arguments[-1] == -1 and (path := _path(arguments[1])) and not os.path.lexists(path):
            self.linked.add(path)

    def _remove(self, _: str, arguments: tuple[Any, ...]) -> None:
        if arguments[1] in (-1, None) and (path := _path(arguments[0])):  # else it is from an open folder
            self.removed.add(path)

    def _rename(self, _: str, arguments: tuple[Any, ...]) -> None:
        old, new = map(_path, arguments[:2])
        if old and new and arguments[2:] == (-1, -1) and state(old):  # where there is no old one, it fails
            self.removed.add(old)
            self.written.add(new)
            self.appended.pop(new, None)

    def _truncate(self, _: str, arguments: tuple[Any, ...]) -> None:
        self._opened(arguments[0], "a", 0)

    def _import(self, _: str, arguments: tuple[Any, ...]) -> None:
        """Note a module that the user's code asks for, and where it is looked for first: there it may be one day."""
        frame = sys._getframe(2)
        while frame and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back  # type: ignore[assignment]
        if frame and arguments[2] and not frame.f_code.co_filename.startswith(self.installed):
            folders = (os.path.abspath(f) for f in arguments[2] if isinstance(f, str))  # noqa: PTH100
            self.sought[arguments[0]] = tuple(f for f in folders if not f"{f}{os.sep}".startswith(self.installed))

    def _announce(self, path: str) -> None:
        """Tell those who watch the project that it is Python that opens a file, so that nobody else is taken for it.

        What a child that was forked opens is told to nobody: its own list of what it read is lost with it.
        """
        if not self.root or path.startswith(self.installed) or not _below(path, (self.root,)):
            return
        if os.getpid() != self.process:
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
        if event == "ctypes.dlsym":
            if arguments[1] in OPENERS:
                self.opaque["ctypes"] = None
        elif library := _loaded(arguments[0]):
            self.opaque[library] = None

    def _look_up(self, _: str, arguments: tuple[Any, ...]) -> None:
        self.asked[arguments[1]] = arguments[0]

    def _connect(self, _: str, arguments: tuple[Any, ...]) -> None:
        """Note a machine that was talked to, by the name by which it was asked for, if that is known."""
        address = arguments[1]
        if isinstance(address, tuple) and len(address) >= 2:
            host = self.asked.get(address[1], address[0])
            self.network[f"{os.fsdecode(host) if isinstance(host, bytes) else host}:{address[1]}"] = None

    def _opened(self, file: object, mode: object, flags: object) -> None:
        path = _path(file)
        if not path or path.startswith(self.installed):
            return
        self._announce(path)
        path = _source(path)
        use = _use(mode if isinstance(mode, str) else "", flags if isinstance(flags, int) else 0)
        before = state(path)
        if use.begins_anew or (use.creates and not before):
            self.appended.pop(path, None)
        elif use.reads:
            self._was_read(path, before)
        elif path not in self.written:
            self.appended.setdefault(path, before)
        if use.writes:
            self.written.add(path)

    def _was_read(self, path: str, before: State) -> None:
        if path in self.appended:
            self.read.setdefault(path, self.appended[path])
        elif path not in self.written:  # what a run wrote itself and then reads is no input of its
            self.read.setdefault(path, before)
            if os.path.islink(path):  # noqa: PTH114 (the run may have made the link, and remove it)
                self.read.setdefault(os.path.realpath(path), before)

    def write(self, target: Path) -> None:
        """Write what was seen so far, if there is more than last time; a process that the run forked has no say."""
        if os.getpid() != self.process:
            return
        if _had_children():
            self.opaque["child processes"] = None
        more = (self.sought, self.network, self.opaque, sys.modules)
        counted = (self.read, self.written, self.removed, self.listed, *more)
        size = (*map(len, counted), hash(tuple(self.presence.items())))
        if size == self.told:
            return
        for name in self._new_modules():
            file = getattr(sys.modules.get(name), "__file__", None)
            if not isinstance(file, str):  # a namespace package has none
                continue
            if not file.startswith(self.installed):
                self.modules[_whole(file)] = state(file)
            if file.endswith(COMPILED) and (library := _library(name, file)):
                self.opaque[library] = None
        for name, folders in self.sought.items():
            for candidate in _not_there(name, folders, self.installed):
                self.read.setdefault(candidate, None)
        found = {"read": self.read, "written": self.written, "listed": self.listed, "modules": self.modules}
        # Where an import looked: that it lists a folder is no reading of the folder.
        entries = [entry for entry in sys.path_importer_cache if not entry.startswith(self.installed)]
        searched = [os.path.abspath(entry) for entry in entries]  # noqa: PTH100
        others = {"removed": self.removed, "linked": self.linked, "presence": self.presence, "searched": searched}
        others |= {"network": self.network, "opaque": self.opaque}
        _write_whole(target, json.dumps({**found, **others}, default=sorted))
        self.told = size

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


def _write_whole(target: Path, text: str) -> None:
    """Write a file of which there is all or nothing, whenever this process is killed. Raises OSError.

    Where there is no room, the file of before is removed: it is not believed in place of this one.
    """
    unfinished = target.with_suffix(".unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(target)
    except OSError:
        for file in (unfinished, target):
            file.unlink(missing_ok=True)
        raise


def opaque_libraries() -> tuple[str, ...]:
    """Return the packages, loaded in this process, that may open files by themselves."""
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    compiled = {name: file for name, file in files.items() if isinstance(file, str) and file.endswith(COMPILED)}
    modules = {library for name, file in compiled.items() if (library := _library(name, file))}
    others = set(_mapped()) - set(map(os.path.realpath, compiled.values()))  # that ctypes loaded, say
    return tuple(sorted(modules | {library for file in others if (library := _loaded(file))}))


def state(path: str) -> State:
    """Return when a file was last written and its length; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return [status.st_mtime_ns, status.st_size]


def installed(root: str) -> tuple[str, ...]:
    """Return the folders of what is installed, which the key knows otherwise; a project may lie in the prefix."""
    fixed = (str(Path(os.__file__).parent), str(Path(__file__).parent.parent))
    if root and _below(root, (sys.prefix,)):
        return (*(sysconfig.get_path(name) for name in ("purelib", "platlib", "scripts")), *fixed)
    return (sys.prefix, *fixed)


def names(folder: str) -> str:
    """Return a digest of the names in a folder that count; empty where there is none."""
    try:
        there = sorted(filter(counts, os.listdir(folder)))  # noqa: PTH208
    except OSError:
        return ""
    return hashlib.sha256(json.dumps(there).encode()).hexdigest()


def _path(given: object) -> str:
    """Return the path that a call was given, as a whole one; empty where it was none."""
    if isinstance(given, int) and not isinstance(given, bool):
        with suppress(OSError):
            return os.readlink(f"/proc/self/fd/{given}")  # noqa: PTH115
        return ""
    return _whole(os.fsdecode(given)) if isinstance(given, str | bytes | os.PathLike) else ""


def _whole(path: str) -> str:
    """Return a path from the root as the system walks it: behind a link to a folder, ``..`` leads elsewhere."""
    before, dots, rest = f"{path}{os.sep}".rpartition(f"{os.sep}..{os.sep}")
    if dots and before:
        path = os.path.join(os.path.realpath(f"{before}{dots}"), rest)  # noqa: PTH118
    return os.path.abspath(path)  # noqa: PTH100


def _database_file(path: str) -> str:
    """Return the file of a database as sqlite is given it, which may be an address; empty for one in memory."""
    name = os.path.basename(path)  # noqa: PTH119
    if name in ("", ":memory:"):
        return ""
    before, address, rest = path.partition(f"{os.sep}file:")
    if not address or os.path.exists(path):  # noqa: PTH110
        return path
    parts = urlsplit(f"file:{rest}")
    inside = "mode=memory" in parts.query or parts.path in ("", ":memory:")
    return "" if inside else os.path.normpath(os.path.join(before, unquote(parts.path)))  # noqa: PTH118


@dataclass(frozen=True)
class _Use:
    """What a file is opened for. One that is written to may be read too; what was in it stays, or not."""

    reads: bool
    writes: bool
    begins_anew: bool
    creates: bool


def _use(mode: str, flags: int) -> _Use:
    writes = any(sign in mode for sign in "wax+") or bool(flags & (os.O_WRONLY | os.O_RDWR))
    fresh = "w" in mode or "x" in mode or bool(flags & os.O_TRUNC) or (flags & (new := os.O_CREAT | os.O_EXCL)) == new
    both = "+" in mode or bool(flags & os.O_RDWR)
    return _Use(both or not writes, writes, writes and fresh, writes and ("a" in mode or bool(flags & os.O_CREAT)))


def _not_there(name: str, folders: Iterable[str], installed: tuple[str, ...]) -> Iterator[str]:
    """Yield the files that would be the module ``name``, before the one that is, if they were there."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if module and (not file or file.startswith(installed)):
        return
    file = file and _whole(file)
    for folder in folders:
        base = os.path.join(folder, *name.split("."))  # noqa: PTH118
        candidates = (os.path.join(base, "__init__.py"), f"{base}.py")  # noqa: PTH118
        if file in candidates:
            return
        yield from (candidate for candidate in candidates if not os.path.exists(candidate))  # noqa: PTH110


def _importing() -> bool:
    """Whether it is Python's import that lists a folder, or asks what is installed: what is imported is traced."""
    file = sys._getframe(3).f_code.co_filename
    return file.startswith("<frozen importlib") or file.endswith(METADATA)


def _library(name: str, file: str) -> str:
    """Return the package of a compiled module that may open files by itself, or an empty text."""
    if name in UNPLAIN:
        return name
    path = Path(file)
    if "lib-dynload" in path.parts:
        return "" if not name.startswith(("_dbm", "_gdbm")) else name.lstrip("_")
    folder = next((p for p in path.parents if p.name in PACKAGES), None)
    top = path.relative_to(folder).parts[0].partition(".")[0] if folder else name.partition(".")[0]
    return "" if top in PLAIN.split() or (folder and top.startswith("_cyutility")) else top


def _loaded(name: object) -> str:
    """Return what is told of a library that is no module: the package that brings it, or that it is the user's.

    Nothing for the system's own, nor for those of packages that open no files by themselves, nor for what lies beside a
    package for its compiled modules (``h5py.libs``): those are told of by their own names.
    """
    if not isinstance(name, str) or os.sep not in name:
        return ""
    path = os.path.abspath(name)  # noqa: PTH100
    folder = next((part for part in PACKAGES if f"{os.sep}{part}{os.sep}" in path), "")
    if not folder:
        return "" if _below(path, ("/usr", "/lib", "/lib64", sys.prefix, sys.base_prefix)) else "ctypes"
    within = Path(path.rpartition(f"{os.sep}{folder}{os.sep}")[2])
    top, _, beside = within.parts[0].partition(".")
    return "" if beside == "libs" or top in PLAIN.split() or within.name.startswith(NUMERICAL) else top


def _mapped() -> Iterator[str]:
    """Yield the files of packages' libraries that this process has loaded, however it did."""
    with suppress(OSError), open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:  # noqa: PTH123
        files = {line[line.index("/") :].rstrip("\n") for line in maps if ".so" in line}
        yield from (file for file in files if any(f"{os.sep}{part}{os.sep}" in file for part in PACKAGES))


def _had_children() -> bool:
    """Whether this process has, or had, child processes, however they came to be."""
    with suppress(ImportError):  # Windows
        import resource

        if resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt:
            return True
    # Those that multiprocessing and joblib start raise no event, and are not counted while they live.
    trackers = [getattr(sys.modules.get(name), "_resource_tracker", None) for name in TRACKERS]
    return any(getattr(tracker, "_fd", None) is not None for tracker in trackers)


NONE, NOTHING = Doubts(), Opened()


@dataclass(frozen=True)
class Traced:
    """What a run read: ``reads`` are all paths; ``doubts`` says what of that is not certain."""

    reads: tuple[Path, ...] = ()
    doubts: Doubts = NONE


def traced(
    file: Path,
    root: Path,
    ignored: tuple[Path, ...],
    where: str,
    opened: Opened | None = None,
    beside: bool = True,
    expected: Mapping[str, State] = MappingProxyType({}),
) -> Traced:
    """Return what a run read, as far as its key must hold it: files and folders outside the environment and the system.

    Files of the project that were looked for and not found are among them, and those of which the run asked whether
    they are there. ``ignored`` are folders of the project that are not sources (the store, what was built). ``opened``
    is what was seen from outside; ``beside`` says that BESIDE's packages are only loaded, not used. ``expected`` are
    files that count as read, with their states when it began. Raises NotebookError when a file changed while the run
    went on: what the run read is not what the file holds now.
    """
    found = _noted(file, where)
    places = _places(root, ignored)
    read = {name: was for name, was in {**expected, **found["read"]}.items() if places.hold_data(name)}
    modules = {name: was for name, was in found["modules"].items() if places.hold_modules(name)}
    listed = set(filter(places.hold_data, found["listed"]))
    opaque = sorted(set(found["opaque"]) - (BESIDE if beside and not any(map(_imports_beside, modules)) else set()))
    if (changed := _changed({**modules, **read}, found)) and not opaque:
        what = f"'{_named(changed[0], root)}' changed while it ran."
        raise NotebookError(what, where=where, hint="Run the same command again.")
    hooked = {*read, *modules, *listed}
    asked, wavered = _asked(found, hooked, places)
    changed += [] if opaque else [*(name for name in sorted(listed) if _filled(name, found)), *wavered]
    seen = opened if opened and opaque else NOTHING  # whatever else was opened meanwhile, others opened it
    more = _more(seen, (*hooked, *found["written"], *found["searched"]), places)
    alone = asked - more
    doubts = Doubts(
        perhaps=tuple(sorted(_named(n, root) for n in more & set(map(_source, seen.perhaps)))),
        changed=tuple(sorted({_named(n, root) for n in (*changed, *(more & seen.changed))})),
        presence=tuple(sorted(_named(n, root) for n in alone)),
        writes=_sources(found["written"], places)[:MOST_WRITTEN],
        notes=tuple(_notes(found["network"], seen.gap, opaque)),
    )
    return Traced(_sorted(hooked | more | alone), doubts)


def _more(seen: Opened, hooked: Iterable[str], places: _Places) -> set[str]:
    """Return the sources that were seen to be opened from outside alone."""
    known = set(map(os.path.realpath, hooked))
    return {n for n in map(_source, seen.own | seen.perhaps) if n not in known and places.hold_data(n)}


def _sources(names: Iterable[str], places: _Places) -> tuple[str, ...]:
    """Return those of some files that are there, and are sources of the project, as the project names them."""
    return tuple(sorted(_named(n, Path(places.root)) for n in names if places.hold_sources(n)))


def _asked(found: Mapping[str, Any], known: Iterable[str], places: _Places) -> tuple[set[str], list[str]]:
    """Return what of the project was asked for, where nothing else says that it was there or not.

    The first are those that are as the run was told, the second those that came or went since; while a child process
    runs, these may well be its own.
    ``known`` are files and folders that count by themselves: those that are there, with the folders that they lie in,
    are. What the run wrote or removed is its own, and so are the folders in which it did.
    """
    own = (*found["written"], *found["removed"], *found["linked"])
    root, told = places.root, {places.root}
    for name in (*own, *filter(state, known)):
        while _below(name, (root,)) and name not in told:
            told.add(name)
            name = os.path.dirname(name)  # noqa: PTH120
    asked = {n for n in found["presence"] if n not in told and _below(n, (root,)) and places.hold_data(n)}
    asked -= {name for name in asked if _below(name, tuple(found["removed"]))}
    wavered = {name for name in asked if presence(name) != found["presence"][name]}
    return asked - wavered, sorted(wavered)


def _noted(file: Path, where: str) -> dict[str, Any]:
    if not file.exists():
        what = "What it read was not noted, so nobody can say when to run it again."
        hint = "Run the same command again, with some space free. If it stays so, report it [this is a bug]."
        raise NotebookError(what, where=where, hint=hint)
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _imports_beside(file: str) -> bool:
    """Whether a local module names one of the packages that come along with others."""
    with suppress(OSError):
        text = Path(file).read_bytes()
        return any(name.encode() in text for name in BESIDE)
    return False


def _notes(network: Iterable[str], gap: str, opaque: Iterable[str]) -> Iterator[str]:
    yield from (f"it talked to {address}: what came from there is not in its key" for address in network)
    if gap:
        yield f"{GAP} {gap}; it uses {', '.join(opaque)}. Name in `inputs` what it reads with them"


def _changed(read: Mapping[str, State], found: Mapping[str, Any]) -> list[str]:
    """Return which of the files that were read are not any more as they were then, and not by the run itself."""
    gone = tuple(found["removed"])
    others = (name for name, was in sorted(read.items()) if name not in found["written"] and state(name) != was)
    return [name for name in others if state(name) or not _below(name, gone)]


def _filled(folder: str, found: Mapping[str, Any]) -> bool:
    """Whether a folder that was listed has other names than then, and not by the run itself."""
    own = {os.path.dirname(name) for name in (*found["written"], *found["removed"])}  # noqa: PTH120
    return bool(found["listed"][folder]) and folder not in own and names(folder) != found["listed"][folder]


def _source(name: str) -> str:
    """Return the module of which a file is what Python compiled, or the file itself."""
    if name.endswith(".pyc") and "__pycache__" in name:
        with suppress(ValueError):
            return source_from_cache(name)
    return name


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

    def hold_sources(self, name: str) -> bool:
        """Whether a file is there that counts where it is read, and lies in the project."""
        return _below(name, (self.root,)) and not _below(name, self.own) and os.path.isfile(name)  # noqa: PTH113

    def _hold(self, name: str, outside: tuple[str, ...]) -> bool:
        if _below(name, (self.root,)):
            return not _below(name, self.own)
        system = _below(name, outside) and not _below(name, MOUNTED)
        return os.path.exists(name) and not system  # noqa: PTH110


def _places(root: Path, ignored: tuple[Path, ...]) -> _Places:
    own = (*map(str, ignored), *installed(str(root)))
    return _Places(str(root), own, (*own, *map(str, _system())), ("/tmp", tempfile.gettempdir()))


def _sorted(names: Iterable[str]) -> tuple[Path, ...]:
    return tuple(sorted(map(Path, names)))


def _below(name: str, folders: tuple[str, ...]) -> bool:
    return any(name == folder or name.startswith(f"{folder}{os.sep}") for folder in folders)


def _named(name: str, root: Path) -> str:
    return encodable(Path(name).relative_to(root).as_posix() if _below(name, (str(root),)) else name)


def _system() -> tuple[Path, ...]:
    home = Path.home()
    mine = (".cache", ".config", ".ipython", ".jupyter", ".local", ".matplotlib")
    fixed = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/run", "/System", "/Library")
    return (Path(sys.base_prefix), *(home / name for name in mine), *map(Path, fixed))
