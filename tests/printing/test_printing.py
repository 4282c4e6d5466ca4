"""How a number becomes text."""

from __future__ import annotations

import pytest

from octavo import printing
from octavo.model import Value


@pytest.mark.parametrize(
    ("number", "digits", "printed"),
    [
        (2**53 + 1, 0, "9,007,199,254,740,993"),
        (-(10**23), 0, "\u2212100,000,000,000,000,000,000,000"),
        (2**53 + 1, 2, "9,007,199,254,740,993.00"),
        (0, 0, "0"),
        (1794.6, 0, "1,795"),
        (-0.001, 2, "0.00"),
    ],
)
def test_numbers_are_printed_to_their_digits(number: float, digits: int, printed: str) -> None:
    """An integer keeps all its digits, however large."""
    assert printing.value(Value(number, digits=digits)) == printed
