"""Where tasks run: workers forked from one process that has the notebooks' imports loaded, or started one by one."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from octavo.engine import key as keys
from octavo.engine.cluster import DaskExecutor, Home, installed
from octavo.engine.cluster_worker import Site
from octavo.engine.events import Listener, Noted
from octavo.engine.forked import ForkedExecutor, Zygote, forkable
from octavo.engine.runner import ExecutorMaker, processes
from octavo.engine.zygote import SINGLE
from octavo.errors import UsageError
from octavo.notebooks.environment import environment
from octavo.notebooks.modules import foreign_imports
from octavo.notebooks.source import Notebook

# What runs beside a notebook's own imports: the worker's papermill, the kernel, the recorder.
PRELOADED = (
    "octavo.notebooks.deferred",
    "papermill",
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
    "ipykernel.debugger",
    "ipykernel.kernelspec",
    "ipykernel.zmqshell",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
    "matplotlib_inline.config",
    "octavo.engine.runner",
    "octavo.figures.draw",
    "octavo.notebooks.engine",
    "octavo.notebooks.execute",
    "octavo.notebooks.kernel",
    "octavo.outputs",
    "octavo.recorder",
    "pandas",
    "tornado.platform.asyncio",
)
WARM = "octavo.notebooks.warm"
FIXED = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}


@contextmanager
def workers(modules: Callable[[], Sequence[str]], kernels: str, jobs: int, listen: Listener) -> Iterator[ExecutorMaker]:
    """Yield a maker of executors with ``jobs`` workers; ``modules`` tells what they and their kernels import.

    ``kernels`` is ``forked`` or ``ordinary``; where they cannot be forked, ``listen`` is told and they are started.
    """
    with processes(jobs) as (start, scratch):

        def make_executor() -> Executor:
            if kernels == "ordinary":
                return start()
            if not forkable():
                listen(Noted("Each kernel is started anew: forking them is safe on Linux alone."))
                return start()
            try:
                return _forked(modules(), scratch)
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
    package = Path(__file__).parent
    with tempfile.TemporaryDirectory(prefix="octavo-", ignore_cleanup_errors=True) as scratch:
        token = Path(scratch).name

        def make_executor() -> Executor:
            if not installed():
                hint = "Install it with `pip install 'octavo[dask]'`, or build without --on, `executor` and `on`."
                raise UsageError("Dask is not installed.", hint=hint)
            site = Site(
                root=home.root,
                probe=home.state / "tmp" / token,
                token=token,
                facts=facts,
                expected=facts(),
                modules=tuple(modules) or ("octavo.engine.runner",),
                identity=keys.of(environment(), keys.of_files(package.rglob("*.py"), package)),
                fixed=FIXED,
                variables={name: os.environ.get(name) for name in variables},
            )
            executor = DaskExecutor(site, home, address, limit, jobs, scratch)
            if not executor.workers():
                listen(Noted(f"The scheduler at {address} has no workers yet. The build waits for them."))
            return executor

        yield make_executor


def facts() -> tuple[str, ...]:
    """Return what must be the same here and on a worker, a line each: interpreter, packages, Octavo's own files."""
    package = Path(__file__).parent
    files = sorted(p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    own = (f"octavo/{p.relative_to(package).as_posix()} {keys.of_file(p)[:12]}" for p in files)
    return (f"{sys.platform} {platform.machine()}", *environment(), *own)


def _forked(modules: Sequence[str], scratch: str) -> Executor:
    found = zygote(modules, {**os.environ, **FIXED})
    found.start()
    return ForkedExecutor(found, {**os.environ, "TMPDIR": scratch})


def zygote(modules: Sequence[str], variables: Mapping[str, str]) -> Zygote:
    """Return the process that imports ``modules`` in an environment of ``variables``. It may have to start."""
    package = Path(__file__).parent
    identity = keys.of(environment(), keys.of_files(package.rglob("*.py"), package))
    # How many threads libraries take, it says itself, and each worker anew.
    others = {name: value for name, value in variables.items() if name not in SINGLE}
    return Zygote(tuple(modules), identity, others)


def imports(notebooks: Iterable[Notebook]) -> tuple[str, ...]:
    """Return what kernels and workers import, for the process that they are forked from."""
    found: set[str] = set()
    for notebook in notebooks:
        found |= foreign_imports(notebook.imports, (notebook.path.parent,))
    # Those that cost nothing, or are there anyway, would only make one process unfit for another project.
    costly = {name for name in found if name.split(".")[0] not in {*sys.stdlib_module_names, "octavo", "IPython"}}
    return (*PRELOADED, *sorted(costly - set(PRELOADED)), WARM)
