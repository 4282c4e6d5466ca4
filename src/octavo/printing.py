"""The one place where recorded numbers become text: in the paper, the deck, the checks and the landing page."""

from __future__ import annotations

from octavo.model import Column, Scalar, Value

FIELDS = ("", "se", "low", "high", "ci", "number")
BEFORE = ("$", "€", "£")  # units that stand before the number
CLOSE = ("%", "°", "‰")  # units that follow without a space
MINUS = "\u2212"
NO_BREAK = "\u00a0"


def value(recorded: Value, field: str = "") -> str:
    """Return a recorded value as it is printed: number, precision and unit.

    ``field`` is empty, or one of ``se``, ``low``, ``high``, ``ci`` ("551 to 3,038 USD"), ``number`` (without the unit).
    Raises ValueError where the field is not one of these, or was not recorded.
    """
    if field not in FIELDS:
        raise ValueError(f"there is no field '{field}'; known: {', '.join(FIELDS[1:])}")
    if field == "ci":
        if recorded.low is None or recorded.high is None:
            raise ValueError("no interval was recorded")
        low, high = _number(recorded.low, recorded.digits), _number(recorded.high, recorded.digits)
        if recorded.unit in BEFORE:
            return f"{_with_unit(low, recorded.unit)} to {_with_unit(high, recorded.unit)}"
        return f"{low} to {_with_unit(high, recorded.unit)}"
    found = recorded.number if field in ("", "number") else getattr(recorded, field)
    if found is None:
        raise ValueError(f"no {field} was recorded")
    text = found if isinstance(found, str) else _number(found, recorded.digits)
    return text if field == "number" or isinstance(found, str) else _with_unit(text, recorded.unit)


def cell(content: Scalar, column: Column) -> str:
    """Return a table's cell as it is printed: numbers with the column's decimals, what is missing as nothing."""
    if content is None:
        return ""
    if isinstance(content, bool):
        return "yes" if content else "no"
    return content if isinstance(content, str) else _number(content, column.digits)


def _number(number: float, digits: int) -> str:
    # The format "f" makes a float of an integer, whose last digits are wrong above 2**53.
    text = f"{abs(number):,d}" if isinstance(number, int) else f"{abs(number):,.{digits}f}"
    if isinstance(number, int) and digits > 0:
        text += "." + "0" * digits
    negative = number < 0 and any(c in "123456789" for c in text)  # no minus before a rounded zero
    return MINUS + text if negative else text


def _with_unit(text: str, unit: str) -> str:
    if not unit:
        return text
    if unit in BEFORE:
        return f"{MINUS}{unit}{text[1:]}" if text.startswith(MINUS) else f"{unit}{text}"
    return f"{text}{unit}" if unit in CLOSE else f"{text}{NO_BREAK}{unit}"
