"""Numbers as readers see them: precision and unit as recorded, a true minus, commas between thousands."""

from __future__ import annotations

from octavo.model import Scalar, Value

BEFORE = ("$", "€", "£")
MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"


def number(amount: float, digits: int) -> str:
    """Return a number with ``digits`` decimals; a zero has no sign."""
    text = f"{abs(amount):,.{digits}f}"
    return MINUS + text if amount < 0 and float(text.replace(",", "")) else text


def fields(value: Value) -> list[str]:
    """Return the fields of a value that can be printed."""
    names = ["number", *(name for name in ("se", "low", "high") if getattr(value, name) is not None)]
    return [*names, "ci"] if value.low is not None and value.high is not None else names


def value(value: Value, field: str = "") -> str | None:
    """Return a value, or a field of it, as text with its unit; none if it has no such field."""
    if isinstance(value.number, str):
        return value.number if field in ("", "number") else None
    if field == "number":
        return number(value.number, value.digits)
    if field == "ci" and value.low is not None and value.high is not None:
        low, high = (number(end, value.digits) for end in (value.low, value.high))
        return (
            f"{_unit(low, value.unit)} to {_unit(high, value.unit)}"
            if value.unit in BEFORE
            else _unit(f"{low} to {high}", value.unit)
        )
    amount = value.number if not field else getattr(value, field) if field in ("se", "low", "high") else None
    return None if amount is None else _unit(number(amount, value.digits), value.unit)


def _unit(text: str, unit: str) -> str:
    if unit in BEFORE:
        return text.replace(MINUS, MINUS + unit) if text.startswith(MINUS) else unit + text
    return text + unit if unit in ("", "%") else f"{text}{SPACE}{unit}"


def cell(content: Scalar, digits: int) -> str:
    """Return a cell of a table as text; what is missing is blank."""
    if content is None:
        return ""
    if isinstance(content, bool):
        return "yes" if content else "no"
    return content if isinstance(content, str) else number(content, digits)
