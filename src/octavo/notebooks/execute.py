"""Run one point: papermill, in a worker process, with a kernel of its own.

Papermill changes the working directory and keeps registries in its modules, so it is imported in the worker alone.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from octavo.errors import BuildError, KernelError, NotebookError
from octavo.model import RUN, Doubts, Point, Record, RunInputs, Scalar
from octavo.notebooks import forking
from octavo.notebooks.neutral import neutralise
from octavo.notebooks.source import load, says
from octavo.notebooks.trace import BESIDE, MARKS, TRACE, state, traced
from octavo.notebooks.watch import Watch, find, recall

RECORD = "record.json"
EXECUTED = "notebook.ipynb"
DOUBTS = "doubts.json"  # in the folder of a run: what the engine is told of its trace, beside the files


@dataclass(frozen=True)
class RunPoint:
    """The action of one point; see octavo.engine.task.Action.

    In a process that was forked with what kernels import, a kernel is forked in turn; elsewhere, and for a kernel of
    another environment, one is started. ``code`` and ``text`` are the notebook's, as the key was made of; ``imports``
    are the packages that it and its local modules import, ``inputs`` the files that are declared.

    ``sweeps`` names, for every sweep that the notebook reads, its points: the task of each and its parameters. The
    partly executed notebook of a failed run is kept at ``failed``. ``folders`` is the file of what the build found of
    the project's folders; in ``marks`` it marks what it opens itself, ``opened_by_octavo`` apart. Its figures are drawn
    afterwards if it ``draws`` (see octavo.notebooks.drawing); documents show what it records if it may be ``quoted``.
    Where it ``sets_variables`` of the environment, its kernel is started.
    """

    notebook: Path
    name: str
    parameters: Mapping[str, Scalar]
    root: Path
    sweeps: Mapping[str, tuple[tuple[str, Mapping[str, Scalar]], ...]]
    ignored: tuple[Path, ...]
    timeout: float
    threads: int
    failed: Path
    kernel: str
    code: tuple[str, ...]
    text: str
    imports: frozenset[str]
    inputs: tuple[Path, ...]
    folders: Path
    marks: Path
    opened_by_octavo: tuple[Path, ...]
    draws: bool
    quoted: bool
    sets_variables: bool

    def __call__(self, folder: Path, upstream: Mapping[str, Path]) -> tuple[Path, ...]:
        """Execute the notebook; leave its record and figures in ``out``, the executed notebook in ``log``."""
        out, log = folder / "out", folder / "log"
        log.mkdir()
        (out / "run.json").write_bytes(msgspec.json.encode(self._inputs(upstream), enc_hook=str))
        trace = folder / "trace.json"
        source = folder / "source.ipynb"
        self._take(source)
        expected = {str(path): state(str(path)) for path in self.inputs}
        watch = Watch(find(self.root, self.ignored, recall(self.folders)), self.marks)
        try:
            with environment(
                {
                    **self.environment(),
                    RUN: str(out),
                    TRACE: str(trace),
                    MARKS: json.dumps([str(self.root), str(self.marks)]),
                }
            ):
                memory = self._execute(source, log / EXECUTED, watch)
        finally:
            opened = watch.end()
        source.unlink()
        self._ran_to_its_end(log / EXECUTED)
        neutralise(log / EXECUTED, self.root)
        (out / "run.json").unlink()
        if not (out / RECORD).exists():
            (out / RECORD).write_bytes(msgspec.json.encode(Record()))
        if self.failed.exists():  # asked first: a read-only folder refuses to remove even what is not there
            self.failed.unlink()
        ignored = (self.notebook, *self.ignored)
        opened = opened.without(self.opened_by_octavo)
        found = traced(trace, self.root, ignored, self.name, opened, self._beside(), expected)
        trace.unlink(missing_ok=True)
        notes = (*found.doubts.notes, *filter(None, [self._why_started]))
        doubts = msgspec.structs.replace(found.doubts, memory=memory, notes=notes)
        if doubts != Doubts():
            (folder / DOUBTS).write_bytes(msgspec.json.encode(doubts))
        return tuple(path for path in found.reads if not path.is_relative_to(folder))

    def moved(self, root: Path) -> RunPoint:
        """Return the action as it is done with the project at ``root``; see octavo.engine.cluster_worker.Movable."""

        def there(path: Path) -> Path:
            return root / path.relative_to(self.root) if path.is_relative_to(self.root) else path

        return replace(
            self,
            root=root,
            notebook=there(self.notebook),
            failed=there(self.failed),
            ignored=tuple(map(there, self.ignored)),
            folders=there(self.folders),
            marks=there(self.marks),
            inputs=tuple(map(there, self.inputs)),
            opened_by_octavo=tuple(map(there, self.opened_by_octavo)),
        )

    def _beside(self) -> bool:
        """Whether packages that come along with others are only loaded: no cell, magics and texts too, names them."""
        return not self.imports & BESIDE and not any(name in code for name in BESIDE for code in self.code)

    def leaves(self) -> tuple[Path, ...]:
        """Return what it leaves beside its result."""
        return (self.failed,)

    def _take(self, source: Path) -> None:
        """Copy the notebook, which may be edited while it runs, and hold it to be the one that the key was made of."""
        shutil.copyfile(self.notebook, source)
        if not says(source, self.name, self.text) and load(source, self.name).code != self.code:
            raise NotebookError(
                "Its code was changed while the build was at work.",
                where=self.name,
                hint="Run the same command again.",
            )

    def _inputs(self, upstream: Mapping[str, Path]) -> RunInputs:
        return RunInputs(self.root, self._points(upstream), self.draws, self.quoted)

    def _points(self, upstream: Mapping[str, Path]) -> dict[str, tuple[Point, ...]]:
        return {
            name: tuple(Point(dict(parameters), read_record(upstream[task])) for task, parameters in points)
            for name, points in self.sweeps.items()
        }

    def environment(self) -> dict[str, str]:
        # A fixed hash seed makes the order of sets the same in every run; the thread caps keep processes times
        # threads within the cores; figures drawn anywhere carry the same date; sources get no __pycache__.
        threads = str(self.threads)
        capped = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
        fixed = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "SOURCE_DATE_EPOCH": "0"}
        return {**dict.fromkeys(capped, threads), **fixed}

    def _execute(self, source: Path, executed: Path, watch: Watch) -> int:
        """Execute into ``executed``; return the bytes of memory that it took, 0 where that is not known."""
        from octavo.notebooks.deferred import import_jsonschema

        import_jsonschema()
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from papermill.exceptions import PapermillException, PapermillExecutionError

        try:
            with tempfile.TemporaryDirectory(prefix="octavo-") as sockets, _muted():
                return self._papermill(source, executed, sockets, watch)
        except PapermillExecutionError as error:
            raise self._raised(error, executed) from None
        except DeadKernelError as error:
            raise self._stopped("its kernel died", executed, "Memory may have run out.", KernelError) from error
        except CellTimeoutError as error:
            hint = "Make it quicker, or set `timeout` in the sweep's section of pyproject.toml."
            raise self._stopped(f"a cell took longer than {math.ceil(self.timeout)} s", executed, hint) from error
        except NoSuchKernel as error:
            raise NotebookError(
                f"Its kernel '{error.name}' is not installed.", where=self.name, hint="Choose 'python3' and save it."
            ) from error
        except PapermillException as error:
            raise NotebookError(f"Papermill refused it: {error}", where=self.name) from error
        except RuntimeError as error:  # what jupyter_client raises for a kernel that does not answer or dies at once
            what = f"its kernel did not start ({error})"
            raise self._stopped(what, executed, "Run the same command again.", KernelError) from error

    def _papermill(self, source: Path, executed: Path, sockets: str, watch: Watch) -> int:
        """As ``_execute``. Kernels that start at once in one folder would take each other's sockets."""
        import papermill
        from traitlets.config import Config

        engine_name, options = self._engine()
        memory = [0]
        papermill.execute_notebook(
            literal(source),
            literal(executed),
            parameters=dict(self.parameters),
            cwd=str(self.notebook.parent),
            progress_bar=False,
            engine_name=engine_name,
            kernel_name=self.kernel,
            language="python",
            execution_timeout=math.ceil(self.timeout),
            extra_arguments=[
                "--IPKernelApp.extra_extensions=octavo.extension",
                "--HistoryManager.enabled=False",  # what a build runs does not belong among what the user typed
            ],
            # No open port, and no warning about one.
            config=Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"}),
            begun=watch.begin,
            took=memory.append,
            **options,
        )
        return max(memory)

    def _engine(self) -> tuple[str, dict[str, object]]:
        """Return the engine whose kernel is forked, with its options, if it can be used, or the one that starts it."""
        from octavo.notebooks import engine

        engine.register()
        forked = forking.told()
        if forked and not self._why_started:
            return engine.FORKING, {"forked": forked}
        return engine.STARTING, {}

    @cached_property
    def _why_started(self) -> str:
        """Why the kernel is started where others are forked, as found before the run; nothing where it is not."""
        from octavo.notebooks import engine

        if not forking.told():
            return ""
        # Read by packages when they are imported, which they have been where a kernel is forked.
        if (self.notebook.parent / "matplotlibrc").exists():
            why = "matplotlibrc lies beside the notebook"
        elif self.sets_variables:
            why = "a cell, or a module beside it, sets variables of the environment"
        elif not engine.executable_kernel(self.kernel):
            why = f"'{self.kernel}' is not this environment's kernel, or sets variables"
        else:
            return ""
        return f"its kernel was started, not forked, which takes longer: {why}"

    def _ran_to_its_end(self, executed: Path) -> None:
        """Raise NotebookError where cells did not run: papermill takes `sys.exit()` for success."""
        cells = [c for c in json.loads(executed.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
        skipped = [c for c in cells if c["execution_count"] is None and "".join(c["source"]).strip()]
        if skipped and not all("skip-execution" in c["metadata"].get("tags", ()) for c in skipped):
            raise self._stopped(
                "it left by sys.exit() before its last cell", executed, "Take that out, or move it down."
            )

    def _raised(self, error: Any, executed: Path) -> NotebookError:
        self._keep(executed)
        code = "\n".join(f"    {line}" for line in error.source.rstrip().splitlines()[-12:])
        said = re.sub(r"\x1b\[[0-9;]*m| \(\d+\.py, line \d+\)$", "", str(error.evalue)).strip().replace("\n", "\n    ")
        line = _line_of(error.traceback, error.exec_count)
        full = f"[Errno {errno.ENOSPC}]" in said or f"[Errno {errno.EDQUOT}]" in said
        room = "Free some space and run the same command again.\n  " if full else ""
        return NotebookError(
            f"Cell {_cell_number(executed, error)} raised {error.ename}: {said}\n  Its code{line}:\n{code}",
            where=self.name,
            hint=f"{room}The notebook as far as it ran: {_relative(self.failed, self.root)}",
        )

    def _stopped(
        self, what: str, executed: Path, hint: str, kind: type[NotebookError] = NotebookError
    ) -> NotebookError:
        self._keep(executed)
        kept = f"The notebook as far as it ran: {_relative(self.failed, self.root)}"
        return kind(f"It was stopped: {what}.", where=self.name, hint=f"{hint}\n  {kept}")

    def _keep(self, executed: Path) -> None:
        if executed.exists():
            self.failed.parent.mkdir(parents=True, exist_ok=True)
            unfinished = self.failed.with_name(f".{self.failed.name}.new")  # somebody may read it, or end this process
            try:
                shutil.copyfile(executed, unfinished)
                neutralise(unfinished, self.root)
                unfinished.replace(self.failed)
            finally:
                unfinished.unlink(missing_ok=True)


def read_record(folder: Path) -> Record:
    """Return what the run that left ``folder`` recorded. Raises BuildError where that can be read no more."""
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Record)
    except (FileNotFoundError, ValueError) as error:
        hint = "Run `octavo store verify`, then `octavo build`."
        raise BuildError("A result was damaged in the store.", where=f"{folder / RECORD}", hint=hint) from error


@contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while; the kernel that is started meanwhile inherits them."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, was in before.items():
            if was is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = was


@contextmanager
def _muted() -> Iterator[None]:
    """Keep the chatter of kernels and clients off the user's terminal; what cells print is in the notebook."""
    saved = {stream: os.dup(stream) for stream in (1, 2)}
    with Path(os.devnull).open("wb") as nowhere:
        for stream in saved:
            os.dup2(nowhere.fileno(), stream)
    try:
        yield
    finally:
        for stream, was in saved.items():
            os.dup2(was, stream)
            os.close(was)


def _cell_number(executed: Path, error: Any) -> int:
    """Return the cell's number as a reader counts: code cells of the user's notebook, from 1.

    Papermill puts a cell with the parameters in, and one with the error on top; neither is the user's.
    """
    import nbformat

    number = 0
    for cell in nbformat.read(executed, as_version=4).cells:  # type: ignore[no-untyped-call]
        tags = cell.metadata.get("tags", ())
        if cell.cell_type != "code" or "injected-parameters" in tags or "papermill-error-cell-tag" in tags:
            continue
        number += 1
        if cell.source == error.source and any(o.output_type == "error" for o in cell.outputs):
            return number
    return number


def _line_of(lines: list[str], cell: int) -> str:
    """Return ``, at line N`` of the cell that Jupyter counts as ``cell``, where the kernel's traceback tells."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))
    found = re.findall(rf"Cell In\[{cell}\], line (\d+)", text)
    return f", at line {found[-1]}" if found else ""


def literal(path: Path) -> str:
    """Return a path as papermill takes it: it puts the parameters into braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
