"""What a command says goes to its standard streams as long as somebody hears it; after that the command goes on."""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import sys
from typing import Any, TextIO

ESCAPED = "octavo-escaped"  # how letters are printed that a terminal's encoding lacks
UNHEARD = (errno.EPIPE, errno.EIO)  # who read the pipe has ended; the terminal is gone


class Heard(io.BufferedWriter):
    """A stream that leads nowhere once nobody reads it.

    It is the buffer that knows, not the file below it: a signal that comes as the file's own ``write`` returns to the
    buffer would have the buffer take its bytes for unwritten, and they would be written twice.
    """

    def write(self, data: Any, /) -> int:
        """Take bytes in; what does not fit is written, as long as somebody reads."""
        try:
            return super().write(data)
        except OSError as error:
            self._lead_nowhere(error)
        return super().write(data)

    def flush(self) -> None:
        """Write what was taken in, as long as somebody reads."""
        try:
            super().flush()
        except OSError as error:
            self._lead_nowhere(error)
            super().flush()

    def _lead_nowhere(self, error: OSError) -> None:
        if error.errno not in UNHEARD:
            raise error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def prepare() -> None:
    """Have both streams go nowhere once nobody reads them; one that was closed from the beginning is opened so.

    Otherwise the next file that is opened would be taken for it, by this process and by those that it starts.
    """
    codecs.register_error(ESCAPED, _escaped)
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free
    sys.stdout, sys.stderr = _heard(1, sys.stdout), _heard(2, sys.stderr)


def _heard(descriptor: int, stream: TextIO | None) -> TextIO:
    """Return a stream to the same place and with the same letters; one of another kind is left as it is."""
    if stream is not None and not _is_of(descriptor, stream):
        return stream
    if stream is not None:
        stream.flush()
    return io.TextIOWrapper(
        Heard(io.FileIO(descriptor, "w", closefd=False)),
        encoding=stream.encoding if stream else "utf-8",
        errors=stream.errors if stream and stream.errors not in ("strict", "backslashreplace") else ESCAPED,
        line_buffering=bool(stream and getattr(stream, "line_buffering", False)),
        write_through=bool(stream and getattr(stream, "write_through", False)),
    )


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Return letters that an encoding lacks as JSON has them: what is printed there may be JSON."""
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _is_of(descriptor: int, stream: TextIO) -> bool:
    try:
        return isinstance(stream, io.TextIOWrapper) and stream.fileno() == descriptor
    except (OSError, ValueError):
        return False
