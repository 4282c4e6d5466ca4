"""Find results by their full names, ``notebook.name``; what is not there is kept as a problem with the way out."""

from __future__ import annotations

from collections.abc import Iterable

from octavo import printing
from octavo.errors import DocumentError, OctavoError, nearest
from octavo.model import Figure, Place, Result, Results, Table

SHOWN = {"value": "{val}`…`", "table": "{result-table}", "figure": "{result-figure}"}


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
            self._missing("value", f"{notebook}.{name}", result, place)
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
        self._missing("table", quoted, result, place)
        return None

    def figure(self, quoted: str, place: Place | None) -> tuple[Figure, Result] | None:
        """Return a figure, and the result in whose folder its drawings lie."""
        notebook, _, name = quoted.partition(".")
        result = self._result(notebook, quoted, place)
        if result is None or name in result.record.figures:
            return (result.record.figures[name], result) if result else None
        self._missing("figure", quoted, result, place)
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
            hint = nearest(notebook, known) or f"There are results of: {', '.join(known) or 'none'}."
            if named := [f"{other}.{quoted}" for other in known if quoted in self._names(other)]:
                hint = f"A name begins with the notebook's: {', '.join(named)}."
            self.problem(f"No notebook '{notebook}' has results for '{quoted}'.", place, hint)
        return found

    def _names(self, notebook: str) -> set[str]:
        record = self.results.results[notebook].record
        return {*record.values, *record.tables, *record.figures}

    def _missing(self, kind: str, quoted: str, result: Result, place: Place | None) -> None:
        notebook, _, own = quoted.partition(".")
        record = result.record
        recorded: dict[str, Iterable[str]] = {"value": record.values, "table": record.tables, "figure": record.figures}
        for other in (other for other, names in recorded.items() if own in names):
            self.problem(f"'{quoted}' is a {other}, not a {kind}.", place, f"Show it with {SHOWN[other]}.")
            return
        names = [f"{notebook}.{name}" for name in sorted(recorded[kind])]
        call = f'octavo.{kind}("{own.partition(".")[0] or "name"}", …)'
        otherwise = f"It recorded: {', '.join(names)}." if names else f"It recorded none: write {call} in a cell of it."
        hint = nearest(quoted, names) or otherwise
        self.problem(f"The notebook '{notebook}' recorded no {kind} '{quoted}'.", place, hint)
