"""What was built, beside what was accepted: the comparison, the page that shows it, and taking results over.

Wires the rooms of the figures, the bibliography and the review to a build. The page never makes a build fail: what
cannot be compared is said on it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from octavo.engine import key as keys
from octavo.errors import CheckError, OctavoError, RuleError, UsageError, each_of, nearest
from octavo.model import SAVED, Figure, Finding, Medium, Place, Results, Verdict
from octavo.project import Document, Project
from octavo.publish import replace_files
from octavo.review.landing import Swept

if TYPE_CHECKING:
    from octavo.document.source import ShownFigure

WAIVERS = "pyproject.toml, [tool.octavo.waivers]"
PAPER = "paper"  # there: the name under which rules of the paper are waived
ACCEPTED = ("accepted.json", "values.json", "tables/*.json", "*.record.json", "*.svg")
CODE = (
    "landing.py",
    "printing.py",
    "assets.py",
    "svg.py",
    "figures/accepted.py",
    "figures/compare.py",
    "figures/difference.py",
    "figures/record.py",
    "figures/svg.py",
    "review/*",
)


@dataclass(frozen=True)
class Built:
    """What a build left. ``results`` reads it when it is called; ``keys`` tells it apart without reading.

    ``absent`` has the notebooks that have no result, and why; ``undrawn`` those whose figures were not drawn for all
    media; ``unfinished`` the tasks that failed or were held back.
    """

    project: Project
    results: Callable[[], Results]
    keys: Mapping[str, str]
    absent: Mapping[str, str] = field(default_factory=dict)
    undrawn: Mapping[str, str] = field(default_factory=dict)
    sweeps: tuple[Swept, ...] = ()
    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True)
class BibliographyCheck:
    """What was found of a bibliography, and of how many entries and citations; ``unread`` documents were not parsed."""

    findings: tuple[Finding, ...]
    entries: int
    cited: int
    unread: tuple[str, ...] = ()


class PaperCheck(msgspec.Struct, frozen=True):
    """What was found of the paper, that in a sentence, what the project waives, and what was not looked at."""

    findings: tuple[Finding, ...] = ()
    verdict: str = ""
    waived: tuple[str, ...] = ()
    unlooked: str = ""


@dataclass(frozen=True)
class FigureCheck:
    """What was found of so many ``figures``, and what the project waives, with the reasons.

    ``bare`` ones have no SVG: nobody looked at their text and lines.
    """

    findings: tuple[Finding, ...]
    figures: int
    waived: tuple[str, ...] = ()
    bare: int = 0


def compare(built: Built) -> tuple[Verdict, ...] | None:
    """Return what became of every result, or None when there are results and nothing has been accepted yet.

    Raises CheckError when the accepted results cannot be read.
    """
    from octavo.figures import accepted, compare

    now = accepted.snapshot(built.results())
    held = accepted.read(built.project.accepted)
    if held is None:
        return None if now.values or now.tables or now.figures or built.absent else ()
    verdicts = compare.without(compare.compare(now, held, built.project.tolerances), built.absent, built.undrawn)
    waivers = built.project.waivers
    _waivers_are_known(waivers, {verdict.name for verdict in verdicts})
    return tuple(
        msgspec.structs.replace(verdict, waived=waivers.get(verdict.name, {}).get(f"{verdict.kind}-as-accepted", ""))
        for verdict in verdicts
    )


def quality(built: Built, places: Sequence[ShownFigure]) -> FigureCheck:
    """Return what does not hold of the figures that were built; ``places`` are those at which documents show them.

    Raises CheckError for a waiver of a rule that there is not.
    """
    from octavo.figures import accepted, quality

    results, found, waived = built.results(), [], []
    smallest = {medium.name: medium.smallest for medium in results.media}
    now = accepted.snapshot(results)
    _waivers_are_known(built.project.waivers, {*now.values, *now.tables, *now.figures, *_accepted_names(built)})
    for notebook, result in sorted(results.results.items()):
        for name, figure in sorted(result.record.figures.items()):
            full = f"{notebook}.{name}"
            drawn = now.figures[full]
            if drawn.record is None:
                continue
            here = [place for place in places if place.name in (name, full)]
            captions, alts = tuple(place.caption for place in here), tuple(place.alt for place in here)
            scales = _scales(figure, here, results.media)
            shown = quality.Shown(full, figure, drawn.record, drawn.drawings, captions, alts, scales, smallest)
            for finding in quality.check(shown):
                reason = built.project.waivers.get(full, {}).get(finding.rule)
                if reason:
                    waived.append(f"{finding.message} [{finding.rule}] Waived: {reason}")
                else:
                    found.append(finding)
    bare = sum(not drawn.drawings for drawn in now.figures.values())
    return FigureCheck(tuple(found), len(now.figures), tuple(waived), bare)


def _scales(figure: Figure, places: Sequence[ShownFigure], media: Sequence[Medium]) -> dict[str, float]:
    """Return by medium how much larger documents show a figure than its notebook saved it; of declared ones nothing."""
    from octavo.document.placing import scale

    saved = [drawing for drawing in figure.drawings if drawing.medium == SAVED]
    named = {place.medium for place in places}
    return {medium.name: scale(saved[0], medium) for medium in media if saved and medium.name in named}


def _accepted_names(built: Built) -> tuple[str, ...]:
    from octavo.figures import accepted

    held = accepted.read(built.project.accepted)
    return tuple(held.acceptances) if held else ()


def _waivers_are_known(waivers: Mapping[str, Mapping[str, str]], names: Collection[str]) -> None:
    """Raise CheckError for a waiver that belongs to no result and not to the paper, or to no rule of theirs."""
    from octavo.checks.rules import RULES

    for name, waived in waivers.items():
        rules = [rule.id for rule in RULES if rule.id.startswith("paper-") is (name == PAPER)]
        rules = [rule for rule in rules if not rule.startswith("bib-")]
        if name not in names and name != PAPER:
            raise CheckError(f"There is no result '{name}'.", where=WAIVERS, hint=nearest(name, sorted(names)))
        for rule in waived:
            if rule not in rules:
                hint = nearest(rule, rules) or "octavo check --rules has all of them."
                of = " of the paper" if name == PAPER else ""
                raise CheckError(f"There is no rule '{rule}'{of}.", where=WAIVERS, hint=hint)


def accept(built: Built, names: Sequence[str], because: str) -> tuple[Verdict, ...]:
    """Write what ``names`` are now to the accepted results (all that differ, if none is named); return what was taken.

    Raises UsageError for a name that no result has, or whose notebook has no result.
    """
    from octavo.figures import accepted, compare

    folder = built.project.accepted
    now, held = accepted.snapshot(built.results()), accepted.read(folder)
    compared = compare.compare(now, held or accepted.Accepted(), built.project.tolerances)
    verdicts = compare.without(compared, built.absent, built.undrawn)
    taken = _chosen(verdicts, names, built)
    if taken:
        after = accepted.take(held, now, [verdict.name for verdict in taken], because)
        before = accepted.files(held) if held else {}
        replace_files(folder, before, accepted.files(after), last=accepted.LEDGER)
    return taken


def _chosen(verdicts: Sequence[Verdict], names: Sequence[str], built: Built) -> tuple[Verdict, ...]:
    """Return the results that differ among those of ``names``: full names, or notebooks."""
    known = {v.name for v in verdicts}
    notebooks = {v.name.partition(".")[0] for v in verdicts}
    for name in names:
        if name.partition(".")[0] in built.absent:
            raise UsageError(
                f"'{name}' cannot be accepted. {built.absent[name.partition('.')[0]]}", hint="Run `octavo build` first."
            )
        if name not in known | notebooks:
            raise UsageError(
                f"There is no result '{name}'.",
                hint=nearest(name, sorted(known | notebooks)) or "build/index.html has all their names.",
            )
    return tuple(
        v
        for v in verdicts
        if v.state != "same"
        and v.name.partition(".")[0] not in built.absent
        and (not names or v.name in names or v.name.partition(".")[0] in names)
    )


def check_paper(
    document: Document,
    content: Path,
    printed: Mapping[str, tuple[Path, Path]],
    waivers: Mapping[str, Mapping[str, str]],
) -> PaperCheck:
    """Return what does not hold of the paper.

    ``content`` is its parsed source; ``printed`` has its PDFs by name, each with the file of what was said of it when
    it was set. What is waived under ``paper`` is told and passes.
    Raises CheckError for a waiver of a rule that there is not.
    """
    from octavo.checks import paper
    from octavo.document import fidelity, source
    from octavo.model import LatexLog
    from octavo.paper.venues import VENUES

    parsed = source.load(content)
    found = [
        paper.Printed(name, file, msgspec.json.decode(log.read_bytes(), type=LatexLog))
        for name, (file, log) in printed.items()
    ]
    authors = tuple(str(author["name"]) for author in parsed.frontmatter.get("authors", []))
    texts = [(leaf.text, leaf.place) for leaf in fidelity.leaves(parsed)]
    findings = paper.check(
        found, texts, paper.Asked(document.stage, document.limit, authors, VENUES[document.venue].smallest)
    )
    mine = waivers.get(PAPER, {})
    _waivers_are_known({PAPER: mine}, ())
    kept = tuple(finding for finding in findings if finding.rule not in mine)
    counts = {kind: sum(f.severity == kind for f in kept) for kind in ("error", "warning")}
    waived = tuple(f"{f.message} [{f.rule}] Waived: {mine[f.rule]}" for f in findings if f.rule in mine)
    return PaperCheck(kept, paper.summary(found, counts), waived)


def key(built: Built, outputs: Sequence[str]) -> str:
    """Return a digest of all that the page shows, without reading any result."""
    project, package = built.project, Path(__file__).parent
    code = [path for glob in CODE for path in package.glob(glob) if path.is_file()]
    held = [path for glob in ACCEPTED for path in project.accepted.glob(glob)]
    return keys.of(
        project.title,
        dict(project.tolerances),
        dict(project.waivers),
        dict(built.keys),
        dict(built.absent),
        dict(built.undrawn),
        [(sweep.name, sweep.notebook, sweep.points) for sweep in built.sweeps],
        built.unfinished,
        list(outputs),
        keys.of_files(held, project.root),
        keys.of_files(code, package),
    )


def prepare() -> None:
    """Load what ``page`` needs: done while tasks run, it is there when they have ended."""
    from octavo.review import landing

    importlib.import_module("octavo.figures.accepted")
    landing.template()


def page(built: Built, outputs: Sequence[str]) -> bytes:
    """Return ``build/index.html``. Accepted results that cannot be read are told on it."""
    from octavo.figures import accepted
    from octavo.review import landing

    verdicts, problem, shown = None, "", landing.Accepted()
    try:
        verdicts = compare(built)
        held = accepted.read(built.project.accepted)
    except (OctavoError, OSError) as error:
        problem, held = f"Nothing was compared. {error}", None
    if held:
        drawn = {name: landing.first(figure.drawings) for name, figure in held.snapshot.figures.items()}
        shown = landing.Accepted(drawn, {name: a.because for name, a in held.acceptances.items()})
    return landing.page(
        built.project.title,
        built.results(),
        verdicts,
        outputs,
        built.sweeps,
        accepted=shown,
        unfinished=built.unfinished,
        problem=problem,
    ).encode()


def check_bibliography(
    root: Path, name: str, contents: Mapping[str, Path | None], errors: Mapping[str, OctavoError]
) -> BibliographyCheck:
    """Check the bibliography ``name`` against its documents: their sources, and where the parsed content lies.

    Where a document was not parsed, what it cites is not known, and the rules about citations are not asked; of one
    that stopped at undefined citations alone (``errors``) these are all that there are.
    """
    from octavo.bib import load, rules
    from octavo.document import source

    bibliography = load.load(root / name, name)
    cited: dict[str, Place] = {}
    for path in filter(None, contents.values()):
        for citation, place in source.cited(source.load(path)).items():
            cited.setdefault(citation, place)
    missing = tuple(document for document, path in contents.items() if path is None)
    unknown = {entry.key: Place(name) for entry in bibliography.entries} if missing else {}
    undefined = {document: _undefined(errors.get(document)) for document in missing}
    found = [*rules.check(bibliography, {**unknown, **cited}), *(f for each in undefined.values() for f in each)]
    unread = tuple(d for d in missing if not undefined[d] or len(undefined[d]) < len(each_of(errors[d])))
    return BibliographyCheck(tuple(found), len(bibliography.entries), len(cited), unread)


def _undefined(error: OctavoError | None) -> tuple[Finding, ...]:
    """Return the citations of what is not in the bibliography among the faults that stopped a document."""
    rule = "bib-citation-defined"
    faults = [fault for fault in (each_of(error) if error else ()) if isinstance(fault, RuleError)]
    return tuple(
        Finding(rule, "error", fault.what, _place(fault.where), fault.hint) for fault in faults if fault.rule == rule
    )


def _place(where: str) -> Place:
    file, _, line = where.rpartition(":")
    return Place(file, int(line)) if file and line.isdigit() else Place(where)
