"""Find results by their full names, ``notebook.name``; what is not there is kept as a problem with the way out."""

from __future__ import annotations

from collections.abc import Iterable

from octavo import printing
from octavo.errors import DocumentError, OctavoError, nearest
from octavo.model import Figure, Place, Result, Results, Table


class Lookup:
    """The results that a document may quote, and the problems of what it quoted so far."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.problems: list[OctavoError] = []

    def value(self, quoted: str, place: Place | None) -> str | None:
        """Return the text of a value, or of a field of it (``compare.att.ci``)."""
        notebook, name, field = (*quoted.split(".", 2), "", "")[:3]
        result = self._result(notebook, quoted, place)
        if result is None:
            return None
        if name not in result.record.values:
            self._missing("value", quoted, notebook, result.record.values, place)
            return None
        try:
            return printing.value(result.record.values[name], field)
        except ValueError as error:
            self.problem(f"'{quoted}' cannot be printed: {error}.", place, "Record it, or print another.")
            return None

    def table(self, quoted: str, place: Place | None) -> Table | None:
        """Return a table."""
        notebook, _, name = quoted.partition(".")
        result = self._result(notebook, quoted, place)
        if result is None or name in result.record.tables:
            return result.record.tables[name] if result else None
        self._missing("table", quoted, notebook, result.record.tables, place)
        return None

    def figure(self, quoted: str, place: Place | None) -> tuple[Figure, Result] | None:
        """Return a figure, and the result in whose folder its drawings lie."""
        notebook, _, name = quoted.partition(".")
        result = self._result(notebook, quoted, place)
        if result is None or name in result.record.figures:
            return (result.record.figures[name], result) if result else None
        self._missing("figure", quoted, notebook, result.record.figures, place)
        return None

    def problem(self, what: str, place: Place | None, hint: str) -> None:
        """Keep a problem for the report at the end."""
        self.problems.append(DocumentError(what, where=str(place or ""), hint=hint))

    def _result(self, notebook: str, quoted: str, place: Place | None) -> Result | None:
        found = self.results.results.get(notebook)
        if found is None and notebook in self.results.sweeps:
            self.problem(
                f"'{quoted}' names a sweep, which has many results.",
                place,
                f"Gather the points in a notebook of one run, with octavo.sweep('{notebook}'), and quote that.",
            )
        elif found is None:
            known = sorted(self.results.results)
            self.problem(
                f"No notebook '{notebook}' has results for '{quoted}'.",
                place,
                nearest(notebook, known) or f"There are results of: {', '.join(known) or 'none'}.",
            )
        return found

    def _missing(self, kind: str, quoted: str, notebook: str, known: Iterable[str], place: Place | None) -> None:
        names = [f"{notebook}.{name}" for name in sorted(known)]
        hint = nearest(quoted, names) or f"It recorded: {', '.join(names) or 'none'}."
        self.problem(f"The notebook '{notebook}' recorded no {kind} '{quoted}'.", place, hint)
