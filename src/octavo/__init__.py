"""What a notebook uses: ``value``, ``table``, ``figure`` and ``sweep``.

In a build each call records by name. Run by hand, in JupyterLab say, the same calls show what they would record.
"""

from __future__ import annotations

from octavo.recorder import figure, sweep, table, value

__all__ = ["figure", "sweep", "table", "value"]
__version__ = "0.1.0"
