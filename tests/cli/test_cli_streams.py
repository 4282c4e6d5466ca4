"""What a command says is said once."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import termios
import time

import pytest

PIPE = 4096  # octets that the pipe holds: the line below has more, so its write waits for the reader
SAYS = """
import sys
from octavo.cli import streams

streams.prepare()
try:
    print("x" * 8000, file=sys.stderr, flush=True)
except KeyboardInterrupt:
    print("Stopped.", file=sys.stderr)
"""


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="needs a pipe whose size can be set")
def test_ctrl_c_while_a_line_is_written_does_not_write_it_twice() -> None:
    """What was written before Ctrl-C is not written again before what is said of the end."""
    with subprocess.Popen([sys.executable, "-c", SAYS], stderr=subprocess.PIPE) as said:
        assert said.stderr
        fcntl.fcntl(said.stderr, fcntl.F_SETPIPE_SZ, PIPE)
        while int.from_bytes(fcntl.ioctl(said.stderr, termios.FIONREAD, b"    "), sys.byteorder) < PIPE:
            assert said.poll() is None
            time.sleep(0.01)
        said.send_signal(signal.SIGINT)
        assert said.stderr.read() == b"x" * 8000 + b"\nStopped.\n"
