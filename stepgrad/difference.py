"""Difference: where two traces part, in the order of their steps, and by how much each value and gradient differs.

Compared is what was computed: gates, operands, names and numbers. Where a program has its lines, and what
it is called, makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any, NamedTuple

from stepgrad.equality import same
from stepgrad.events import Backward, Event, Forward, Print, Seed, Update
from stepgrad.formats.text import TextExport
from stepgrad.gate import Gate
from stepgrad.linear import LinearMap
from stepgrad.style import Style, cells, filled
from stepgrad.tensor import Array, flat, shape_of
from stepgrad.trace import Trace
from stepgrad.wording import Wording

MAX_NODES = 40  # that are listed
WIDTH = 100
KINDS = (str, bool, Gate)  # equal or not, never near


class Tolerance(NamedTuple):
    """How far two numbers may differ and count as equal: at all, or relative to the larger. None: equal bits."""

    relative: float = 0.0
    absolute: float = 0.0

    def close(self, x: Any, y: Any) -> bool:
        """Whether numbers, tensors, or tuples of such are equal, or near enough."""
        if same(x, y):
            return True
        if self == EXACT or isinstance(x, KINDS) or isinstance(y, KINDS) or x is None or y is None:
            return False
        if isinstance(x, tuple) and isinstance(y, tuple):
            return len(x) == len(y) and all(map(self.close, x, y))
        if isinstance(x, LinearMap) or isinstance(y, LinearMap):
            return isinstance(x, LinearMap) and isinstance(y, LinearMap) and x.formula == y.formula
        if isinstance(x, int) or isinstance(y, int) or shape_of(x) != shape_of(y):
            return False  # the indices of nodes are equal or not
        return all(map(self.near, flat(x), flat(y)))

    def near(self, x: Any, y: Any) -> bool:
        """Whether two numbers are equal, or near enough."""
        return (
            x == y or (x != x and y != y) or bool(abs(x - y) <= max(self.absolute, self.relative * max(abs(x), abs(y))))
        )


EXACT = Tolerance()


class Row(NamedTuple):
    """By how much the value and the gradient of a node differ, relative to the larger; or words."""

    name: str
    value: str
    gradient: str


class Difference(NamedTuple):
    """What is different between two traces.

    Attributes
    ----------
    traces : pair of Trace
    step : int or None
        The first step that differs; None if all are equal, or near enough.
    tolerance : Tolerance
    """

    traces: tuple[Trace, Trace]
    step: int | None
    tolerance: Tolerance

    @property
    def equal(self) -> bool:
        """Whether no step differs."""
        return self.step is None


def compare(first: Trace, second: Trace, tolerance: Tolerance = EXACT) -> Difference:
    """Find the first step in which two traces differ."""
    pairs = enumerate(zip_longest(first, second), 1)
    step = next((step for step, (x, y) in pairs if not alike((first, x), (second, y), tolerance)), None)
    return Difference((first, second), step, tolerance)


def alike(one: tuple[Trace, Event | None], other: tuple[Trace, Event | None], tolerance: Tolerance) -> bool:
    """Whether two events say the same."""
    (_, x), (_, y) = one, other
    return type(x) is type(y) and all(map(tolerance.close, said_by(*one), said_by(*other)))


def said_by(trace: Trace, event: Event | None) -> tuple[Any, ...]:
    """Return what is compared of an event."""
    match event:
        case Forward():
            params = trace.node(event.node).params
            literals = tuple(None if isinstance(each, int) else each for each in event.operands)
            nodes = tuple(each if isinstance(each, int) else None for each in event.operands)
            return event.node, event.gate, str(dict(params)), event.name, nodes, literals, event.value
        case Backward():
            edge = event.node, event.slot, event.operand
            return *edge, event.upstream, event.local, event.product, event.total, event.first
        case Seed():
            return event.node, event.gradient
        case Update():
            return event.node, event.name, event.old, event.change, event.new
        case Print():
            return (event.text,)
    return ()


def told(found: Difference, names: tuple[str, str], style: Style) -> Iterator[str]:
    """Yield in lines what is different: the first step that is, then every node."""
    first, second = found.traces
    if found.step is None:
        exactly = (
            "to the bit"
            if found.tolerance == EXACT
            else f"within rtol {found.tolerance.relative:g}, atol {found.tolerance.absolute:g}"
        )
        yield f"equal {exactly}: {len(first):,} steps"
        return
    yield f"step {found.step:,} is the first that differs"
    for mark, trace, name in (("A", first, names[0]), ("B", second, names[1])):
        yield f"{mark}  {name}".replace("\n", "; ")
        if found.step > len(trace):
            yield f"   ends after step {len(trace):,}"
        else:
            yield from (f"   {line}" for line in TextExport(trace, style, WIDTH).step(trace[found.step - 1]))
    rows = list(islice(differing(first, second, found.tolerance, style), MAX_NODES + 1))
    if not rows:
        return
    yield ""
    yield from table([Row("node", "value", "gradient"), *rows[:MAX_NODES]])
    if len(rows) > MAX_NODES:
        yield style.sign("…")


def differing(first: Trace, second: Trace, tolerance: Tolerance, style: Style) -> Iterator[Row]:
    """Yield every node that differs, by name where it has one: in the order of the first trace, then of the second."""
    names = [Wording(trace, style).name for trace in (first, second)]
    for node in range(first.node_count):
        name, other = names[0](node), counterpart(first, second, node)
        if other is None:
            yield Row(name, "only in A", "")
            continue
        values = first.value_at(node, len(first)), second.value_at(other, len(second))
        gradients = first.gradient_at(node, len(first)), second.gradient_at(other, len(second))
        if not (tolerance.close(*values) and tolerance.close(*gradients)):
            yield Row(name, apart(*values), apart(*gradients))
    others = (node for node in range(second.node_count) if counterpart(second, first, node) is None)
    yield from (Row(names[1](node), "only in B", "") for node in others)


def counterpart(trace: Trace, other: Trace, node: int) -> int | None:
    """Return the node of another trace that has the name of a node of this one; None if there is none."""
    name = trace.called.get(trace.tape_index(node))
    if name is None:
        return node if node < other.node_count and not other.text_of(node) else None
    versions = other.versions.get(name.text, ())
    return versions[name.version - 1] if name.version <= len(versions) else None


def apart(x: Array, y: Array) -> str:
    """Say by how much two arrays differ at most, relative to the larger of two numbers.

    >>> apart(1.0, 1.5), apart(2.0, 2.0), apart(0.0, -0.0), apart(None, 1.0)
    ('3.3e-01', '0', 'sign of 0', 'only in B')
    """
    if x is None or y is None:
        return "0" if x is y else "only in B" if x is None else "only in A"
    if shape_of(x) != shape_of(y):
        return "other shape"
    found = [0.0 if same(a, b) else relative(a, b) for a, b in zip(flat(x), flat(y), strict=True)]
    if any(each != each for each in found):
        return "nan"
    largest = max(found, default=0.0)
    return f"{largest:.1e}" if largest else "0" if same(x, y) else "sign of 0"


def relative(x: Any, y: Any) -> float:
    """Return by how much two numbers differ, relative to the larger."""
    larger = max(abs(x), abs(y))
    return float(abs(x - y) / larger) if larger else 0.0


def table(rows: list[Row]) -> Iterator[str]:
    """Yield rows in columns."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(filled(text, width) for text, width in zip(row, widths, strict=True)).rstrip()
