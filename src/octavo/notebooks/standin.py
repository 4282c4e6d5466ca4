"""Imported first by the process that kernels are forked from: packages that are imported there see a notebook's shell.

Some look where they are when they are imported: pandas shows a wide frame in a notebook otherwise than in a terminal,
tqdm has other bars. Some keep the streams that they see, for what they log later. ``octavo.notebooks.warm`` ends it.
What draws random numbers without a seed is noted meanwhile.
"""

from __future__ import annotations

import builtins
import sys
from typing import Any

import matplotlib_inline.backend_inline  # noqa: F401  # it does more than look; each kernel imports it anew
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display
from traitlets.config import Config

from octavo.notebooks.unseeded import Unseeded

BUILTINS = {"__IPYTHON__": True, "get_ipython": get_ipython, "display": display}
CONFIG = Config(IPKernelApp={"log_level": 30})  # who has a section of this name is a kernel
UNSEEDED = Unseeded()
LOOKED_AT = ("__class__", "__dict__", "config", "kernel")


class NotYet(Exception):
    """A package wants more of the shell than to see it. It is imported again where there is one: in the kernel."""


def _attribute(shell: Any, name: str) -> Any:
    if name not in LOOKED_AT:
        raise NotYet(name)
    return object.__getattribute__(shell, name)


class Stream:
    """``sys.stdout`` or ``sys.stderr``, as it is when it is used; until then, as it was at first."""

    def __init__(self, name: str) -> None:
        vars(self).update(_name=name, _first=getattr(sys, name))

    def __getattr__(self, attribute: str) -> Any:
        if "_name" not in vars(self):  # a copy that is being made
            raise AttributeError(attribute)
        now = getattr(sys, self._name)
        return getattr(self._first if now is self else now, attribute)


def begin() -> None:
    """Let a shell be seen."""
    plain = ZMQInteractiveShell
    known = {"__module__": plain.__module__, "__getattribute__": _attribute, "config": CONFIG, "kernel": object()}
    kind: Any = type(plain.__name__, (plain,), known)
    InteractiveShell._instance = object.__new__(kind)
    vars(builtins).update(BUILTINS)
    sys.stdout, sys.stderr = Stream("stdout"), Stream("stderr")
    UNSEEDED.begin()


def end() -> None:
    """Let it be seen no more; the streams that were kept are from now on those of the kernel."""
    UNSEEDED.end()
    InteractiveShell._instance = None
    for name in BUILTINS:
        vars(builtins).pop(name, None)
    for name in ("stdout", "stderr"):
        if isinstance(stream := getattr(sys, name), Stream):
            setattr(sys, name, stream._first)


begin()
