"""Notes: which domain a step has left, which convention it used.

Most steps have none, and asking the row costs more than recording the step did. So what can have one is told
apart first: a domain is left only where a result is not finite, and only a gate with kinks has conventions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

from stepgrad.formula import OPERANDS, compile_formula
from stepgrad.gate import Elementwise, Gate, Local, Params, Structural
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.tensor import Array, Tensor, flat

MANY = 2_000  # gates that are remembered


def forward_note(number: NumberType, gate: Gate, operands: Sequence[Array], value: Array) -> str | None:
    """Return which domain was left in a forward step, if any."""
    if not operands or number is not FLOAT or all(map(isfinite, flat(value))):
        return None
    return gate.left_domain(number, operands, value)


class Taken(NamedTuple):
    """An edge that was taken: with which gate, from which slot; upstream, local and product."""

    gate: Gate
    params: Params
    slot: int
    upstream: Array
    local: Local
    product: Array


def edge_note(number: NumberType, edge: Taken, operands: Sequence[Array], value: Array) -> str | None:
    """Return which convention made the local of an edge, and whether 0 met inf in it."""
    gate, params, slot, upstream, local, product = edge
    found = None
    if may_note(number, gate, slot, operands, value):
        found = gate.used_convention(number, operands, value, slot, local, params=params)
    if not all(x - x == 0 for x in (*flat(upstream), *flat(product))):  # not so of inf and nan
        found = "; ".join(filter(None, [found, gate.lost_product(upstream, local, product)])) or None
    return found


def may_note(number: NumberType, gate: Gate, slot: int, operands: Sequence[Array], value: Array) -> bool:
    """Whether a convention can have made a local: for numbers this is known, for tensors the gate is asked."""
    holds = kinks_of(number, gate, slot)
    if not holds or isinstance(value, Tensor) or not isinstance(gate, Elementwise):
        return bool(holds)
    x, y = (*operands, None)[:2]
    return any(each(x, y, value) for each in holds)


@lru_cache(maxsize=MANY)
def kinks_of(number: NumberType, gate: Gate, slot: int) -> tuple[Callable[..., Any], ...]:
    """Return the conditions of a slot's conventions as functions of ``x``, ``y`` and ``z``; empty: there are none."""
    if isinstance(gate, Structural):
        return (bool,) if gate.kink else ()
    if not isinstance(gate, Elementwise):
        return ()
    conditions = [condition for letters, condition, _ in gate.kinks if OPERANDS[slot] in letters]
    return tuple(compile_formula(condition, number) for condition in conditions)


class Quiet(dict[Gate, bool]):
    """Whether a gate has no conventions for the locals of numbers."""

    def __init__(self, number: NumberType) -> None:
        super().__init__()
        self.number = number

    def __missing__(self, gate: Gate) -> bool:
        if len(self) >= MANY:
            self.clear()
        found = self[gate] = not any(kinks_of(self.number, gate, slot) for slot in range(2))
        return found
