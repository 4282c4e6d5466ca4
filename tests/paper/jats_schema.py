"""What JATS allows where, for the elements that the writer makes: JATS itself is on no package index.

Written after the tag library of JATS Archiving 1.2: which children an element may have, in which order, that ids are
unique and led to. It is stricter in two places, as JATS Publishing is: a statement holds paragraphs, and an appendix
has a title.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

INLINE = (
    "bold|italic|monospace|sub|sup|sc|strike|underline|ext-link|xref|inline-formula|named-content|styled-content|break"
    "|abbrev|email|uri|fn|inline-graphic|private-char"
)
BLOCK = (
    "p|list|def-list|disp-quote|disp-formula|code|preformat|fig|fig-group|table-wrap|boxed-text|statement|graphic"
    "|verse-group|media"
)
TEXT = f"({INLINE})*"
# Children, in order; every element that is not here is a fault, and so is text in one that is not MIXED.
CONTENT = {
    "article": "front body? back?",
    "front": "(journal-meta)? article-meta notes?",
    "article-meta": (
        "article-id* article-categories? title-group (contrib-group|aff)* author-notes? pub-date* permissions? "
        "abstract* kwd-group* funding-group*"
    ),
    "title-group": "article-title subtitle* alt-title*",
    "contrib-group": "contrib+ aff*",
    "contrib": "contrib-id* (string-name|name|collab|anonymous) (address|aff|email|role|xref|bio|author-comment)*",
    "pub-date": "day? month? year",
    "permissions": "copyright-statement* copyright-year* copyright-holder* license*",
    "license": "(license-p)+",
    "abstract": f"title? ({BLOCK})* sec*",
    "kwd-group": "label? title? kwd+",
    "funding-group": "award-group* funding-statement*",
    "body": f"({BLOCK})* sec*",
    "sec": f"label? title ({BLOCK})* sec*",
    "back": "label? title* (ack|app-group|bio|fn-group|glossary|ref-list|notes|sec)*",
    "app-group": "app+",
    "app": f"label? title ({BLOCK})* sec*",
    "ref-list": "label? title? p* ref*",
    "ref": "label? (mixed-citation|element-citation)+",
    "fn-group": "label? title? fn+",
    "fn": "label? p+",
    "fig": "label? caption? (alt-text|long-desc)* (graphic|disp-formula|code|preformat|table-wrap|p|list)*",
    "fig-group": "label? caption? (fig|graphic)*",
    "table-wrap": "label? caption? (table|graphic) table-wrap-foot?",
    "table-wrap-foot": "label? title? (p|fn|fn-group|attrib)+",
    "caption": "title? p*",
    "graphic": "(alt-text|long-desc|label|caption)*",
    "table": "(col|colgroup)* ((thead? tfoot? tbody+)|tr+)",
    "colgroup": "col*",
    "thead": "tr+",
    "tbody": "tr+",
    "tr": "(th|td)+",
    "statement": "label? title? (p|statement)+",
    "boxed-text": f"label? caption? ({BLOCK})* sec*",
    "disp-quote": f"label? title? ({BLOCK})* attrib?",
    "list": "label? title? list-item+",
    "list-item": "label? title? (p|list|def-list|disp-quote|disp-formula|code|preformat|statement|boxed-text)+",
    "def-list": "label? title? def-item*",
    "def-item": "label? term* def*",
    "def": "p+",
}
WORDS = (
    "aff alt-title alt-text article-title attrib bold code collab contrib-id day email ext-link "
    "given-names italic kwd label license-p mixed-citation monospace month named-content preformat "
    "role sc strike styled-content sub subtitle sup surname term title underline xref year "
    "copyright-statement funding-statement uri abbrev author-comment"
)
MIXED = {
    "p": f"({INLINE}|{BLOCK})*",
    "disp-formula": f"label? (math|{INLINE})*",
    "inline-formula": "math",
    "string-name": "(given-names|surname|prefix|suffix)*",
    "td": f"({INLINE}|p|list|code|preformat|disp-formula)*",
    "th": f"({INLINE}|p|list|code|preformat|disp-formula)*",
    "hr": "",
    "break": "",
    "col": "",
    **dict.fromkeys(WORDS.split(), TEXT),
}
NEEDED = {"xref": ("rid",), "graphic": ("{http://www.w3.org/1999/xlink}href",), "contrib-id": ("contrib-id-type",)}


def faults(root: Any) -> Iterator[str]:
    """Yield what of an article is not as JATS has it."""
    for element in root.iter("*"):
        name = _name(element)
        if "MathML" in str(element.tag):
            continue
        model = CONTENT.get(name, MIXED.get(name))
        children = "".join(f"{_name(child)} " for child in element)
        if model is None:
            yield f"<{name}> is not known here"
        elif not re.fullmatch(_pattern(model), children):
            yield f"<{name}> has: {children}"
        loose = [text for text in (element.text, *(child.tail for child in element)) if text and text.strip()]
        if name in CONTENT and loose:
            yield f"<{name}> has the loose text {loose[0].strip()[:40]!r}"
        yield from (f"<{name}> lacks {key}" for key in NEEDED.get(name, ()) if not element.get(key))
    ids = Counter(element.get("id") for element in root.iter("*") if element.get("id"))
    yield from (f"the id {name} stands {count} times" for name, count in ids.items() if count > 1)
    named = {rid for element in root.iter("xref") for rid in (element.get("rid") or "").split()}
    yield from (f"nothing has the id {name}" for name in sorted(named - set(ids)))


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _pattern(model: str) -> str:
    """Return a model as a pattern of names, each with a space behind it."""
    return re.sub(r"[a-z][a-z-]*", lambda found: f"(?:{found[0]}_)", model).replace(" ", "").replace("_", " ")
