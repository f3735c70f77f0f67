"""Prices: what operations on long decimals cost in steps, and how many steps a run has left for them.

A step of the limit takes some microseconds. So does a product of 50 digits; one of 10,000 takes a
thousand times as long, and a logarithm of them seconds. What is charged here was measured, and rounded up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import inf

from stepgrad.errors import GateError

WEIGHTS: Mapping[str, float] = {  # how many exponentials each of these takes as long as
    "exp": 1, "expm1": 1, "tanh": 1, "log": 2.4, "log1p": 2.4, "power": 3.4, "sqrt": 0.02, "erf": 2.7, "erfc": 2.7,
    "sin": 0.5, "cos": 0.5, "tan": 1,
}  # fmt: skip


def of_room(digits: int) -> int:
    """Return what the memory for a result costs; nothing where it is little more than a float's."""
    return digits // 100


def of_product(digits: int) -> int:
    """Return what a product costs; nothing where a step has time for it.

    >>> of_product(50), of_product(1_000), of_product(10_000)
    (0, 12, 849)
    """
    return int(12 * (digits / 1_000) ** 1.85)


def of_function(name: str, digits: int) -> int:
    """Return what a function costs.

    >>> of_function("exp", 50), of_function("exp", 1_000), of_function("log", 10_000)
    (8, 5008, 2368284)
    """
    return int(WEIGHTS[name] * (8 + min(5e3 * (digits / 1_000) ** 2.9, 1.2e5 * (digits / 3_000) ** 1.75)))


class Meter:
    """How many steps are left for digits: without end, while no program runs."""

    def __init__(self) -> None:
        self.left = inf

    def charge(self, steps: int) -> None:
        """Count the steps of an operation, before it is done."""
        self.left -= steps
        if self.left < 0:
            raise GateError(
                "the program takes more steps than it may, since long decimals count for many; "
                "use fewer digits, shorten it, or raise --max-steps"
            )


METER = Meter()


@contextmanager
def metered(steps: int) -> Iterator[None]:
    """Let what happens in the block take so many steps for digits."""
    before, METER.left = METER.left, steps
    try:
        yield
    finally:
        METER.left = before
