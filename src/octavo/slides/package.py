"""Settle a .pptx: the same slides give the same bytes, whenever and wherever they were written."""

from __future__ import annotations

import zipfile
from datetime import datetime
from io import BytesIO

# The earliest time that a zip can hold; a real one would make two builds of one source differ.
EPOCH = datetime(1980, 1, 1)
FIRST = "[Content_Types].xml"  # readers expect it at the head of the package


def settle(data: bytes, *, title: str, authors: str = "") -> bytes:
    """Return the package with fixed properties, its entries sorted and dated ``EPOCH``."""
    from pptx import Presentation

    show = Presentation(BytesIO(data))
    core = show.core_properties
    core.title, core.author, core.last_modified_by = title, authors, authors
    core.created = core.modified = EPOCH
    core.comments = ""
    core.revision = 1
    stream = BytesIO()
    show.save(stream)
    return _rezip(stream.getvalue())


def _rezip(data: bytes) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in sorted(old.namelist(), key=lambda name: (name != FIRST, name)):
            entry = zipfile.ZipInfo(name, EPOCH.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 0  # else the operating system is written down
            new.writestr(entry, old.read(name), compresslevel=9)
    return stream.getvalue()
