"""Limits: what a program and its files may take at most, in one place, with the names under which they are raised.

Steps are counted run by run (``max_steps``), everything else is bounded here, for the whole process: what a
trace shows later must fit as well as what was computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import Any


def limit(value: int, of: str) -> Any:
    """Make a field that says what it bounds."""
    return field(default=value, metadata={"of": of})


@dataclass
class Limits:
    """How much is accepted; ``stepgrad.LIMITS.elements = 5_000_000`` raises a limit.

    Attributes
    ----------
    source : int
    elements : int
    calls : int
    text : int
    bits : int
    fraction : int
    file : int
    """

    source: int = limit(256 * 1024, "characters of a program")
    elements: int = limit(1_000_000, "numbers in a tensor or a list")
    calls: int = limit(100, "calls within calls")
    text: int = limit(2_000, "characters of a text that is printed or joined")
    bits: int = limit(2_000, "bits of a whole number computed from literals")
    fraction: int = limit(100_000, "bits of a fraction's numerator or denominator")
    file: int = limit(32 * 1024 * 1024, "bytes of a file of values")


LIMITS = Limits()
WORDS = {each.name: str(each.metadata["of"]) for each in fields(Limits)}  # what each limit bounds


@contextmanager
def limited(**changed: int) -> Iterator[None]:
    """Change some limits for a while."""
    before = asdict(LIMITS)
    try:
        for name, value in changed.items():
            setattr(LIMITS, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(LIMITS, name, value)
