"""Where tasks run: workers forked from one process that has the notebooks' imports loaded, or started one by one."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octavo.engine import key as keys
from octavo.engine.cluster import DaskExecutor, Home, installed
from octavo.engine.cluster_worker import Site, zygotes
from octavo.engine.events import Listener, Noted
from octavo.engine.forked import ForkedExecutor, Zygote, begin_beside, forkable, umask
from octavo.engine.pool import ExecutorMaker, processes
from octavo.engine.zygote import SINGLE, Request, send
from octavo.errors import UsageError
from octavo.notebooks import forking, source
from octavo.notebooks.environment import environment
from octavo.notebooks.execute import RunPoint
from octavo.notebooks.modules import Imported, imported_by
from octavo.notebooks.source import Notebook
from octavo.notebooks.watch import find

# What a worker runs: papermill, and what makes documents.
WORKERS = (
    "octavo.notebooks.deferred",
    "papermill",
    "IPython",
    "ipykernel.kernelspec",
    "octavo.engine.pool",
    "octavo.engine.zygote",
    "octavo.notebooks.engine",
    "octavo.notebooks.execute",
    "octavo.outputs",
    "octavo.workers",
    "octavo.notebooks.warm_worker",
)
# What runs beside a notebook's own imports: the kernel, the recorder.
KERNELS = (
    "octavo.notebooks.standin",
    "IPython.core.completer",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PpmImagePlugin",
    "ipykernel.kernelspec",
    "ipykernel.zmqshell",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "matplotlib_inline.config",
    "octavo.engine.zygote",
    "octavo.extension",
    "octavo.figures.extract",
    "octavo.notebooks.kernel",
    "octavo.printing",
    "octavo.recorder",
    "pandas",
    "tornado.platform.asyncio",
)
# What octavo.figure draws with. To import it takes a sixth of a second.
DRAWING = (
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "octavo.figures.draw",
    "octavo.redraw",
)
WARM = "octavo.notebooks.warm"
FIXED = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}


@contextmanager
def workers(
    modules: Callable[[], Sequence[str]], variables: Sequence[str], kernels: str, jobs: int, listen: Listener
) -> Iterator[ExecutorMaker]:
    """Yield a maker of executors with ``jobs`` workers; ``modules`` tells what they and their kernels import.

    ``variables`` are the names of those of the environment that tasks depend on.
    ``kernels`` is ``forked`` or ``ordinary``; where they cannot be forked, ``listen`` is told and they are started.
    """
    with processes(jobs) as (start, scratch):

        def make_executor() -> Executor:
            if kernels == "ordinary":
                return start()
            if not forkable():
                listen(
                    Noted(
                        "Each kernel is started anew: forking them takes a Linux that allows pidfd_open (5.3 or later)."
                    )
                )
                return start()
            try:
                return _forked(modules(), variables, scratch, listen)
            except OSError as error:
                listen(Noted(f"Each kernel is started anew, which takes longer: {error}"))
                return start()

        yield make_executor


@contextmanager
def cluster(
    home: Home,
    modules: Sequence[str],
    variables: Sequence[str],
    address: str,
    limit: int | None,
    jobs: int,
    listen: Listener,
) -> Iterator[ExecutorMaker]:
    """Yield a maker of executors on a Dask cluster: the scheduler at ``address``, or ``jobs`` threads of this process.

    ``variables`` are the names of those of the environment that tasks depend on. Where workers and kernels are not to
    be forked with their imports, ``modules`` is empty. No more than ``limit`` tasks are given to the cluster at once.
    The maker raises UsageError where Dask is not installed, Unreachable where no scheduler answers.
    """
    with processes(1) as (start, scratch):

        def make_executor() -> Executor:
            if not installed():
                hint = "Install it with `pip install 'octavo[dask]'`, or build without --on, `executor` and `on`."
                raise UsageError("Dask is not installed.", hint=hint)
            site = _site(home, Path(scratch).name, modules, variables, within=not address)
            if site.within:  # what kernels need is imported while the cluster begins; the first task starts the other
                begin_beside(zygotes(site)[1:])
            site = replace(site, expected=facts())
            executor = DaskExecutor(site, home, address, limit, jobs, scratch, lambda text: listen(Noted(text)), start)
            if not executor.workers():
                listen(Noted(f"The scheduler at {address} has no workers yet. The build waits for them."))
            return executor

        yield make_executor


def _site(home: Home, token: str, modules: Sequence[str], variables: Sequence[str], within: bool) -> Site:
    """Return what a worker of a cluster is to have; what else must be the same there, ``facts``, is not in it yet."""
    package = Path(__file__).parent
    return Site(
        root=home.root,
        probe=home.state / "tmp" / token,
        token=token,
        facts=facts,
        expected=(),
        workers=WORKERS,
        kernels=tuple(modules),
        enter=enter,
        identity=keys.of(environment(), keys.of_files(package.rglob("*.py"), package)),
        fixed=FIXED,
        variables={name: os.environ.get(name) for name in variables},
        within=within,
    )


def facts() -> tuple[str, ...]:
    """Return what must be the same here and on a worker, a line each: interpreter, packages, Octavo's own files."""
    package = Path(__file__).parent
    files = sorted(p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    own = (f"octavo/{p.relative_to(package).as_posix()} {keys.of_file(p)[:12]}" for p in files)
    return (*environment(), *own)


@dataclass(frozen=True)
class ForkedProcess:
    """A process that waits at ``connection`` to become a kernel; see octavo.notebooks.forking.Forked."""

    connection: socket.socket

    def begin(self, call: Callable[..., object], arguments: Sequence[Any], files: Sequence[int]) -> None:
        send(self.connection, Request(call, tuple(arguments), dict(os.environ), str(Path.cwd()), umask()), files)

    def close(self) -> None:
        self.connection.close()


def enter(call: Callable[..., Any], arguments: Sequence[Any], descriptor: int = -1) -> Any:
    """In a worker: do a call. Its kernel is made of the process at ``descriptor`` (-1: it is started)."""
    if descriptor >= 0:
        forking.use(ForkedProcess(socket.socket(fileno=descriptor)))
    return call(*arguments)


def runs_a_notebook(arguments: Sequence[Any]) -> bool:
    """Whether a call of the runner's needs a kernel."""
    return any(isinstance(argument, RunPoint) for argument in arguments)


def _forked(modules: Sequence[str], variables: Sequence[str], scratch: str, listen: Listener) -> Executor:
    kernels = zygote("kernels", modules, {**os.environ, **FIXED}, variables)
    own = replace(kernels, kind="workers", modules=WORKERS, declared=())
    begin_beside([kernels])  # what needs a kernel waits for it
    own.start()
    return ForkedExecutor(
        own,
        {**os.environ, "TMPDIR": scratch},
        enter,
        kernels,
        runs_a_notebook,
        lambda error: listen(Noted(f"Each kernel is started anew, which takes longer: {error}")),
    )


def zygote(kind: str, modules: Sequence[str], variables: Mapping[str, str], declared: Sequence[str] = ()) -> Zygote:
    """Return the process that imports ``modules`` in an environment of ``variables``. It may have to start.

    ``kind`` is "workers" or "kernels": what is forked from it. ``declared`` are the variables that tasks depend on.
    """
    package = Path(__file__).parent
    identity = keys.of(environment(), keys.of_files(package.rglob("*.py"), package))
    # How many threads libraries take, it says itself, and each worker anew.
    others = {name: value for name, value in variables.items() if name not in SINGLE}
    return Zygote(kind, tuple(modules), identity, others, tuple(sorted(declared)))


def imports(notebooks: Iterable[Notebook], root: Path | None = None, ignored: tuple[Path, ...] = ()) -> tuple[str, ...]:
    """Return what kernels import, for the process that they are forked from.

    A package that has the name of a module beside some notebook is left out: that notebook is to find its own. So is
    one that has the name of a module anywhere in the project at ``root``, where code sets where modules are looked for.
    ``ignored`` are folders that hold no sources.
    """
    found: set[str] = set()
    local: set[str] = set()
    drawing: tuple[str, ...] = ()
    places = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    for notebook in notebooks:
        imported = imported_by(notebook)
        found |= imported.foreign
        local |= imported.local
        drawing = drawing or (DRAWING if may_draw(notebook, imported) else ())
        if root and (notebook.sets_path or _any_says(imported.files, source.sets_path)):
            places += find(root, ignored)
            root = None  # looked through once
    # Those that cost nothing, or are there anyway, would only make one process unfit for another project.
    tops = {name.split(".")[0] for name in found} - {*sys.stdlib_module_names, *local, "octavo", "IPython"}
    tops -= {top for top in tops if any(_holds(place, top) for place in places)}
    costly = {name for name in found if name.split(".")[0] in tops}
    preloaded = (*KERNELS, *drawing)
    return (*preloaded, *sorted(costly - set(preloaded)), WARM)


def _holds(folder: str, module: str) -> bool:
    """Whether a module lies in a folder, as Python looks for it."""
    return any(os.path.exists(f"{folder}/{module}{end}") for end in ("/__init__.py", ".py"))  # noqa: PTH110


def _any_says(files: Iterable[Path], says: Callable[[str], bool]) -> bool:
    return any(says(file.read_text(encoding="utf-8", errors="replace")) for file in files)


def sets_variables(notebook: Notebook, imported: Imported) -> bool:
    """Whether a notebook, or a module of its project, sets variables of the environment: packages may read them."""
    return notebook.sets_variables or _any_says(imported.files, source.sets_variables)


def may_draw(notebook: Notebook, imported: Imported) -> bool:
    """Whether a notebook may call ``octavo.figure``: its code takes it, or a module of its project names both words."""
    if notebook.draws:
        return True
    texts = map(Path.read_bytes, imported.files)
    return any(b"octavo" in text and b"figure" in text for text in texts)
