"""Notes: which domain a step has left, which convention it used.

Most steps have none, and asking the row costs more than recording the step did. So what can have one is told
apart first: a domain is left only where a result is not finite, and only a gate with kinks has conventions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import repeat
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

from stepgrad.formula import OPERANDS, compile_formula
from stepgrad.gate import Elementwise, Gate, Local, Params
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.structural import Structural
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor, flat

MANY = 2_000  # gates that are remembered
Conditions: TypeAlias = tuple[Callable[..., Any], ...]


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
def kinks_of(number: NumberType, gate: Gate, slot: int) -> Conditions:
    """Return the conditions of a slot's conventions as functions of ``x``, ``y`` and ``z``; empty: there are none."""
    if isinstance(gate, Structural):
        return (bool,) if gate.kink else ()
    if not isinstance(gate, Elementwise):
        return ()
    conditions = [condition for letters, condition, _ in gate.kinks if OPERANDS[slot] in letters]
    return tuple(compile_formula(condition, number) for condition in conditions)


class Doubts(dict[Gate, "tuple[Conditions, Conditions] | None"]):
    """When a convention can have made a local, slot by slot; None: never."""

    def __init__(self, number: NumberType) -> None:
        super().__init__()
        self.number = number

    def __missing__(self, gate: Gate) -> tuple[Conditions, Conditions] | None:
        if len(self) >= MANY:
            self.clear()
        first, second = kinks_of(self.number, gate, 0), kinks_of(self.number, gate, 1)
        found = self[gate] = (first, second) if first or second else None
        return found

    def about(self, node: Node, slot: int) -> bool:
        """Whether a convention can have made a local; for nodes that nobody changed."""
        conditions = self[node.gate]
        if conditions is None:
            return False
        if slot > 1 or not isinstance(node.gate, Elementwise):
            return True
        a, b, z = node.a, node.b, node.value
        x, y = a.value if isinstance(a, Node) else a, b.value if isinstance(b, Node) else b
        if not isinstance(z, Tensor):
            return any(holds(x, y, z) for holds in conditions[slot])
        columns = [each.data if isinstance(each, Tensor) else repeat(each) for each in (x, y, z)]
        return any(any(map(holds, *columns)) for holds in conditions[slot])
