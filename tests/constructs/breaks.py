"""Ways to break a construct in its writer: each proves that the question of a row finds what it asks for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from octavo import tools
from octavo.document import bridge, fidelity, mathml, numbering, pandoc, tables
from octavo.document.pandoc import attributes, element, words
from octavo.paper import matter

MODULES = {"pdf": "typst", "latex": "latex", "docx": "docx", "jats": "jats", "html": "html"}
Patch = pytest.MonkeyPatch
Node = dict[str, Any]


def break_it(patch: Patch, output: str, names: tuple[str, ...]) -> None:
    """Break what ``names`` name in the writer of an output, and silence the checks that every build makes."""
    patch.setattr(fidelity, "check", lambda *_: None)
    patch.setattr(module("latex"), "_same_numbers", lambda *_: None)
    for name in names:
        what, _, how = name.partition(" ")
        if what.startswith(("block_", "inline_")):
            _break_method(patch, writer(output), what, how)
        else:
            OTHERS[what](patch, output, how)


def module(output: str) -> Any:
    """Return the module of a writer."""
    return import_module(f"octavo.paper.writers.{MODULES[output]}")


def writer(output: str) -> Any:
    """Return the class that carries a document into an output."""
    found = [c for c in vars(module(output)).values() if isinstance(c, type) and issubclass(c, bridge.Bridge)]
    return next(c for c in found if c is not bridge.Bridge)


def _break_method(patch: Patch, cls: Any, method: str, how: str) -> None:
    kept = getattr(cls, method)
    block = method.startswith("block_")

    def plainly(self: Any, node: Node) -> Any:
        if block:
            items = [child for child in node.get("children", []) if child["type"] != "admonitionTitle"]
            return there(self, node, self.blocks(items))
        return self.children(node)

    def there(self: Any, node: Node, blocks: list[Any]) -> list[Any]:
        """Leave what references lead to, that it is the question which finds the fault."""
        target = self.numbering.target(node)
        return [element("Div", [attributes(target), blocks])] if target else blocks

    def changed(change: Callable[[Node], Node]) -> Callable[..., Any]:
        return lambda self, node: kept(self, change(node))

    def said(change: Callable[[str], str]) -> Callable[..., Any]:
        return lambda self, node: words(change(node["value"]))

    ways: dict[str, Callable[..., Any]] = {
        "unwrapped": plainly,
        "dropped": lambda self, node: there(self, node, []) if block else [],
        "as text": lambda self, node: words(node["value"]),
        "as paragraph": lambda self, node: there(
            self, node, [element("Para", words(node["value"]) if "value" in node else self.children(node))]
        ),
        "in a line": lambda self, node: [element("Para", [i for c in node["children"] for i in words(_text(c))])],
        "without boxes": changed(lambda node: node | {"children": [_without(c, "checked") for c in node["children"]]}),
        "from one": changed(lambda node: _without(node, "start")),
        "without a language": changed(lambda node: _without(node, "lang")),
        "quotes lost": said(lambda text: re.sub("[“”’]|---", "", text)),
        "signs lost": said(lambda text: re.sub(r"[#$%&^~\\<>@]", "", text)),
        "scripts lost": said(lambda text: re.sub(r"[\u0370-\u1fff\u3000-\U0003ffff]", "", text)),
        "marks lost": said(lambda text: re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFD", text))),
    }
    if method == "block_list" and how == "unwrapped":
        ways["unwrapped"] = lambda self, node: [b for item in node["children"] for b in self.blocks(item["children"])]
    if method == "inline_cross_reference":
        ways["unwrapped"] = lambda self, node: words(self.numbering.reference(node))
    patch.setattr(cls, method, ways[how])


def _without(node: Node, key: str) -> Node:
    return {name: value for name, value in node.items() if name != key}


def _text(node: Node) -> str:
    return str(node.get("value", "")) + " ".join(_text(child) for child in node.get("children", []))


def _flat(patch: Patch, output: str, _: str) -> None:
    """Formulas as one run of letters."""

    def letters(node: Node) -> str:
        return re.sub(r"[^A-Za-z0-9=+|,.()-]", "", unicodedata.normalize("NFKC", "".join(mathml.tokens(node["html"]))))

    cls = writer(output)
    if output == "pdf":
        patch.setattr(cls, "carried", lambda self, node, write: f'"{letters(node)}"')
    elif output in ("html", "jats"):
        opener = '<math xmlns="http://www.w3.org/1998/Math/MathML">'
        patch.setattr(cls, "carried", lambda self, node, write: f"{opener}<mtext>{letters(node)}</mtext></math>")
    elif output == "docx":
        patch.setattr(cls, "tex_of", lambda self, node: f"\\mathrm{{{letters(node)}}}")
    else:
        for method in ("formula", "block_math"):
            kept = getattr(cls, method)
            patch.setattr(
                cls,
                method,
                lambda self, node, kept=kept: kept(self, node | {"value": f"\\mathrm{{{letters(node)}}}"}),
            )


def _number(patch: Patch, output: str, _: str) -> None:
    kept = numbering.Numbering.of
    patch.setattr(numbering.Numbering, "of", lambda self, node: "" if node["type"] == "math" else kept(self, node))


def _drawing(patch: Patch, output: str, _: str) -> None:
    patch.setattr(writer(output), "drawing", lambda self, node: [])


def _alt(patch: Patch, output: str, _: str) -> None:
    cls = writer(output)
    kept = cls.drawing
    patch.setattr(cls, "drawing", lambda self, node: kept(self, node | {"alt": "x"}))


def _narrow(patch: Patch, output: str, _: str) -> None:
    cls = writer(output)
    kept = cls.float

    def narrow(self: Any, node: Node, body: Any) -> Any:
        body = [child | {"width": min(child.get("width", 1), 3.3)} for child in body]
        return kept(self, node | {"class": (node.get("class") or "").replace("wide", "")}, body)

    patch.setattr(cls, "float", narrow)


def _stacked(patch: Patch, output: str, _: str) -> None:
    cls = writer(output)
    kept = cls.float
    if output in ("html", "docx"):
        patch.setattr(cls, "float", lambda self, node, body: _one_below_another(kept, self, node, body))
    else:
        patch.setattr(cls, "float", lambda self, node, body: kept(self, node | {"class": "grid-cols-1"}, body))


def _one_below_another(kept: Any, self: Any, node: Node, body: Any) -> Any:
    if all(child["type"] != "container" for child in body):
        return kept(self, node, body)
    return [*self.blocks(body), element("Para", self.caption(node))]


def _letters(patch: Patch, output: str, _: str) -> None:
    if output == "latex":
        _edit(patch, r"\\panelcaption\{", r"\\par{")
        return
    cls = writer(output)
    kept = cls.label
    patch.setattr(cls, "label", lambda self, node: "" if node.get("subcontainer") else kept(self, node))


def _notes(patch: Patch, output: str, _: str) -> None:
    kept = writer(output).notes
    patch.setattr(writer(output), "notes", lambda self, node: [])
    caption = writer(output).caption

    def whole(self: Any, node: Node) -> Any:
        return [*caption(self, node), *(inline for note in kept(self, node) for inline in note)]

    patch.setattr(writer(output), "caption", whole)


def _caption(patch: Patch, output: str, _: str) -> None:
    patch.setattr(writer(output), "caption", lambda self, node: [])


def _cells(patch: Patch, change: Callable[[tables.Cell], tables.Cell], align: Callable[[str], str]) -> None:
    def changed(node: Node) -> tables.Table:
        made = tables.read_grid(node)
        rows = tuple([change(cell) for cell in row] for row in made.rows)
        return replace(made, rows=rows, alignments=tuple(align(a) for a in made.alignments))  # type: ignore[misc]

    for name in ("octavo.document.bridge", "octavo.paper.writers.typst", "octavo.paper.writers.latex"):
        patch.setattr(import_module(name), "read_grid", changed)


def _aligned(patch: Patch, output: str, how: str) -> None:
    to = "right" if how == "turned" else "left"
    _cells(patch, lambda cell: replace(cell, align=to), lambda _: to)  # type: ignore[arg-type]


def _spans(patch: Patch, output: str, _: str) -> None:
    _cells(patch, lambda cell: replace(cell, colspan=1), lambda align: align)


def _rules(patch: Patch, output: str, _: str) -> None:
    if output == "docx":
        patch.setattr(import_module("octavo.paper.writers.docx_tables"), "ruled", lambda data: data)
    rules = {"pdf": r"table\.hline\([^)]*\),?", "latex": r"\\(top|mid|bottom)rule", "html": r"border(-\w+)*: [^;]*;"}
    if output in rules:
        _edit(patch, rules[output], "")


def _edit(patch: Patch, pattern: str, instead: str) -> None:
    """Change what pandoc wrote."""
    kept = pandoc.write
    patch.setattr(pandoc, "write", lambda *a, **k: re.sub(pattern, instead, kept(*a, **k)))


def _citation(patch: Patch, output: str, how: str) -> None:
    cls = writer(output)
    kept = cls.citation
    if how == "unlinked":
        if output == "latex":
            _edit(patch, r"\\usepackage\[hidelinks\]\{hyperref\}", r"\\usepackage[draft]{hyperref}")
        run = tools.run

        def unlinked(name: str, *args: Any, **options: Any) -> Any:
            if options.get("stdin"):
                linked, bare = (f'"link-citations": {{"t": "MetaBool", "c": {b}}}'.encode() for b in ("true", "false"))
                options["stdin"] = options["stdin"].replace(linked, bare)
            return run(name, *args, **options)

        patch.setattr(tools, "run", unlinked)
        return
    gone = {"bare": ("prefix", "suffix"), "full": ("partial",)}.get(how, ())

    def changed(self: Any, cites: Any, *, narrative: bool) -> Any:
        if not gone:
            return element("Space")
        return kept(self, [{k: v for k, v in c.items() if k not in gone} for c in cites], narrative=narrative)

    patch.setattr(cls, "citation", changed)


def _references(patch: Patch, output: str, _: str) -> None:
    patch.setattr(matter, "references", lambda _: [])
    if output == "latex":
        _edit(patch, r"\\bibliography\{.*?\}", "")
    else:
        # citeproc puts them at the end where no place is named
        run = tools.run

        def without(name: str, arguments: Any, *args: Any, **options: Any) -> Any:
            return run(name, [a for a in arguments if a != "--citeproc"], *args, **options)

        patch.setattr(tools, "run", without)


def _appendix(patch: Patch, output: str, _: str) -> None:
    for name in ("octavo.paper.matter", "octavo.paper.writers.latex"):
        patch.setattr(import_module(name), "is_appendix", lambda _: False)
    kept = module("jats")._labelled
    patch.setattr(module("jats"), "_labelled", lambda made, ids, appendix: kept(made, ids, []))


def _front(patch: Patch, output: str, how: str) -> None:
    what = how.split()[0]
    kept = matter.metadata
    empty: dict[str, Node] = {
        "title": {"title": {"inlines": words("x")}, "pagetitle": "x"},
        "author": {"author": []},
        "abstract": {"abstract": {"blocks": []}},
        "keywords": {"keywords": [], "topics": ""},
        "lang": {"lang": "fr"},
    }
    of_authors = {
        "institutes": {"institutes": [], "places": []},
        "contacts": {"contacts": [], "email": "", "orcid": ""},
    }

    def changed(content: Any, carrier: Any) -> Any:
        made = kept(content, carrier) | empty.get(what, {})
        if what in of_authors:
            made["author"] = [author | of_authors[what] for author in made["author"]]
        return made

    patch.setattr(matter, "metadata", changed)
    if what == "lang":
        _edit(patch, r"pdflang=\{en\}", "pdflang={fr}")
        if output == "pdf":
            written = module("pdf").source

            def source(content: Any, folder: Any, *args: Any, **options: Any) -> Any:
                made = written(content, folder, *args, **options)
                template = folder / "paper.typ"
                template.write_text(template.read_text(encoding="utf-8").replace('lang: "en"', 'lang: "fr"'))
                return made

            patch.setattr(module("pdf"), "source", source)


def _closing(patch: Patch, output: str, _: str) -> None:
    patch.setattr(matter, "closing", lambda *_: [])


OTHERS: dict[str, Callable[[Patch, str, str], None]] = {
    "formula": _flat,
    "number": _number,
    "drawing": _drawing,
    "alt": _alt,
    "float": _narrow,
    "panels": _stacked,
    "panel": _letters,
    "notes": _notes,
    "caption": _caption,
    "alignment": _aligned,
    "spans": _spans,
    "rules": _rules,
    "citation": _citation,
    "references": _references,
    "appendix": _appendix,
    "front": _front,
    "closing": _closing,
}
