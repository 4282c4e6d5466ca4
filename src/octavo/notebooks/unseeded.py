"""Generators of random numbers that packages make, without a seed, when they are imported.

A started kernel imports them anew, and draws numbers of its own. Forked ones would all draw the same.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from random import Random
from typing import Any
from weakref import ref

import numpy as np
from numpy.random import bit_generator as numpys
from numpy.random.bit_generator import BitGenerator

KINDS = frozenset({np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64})


class Unseeded:
    """Notes, while it listens, which generators take their seed from the system: Python's, and numpy's."""

    def __init__(self) -> None:
        self.noted: dict[int, ref[Random]] = {}  # by ids: what somebody derived from Random may have no hash
        self.drawn: set[int] = set()  # seeds
        self.found: list[Random | BitGenerator] = []
        self.plain: tuple[Any, Any, Any] = (Random.seed, Random.setstate, vars(numpys).get("randbits"))

    def begin(self) -> None:
        """Listen to what is seeded from now on."""
        plain_seed, plain_setstate, plain_randbits = self.plain

        def seed(generator: Random, a: Any = None, version: int = 2) -> None:
            self._note(generator, a is None)
            plain_seed(generator, a, version)

        def setstate(generator: Random, state: Any) -> None:
            self._note(generator, False)
            plain_setstate(generator, state)

        def randbits(count: int) -> int:
            self.drawn.add(bits := plain_randbits(count))
            return int(bits)

        _put(seed, setstate, plain_randbits and randbits)

    def end(self) -> None:
        """Listen no more, and find those that are still there."""
        _put(*self.plain)
        self.found = [generator for note in self.noted.values() if (generator := note())]
        if self.drawn:  # else nobody has to look at all things
            self.found += self._numpys()

    def renew(self) -> None:
        """Have those that were found draw other numbers than in the process that this one was forked from."""
        for generator in self.found:
            if isinstance(generator, Random):
                Random.seed(generator)
            else:
                generator.state = type(generator)().state

    def _note(self, generator: Random, unseeded: bool) -> None:
        if unseeded:
            self.noted[id(generator)] = ref(generator)
        else:
            self.noted.pop(id(generator), None)

    def _numpys(self) -> Iterator[BitGenerator]:
        for thing in gc.get_objects():
            if type(thing) in KINDS:
                entropy = getattr(getattr(thing, "seed_seq", None), "entropy", None)
                if isinstance(entropy, int) and entropy in self.drawn:
                    yield thing


def _put(seed: Any, setstate: Any, randbits: Any) -> None:
    for name, function in (("seed", seed), ("setstate", setstate)):
        setattr(Random, name, function)
    if randbits:
        vars(numpys)["randbits"] = randbits
