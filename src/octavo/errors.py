"""One root error: where, what, hint, exit code.

Exit codes of the ``octavo`` command (docs/reference.md lists them for users):

====  =====================================================================
0     it is so: built, checked, accepted
1     a check looked and found something that does not hold
2     the command line or pyproject.toml is wrong; nothing was begun
3     a build step failed; what was finished is kept
4     a check could not look: nothing accepted yet, a tool is missing
130   stopped by Ctrl-C; 143 by SIGTERM, 129 by SIGHUP
====  =====================================================================
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

NAMED = 5  # names of tasks that are told beside the first


def counted(number: int, thing: str) -> str:
    """Return a number with what it counts: ``1 page``, ``2 pages``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


class OctavoError(Exception):
    """A fault that the user can mend. Printed as text, never as a traceback.

    ``what`` is a full sentence. ``where`` names the file, and line or cell. ``hint`` is the way out.
    """

    exit_code = 3

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  {self.hint}" if self.hint else head

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross from worker processes; the default would lose the keyword arguments.
        return (_rebuild, (type(self), self.what, self.where, self.hint))


def _rebuild(kind: type[OctavoError], what: str, where: str, hint: str) -> OctavoError:
    return kind(what, where=where, hint=hint)


class UsageError(OctavoError):
    """The command line or pyproject.toml is wrong; nothing was begun."""

    exit_code = 2


class BuildError(OctavoError):
    """A step of the build failed; what was finished before is kept."""


class Unreachable(BuildError):
    """The machines that run tasks are out of reach: nothing more can run, what was finished before is kept."""


class DocumentError(BuildError):
    """A source of the paper or the deck cannot be carried into an output."""


class RuleError(DocumentError):
    """A fault that stops a document, and that `octavo check` finds too, by its ``rule``."""

    def __init__(self, what: str, *, rule: str, where: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.rule = rule

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_rule, (self.rule, self.what, self.where, self.hint))


def _rebuild_rule(rule: str, what: str, where: str, hint: str) -> RuleError:
    return RuleError(what, rule=rule, where=where, hint=hint)


class NotebookError(BuildError):
    """A notebook raised, or cannot be run."""


class KernelError(NotebookError):
    """A kernel died, or did not start: no cell is to blame, so another try may do."""


class CheckError(OctavoError):
    """A check could not look."""

    exit_code = 4


class Problems(OctavoError):
    """Several faults, collected and reported once."""

    def __init__(self, problems: Iterable[OctavoError]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))
        self.exit_code = max((p.exit_code for p in self.problems), default=3)

    def __reduce__(self) -> tuple[object, ...]:
        return (Problems, (self.problems,))


def each_of(error: OctavoError) -> tuple[OctavoError, ...]:
    """Return the faults of an error, one by one."""
    return error.problems if isinstance(error, Problems) else (error,)


class Repeated(Problems):
    """One fault of several tasks, in full for the first of them; ``others`` are the names of the rest."""

    def __init__(self, problems: Iterable[OctavoError], others: Iterable[str]) -> None:
        super().__init__(problems)
        self.others = tuple(others)

    def __str__(self) -> str:
        named = ", ".join([*self.others[:NAMED], *(["…"] if len(self.others) > NAMED else [])])
        return f"{self.problems[0]}\n  And the same of {counted(len(self.others), 'more point')}: {named}"

    def __reduce__(self) -> tuple[object, ...]:
        return (Repeated, (self.problems, self.others))


def raise_all(problems: list[OctavoError]) -> None:
    """Raise what was collected: nothing, the one error, or all of them together."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise Problems(problems)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the closest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else ""


def disk_error(error: OSError) -> BuildError:
    """Turn a fault of the disk into words."""
    where = str(error.filename2 or error.filename or "")  # of two, a file is moved to the second
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "Free some space and run the same command again."
        return BuildError(f"The disk takes no more: {error.strerror}.", where=where, hint=hint)
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return BuildError("This cannot be written to.", where=where, hint="Make the folder writable and run again.")
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        hint = "Its file system has no locks. Put the project, or .octavo alone by a link, on a disk of this machine."
        return BuildError(f"This cannot be locked: {error.strerror}.", where=where, hint=hint)
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return BuildError("A file stands where a folder must be.", where=where, hint="Move it away and run again.")
    if error.errno == errno.EXDEV:
        hint = "Its folder is a link. Put .octavo on another disk as a whole, not a folder of it."
        return BuildError("This lies on another disk than what is moved there.", where=where, hint=hint)
    if error.errno == errno.EISDIR:
        return BuildError("A folder stands where a file must be.", where=where, hint="Move it away and run again.")
    return BuildError(f"{error.strerror or error}.", where=where)
