"""How the files of a project travel to a machine that does not see them: by content, each only where it is lacking.

At home a tree is read into names and digests. Elsewhere what was received is kept by digest, and laid out as a tree
in which a task runs as if it were at home.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from octavo.engine import key as keys
from octavo.filenames import FILE, FOLDER, MISSING, counts, decoded, encodable

NOWHERE = "nowhere"  # stands for the digest of a link that leads to nothing: listings have its name
PIECE = 16 << 20  # bytes that travel at once


class Held(msgspec.Struct, frozen=True, array_like=True):
    """A file of a tree: the digest of its bytes, and whether it is a program.

    Of a folder the name alone travels: FOLDER stands for its digest.
    """

    digest: str
    program: bool = False


Tree = dict[str, Held]  # by the name from the root, with slashes, as JSON can have it


class Piece(msgspec.Struct, frozen=True):
    """A part of some content, from ``start``; ``total`` is the length of the whole."""

    digest: str
    start: int
    total: int
    data: bytes


def read_tree(root: Path, apart: Collection[Path], always: Iterable[Path], digest: keys.FileDigest) -> Tree:
    """Return the files of a project that travel: all, but for what lies in folders that hold no sources.

    These are hidden folders, ``__pycache__``, virtual environments, and the folders ``apart``, whose names alone
    travel. Files named in ``always`` travel wherever they lie. Links are followed; one that leads nowhere stays one.
    """
    found: Tree = {}
    for place, folders, files in os.walk(root, followlinks=True):
        folder = Path(place)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        found |= {_name(folder / name, root): Held(FOLDER) for name in folders}
        folders[:] = [name for name in folders if folder / name not in apart and not _pruned(folder / name)]
        found |= _files((folder / name for name in sorted(files)), root, digest)
    return found | _files(sorted(always), root, digest)


def digest_in(tree: Tree, name: str) -> str:
    """Return what keys.of_file would say of a name of a tree, ``.`` for its root, were the tree laid out."""
    name = encodable(name)
    if (held := tree.get(name)) and held.digest != FOLDER:
        return held.digest if held.digest != NOWHERE else MISSING
    start = "" if name == "." else f"{name}/"
    below = {decoded(other.removeprefix(start).partition("/")[0]) for other in tree if other.startswith(start)}
    return keys.of(sorted(filter(counts, below))) if below or held or not start else MISSING


def presence_in(tree: Tree, name: str) -> str:
    """Return what filenames.presence would say of a name of a tree, were the tree laid out."""
    name = encodable(name)
    if (held := tree.get(name)) and held.digest != FOLDER:
        return MISSING if held.digest == NOWHERE else FILE
    return FOLDER if held or any(other.startswith(f"{name}/") for other in tree) else MISSING


def _files(paths: Iterable[Path], root: Path, digest: keys.FileDigest) -> Tree:
    inside = [path for path in paths if path.is_relative_to(root)]
    readable = (path for path in inside if path.is_file() and os.access(path, os.R_OK))
    found = {_name(path, root): Held(digest(path), os.access(path, os.X_OK)) for path in readable}
    return found | {_name(path, root): Held(NOWHERE) for path in inside if path.is_symlink() and not path.exists()}


def _pruned(folder: Path) -> bool:
    """Whether a folder is a virtual environment, or a link to one that it lies in."""
    above = {parent.resolve() for parent in folder.parents} if folder.is_symlink() else set()
    return (folder / "pyvenv.cfg").exists() or folder.resolve() in above


def _name(path: Path, root: Path) -> str:
    return encodable(path.relative_to(root).as_posix())


def pieces(digest: str, content: Path | bytes) -> Iterator[Piece]:
    """Yield a file, or bytes, in pieces. Raises OSError when it cannot be read."""
    if isinstance(content, bytes):
        yield Piece(digest, 0, len(content), content)
        return
    with content.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        start = 0
        while True:
            data = file.read(PIECE)
            yield Piece(digest, start, total, data)
            start += len(data)
            if not data or start >= total:
                return


@dataclass(frozen=True)
class Mirror:
    """What a machine has received, below ``folder``: ``objects`` by digest, and the trees laid out from them."""

    folder: Path

    def lacking(self, digests: Iterable[str]) -> tuple[str, ...]:
        """Return the digests whose content is not here."""
        return tuple(sorted({d for d in digests if d not in (FOLDER, NOWHERE) and not self.place(d).exists()}))

    def place(self, digest: str) -> Path:
        """Return where the content of a digest is kept."""
        return self.folder / "objects" / digest

    def receive(self, piece: Piece) -> bool:
        """Take a piece in. Return False where the whole turns out not to be what its digest says."""
        place = self.place(piece.digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            return True
        partial = place.with_name(f"{piece.digest}.part")
        # Another build may be sending the same: what it wrote stays.
        with open(os.open(partial, os.O_RDWR | os.O_CREAT, 0o600), "wb") as file:  # noqa: PTH123
            file.seek(piece.start)
            file.write(piece.data)
            file.truncate(max(piece.total, piece.start + len(piece.data)))
        if piece.start + len(piece.data) < piece.total:
            return True
        if keys.of_file(partial) != piece.digest:
            partial.unlink()
            return False
        partial.rename(place)
        return True

    def read(self, digest: str) -> Tree:
        """Return the tree whose names and digests were received as ``digest``."""
        return msgspec.json.decode(self.place(digest).read_bytes(), type=Tree)

    @contextmanager
    def laid(self, digest: str, tree: Mapping[str, Held], further: Mapping[str, Held]) -> Iterator[Path]:
        """Yield the root of a tree with all its contents, and those of ``further``; it stays while it is used.

        Trees that nobody uses any more are removed meanwhile, also this one if it was spoilt.
        """
        trees = self.folder / "trees"
        trees.mkdir(parents=True, exist_ok=True)
        with _locked(trees / "laying.lock", fcntl.LOCK_EX):
            _remove_unused(trees, digest)
            used = (trees / f"{digest}.used").open("w")
            fcntl.flock(used, fcntl.LOCK_SH)
            if not (trees / digest).exists():
                shutil.rmtree(trees / "unfinished", ignore_errors=True)
                self._lay(trees / "unfinished", tree)
                (trees / "unfinished").rename(trees / digest)
            self._lay(trees / digest, {n: held for n, held in further.items() if not (trees / digest / n).exists()})
        with used:
            yield trees / digest

    def spoil(self, digest: str) -> None:
        """Have a tree laid out anew, once nobody uses it: what ran there has written to what others read."""
        (self.folder / "trees" / f"{digest}.spoilt").touch()

    def _lay(self, root: Path, tree: Mapping[str, Held]) -> None:
        root.mkdir(parents=True, exist_ok=True)
        for name, held in sorted(tree.items()):
            target = root / decoded(name)
            if held.digest == FOLDER:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if held.digest == NOWHERE:
                target.symlink_to(NOWHERE)
                continue
            part = target.with_name(f".{uuid.uuid4().hex}.part")
            shutil.copyfile(self.place(held.digest), part)  # no link: what a run writes must not reach the object
            if held.program:
                part.chmod(0o755)
            part.rename(target)  # a full disk leaves no part of a file


def _remove_unused(trees: Path, wanted: str) -> None:
    for lock in sorted(trees.glob("*.used")):
        spoilt = lock.with_suffix(".spoilt")
        if lock.stem != wanted or spoilt.exists():
            with suppress(BlockingIOError), _locked(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(trees / lock.stem, ignore_errors=True)
                spoilt.unlink(missing_ok=True)
                lock.unlink()


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield
