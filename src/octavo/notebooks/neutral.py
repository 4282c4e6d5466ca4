"""Take out of an executed notebook what belongs to the machine and the moment: paths, times, random ids.

What is left is the same wherever and whenever the same run is made.
"""

from __future__ import annotations

import json
import re
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

BINARY = ("image/png", "image/jpeg", "application/pdf")
MOMENT = ("papermill", "execution", "widgets")  # metadata of cells and of the notebook


def neutralise(path: Path, root: Path) -> None:
    """Rewrite the executed notebook at ``path``; ``root`` is the project that its paths then start from."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    clean = _cleaner(root)
    for place in (notebook, *notebook["cells"]):
        for name in MOMENT:
            place["metadata"].pop(name, None)
    for number, cell in enumerate(notebook["cells"], 1):
        if "id" in cell:
            cell["id"] = f"cell-{number}"  # papermill's own cells have random ones
        if "outputs" in cell:
            cell["outputs"] = _each_text(_joined(cell["outputs"]), clean)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _joined(outputs: list[Any]) -> list[Any]:
    """Put together what was printed in one go: into how many pieces it came is a matter of the moment."""
    joined: list[Any] = []
    for output in outputs:
        before = joined[-1] if joined else {}
        if output["output_type"] == before.get("output_type") == "stream" and output["name"] == before["name"]:
            joined[-1] = {**before, "text": (_text(before) + _text(output)).splitlines(keepends=True)}
        else:
            joined.append(output)
    return joined


def _text(output: Any) -> str:
    return "".join(output["text"])


def _cleaner(root: Path) -> Callable[[str], str]:
    paths = sysconfig.get_paths()
    known = {str(root): ".", paths["purelib"]: "site-packages", paths["stdlib"]: "python", str(Path.home()): "~"}
    known = {path: short for path, short in known.items() if len(Path(path).parts) > 1}  # HOME may be a lone slash
    longest = sorted(known, key=len, reverse=True)
    place = r"(?<!\w)(" + "|".join(map(re.escape, longest)) + r")(/|(?![\w.-]))"

    def short(found: re.Match[str]) -> str:
        start = known[found[1]]
        return "" if start == "." and found[2] else start + found[2]

    def clean(text: str) -> str:
        # A folder named for the process. Looked for from the beginning of a word alone: a long line takes no longer.
        text = re.sub(r"(?<![^\s'\"])[^\s'\"]*?/ipykernel_\d+/", "ipykernel/", text)
        text = re.sub(r"\bat 0x[0-9a-f]{6,}", "at 0x…", text)
        return re.sub(place, short, text) if any(name in text for name in known) else text  # rarely: not compiled else

    return clean


def _each_text(output: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(output, str):
        return clean(output)
    if isinstance(output, list):
        return [_each_text(item, clean) for item in output]
    if isinstance(output, dict):
        return {k: v if k in BINARY else _each_text(v, clean) for k, v in output.items()}
    return output
