"""What a notebook uses: ``value``, ``table``, ``figure`` and ``sweep``.

In a build each call records by name. Run by hand, in JupyterLab say, the same calls show what they would record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from octavo.recorder import figure, sweep, table, value

__all__ = ["figure", "sweep", "table", "value"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Return what notebooks use, imported when it is asked for: the command and its workers need none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    from octavo import recorder

    return getattr(recorder, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
