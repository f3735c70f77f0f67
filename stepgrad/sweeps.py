"""Sweeps: the backward sweep of a pass, run again with something wrong in it.

A mutant says what is wrong: edges with another local, edges at which ``=`` stands for ``+=``, what was left
from an earlier sweep. Only what depends on it is computed again: a gradient is the sum of what arrives, so a
node is looked at once, after all that sends to it; creation order is the order, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from stepgrad.errors import InputError
from stepgrad.gate import Gate, Local, Params
from stepgrad.linear import LinearMap
from stepgrad.numeric import EXACT, FLOAT
from stepgrad.ops import INPUT
from stepgrad.tape import Node
from stepgrad.tensor import Array, Number, Shape, flat, full, same_number, shape_of
from stepgrad.trace import Trace


class Wrong:
    """A local as somebody wrote it: what it makes of an upstream."""

    __slots__ = ("pull",)

    def __init__(self, pull: Callable[[Array], Array]) -> None:
        self.pull = pull

    def __rmul__(self, upstream: Array) -> Array:
        return self.pull(upstream)


@dataclass(frozen=True, eq=False)
class Edge:
    """An edge of a backward sweep, and what a bug may look at.

    Attributes
    ----------
    place : int
        Its place among the edges of the pass, in backward order.
    node, operand : Node
    slot : int
    local : Local
    operands : list of Array
        What the node's operands held.
    value : Array
        What the node holds.
    first, alone : bool
        Whether it is the first edge to its operand, in backward order, and whether it is the only one.
    """

    place: int
    node: Node
    slot: int
    operand: Node
    local: Local
    operands: list[Array]
    value: Array
    first: bool
    alone: bool

    @property
    def gate(self) -> Gate:
        """The gate of its node."""
        return self.node.gate

    @property
    def params(self) -> Params:
        """What the gate was given that is no operand."""
        return self.node.params

    @property
    def shape(self) -> Shape:
        """The shape of what it sends."""
        return shape_of(self.operands[self.slot])


class Mutant(NamedTuple):
    """What is wrong in a backward sweep.

    Attributes
    ----------
    locals : mapping
        By the place of an edge, the local that stands there; None where the edge is forgotten.
    overwriting : collection of int
        The places of edges that assign their product instead of adding it.
    start : mapping
        What nodes hold before the sweep begins.
    seed : Array
        What the sweep starts with; None for the right one.
    finish : callable, optional
        What is made of every input's gradient at the end.
    """

    locals: Mapping[int, Any] = {}
    overwriting: Collection[int] = ()
    start: Mapping[Node, Array] = {}
    seed: Array = None
    finish: Callable[[Array], Array] | None = None


def together(one: Mutant, other: Mutant) -> Mutant:
    """Return a mutant in which all is wrong that is wrong in two."""
    return Mutant(
        {**one.locals, **other.locals},
        frozenset(one.overwriting) | frozenset(other.overwriting),
        {**one.start, **other.start},
        one.seed if other.seed is None else other.seed,
        other.finish or one.finish,
    )


class Unfit(Exception):  # noqa: N818 - no error: a mutant that cannot be
    """A mutant sends something to where it does not fit, or it is not what is looked for."""


@dataclass
class Budget:
    """How many numbers may still be multiplied."""

    left: int

    def spend(self, count: int) -> None:
        """Spend some."""
        self.left -= count


class Sweep:
    """The backward sweep of one pass.

    Attributes
    ----------
    number : int
        The number of the pass.
    output : Node
    nodes, slots, operands : sequence
        Its edges in backward order, as columns.
    arrivals : dict
        For every node reached, the places of the edges that lead to it.
    """

    def __init__(self, trace: Trace, number: int) -> None:
        stretch = trace.stretch(number)
        assert stretch.recorded.output is not None, "see swept_pass"
        self.trace = trace
        self.number = number
        self.stretch = stretch
        self.output = stretch.recorded.output
        self.seed: Array = stretch.recorded.seed
        self.first_edge_step = stretch.seed_step + 2
        self.nodes, self.slots, self.operands, self.arrivals = stretch.edges
        totals = stretch.recorded.totals
        self.ours: dict[Node, Array] = {
            node: totals[places[-1]] if places else self.seed for node, places in self.arrivals.items()
        }
        self.by_index = {node.index: node for node in self.arrivals}

    @cached_property
    def outgoing(self) -> dict[Node, range]:
        """For every node, the places of the edges that leave it: they follow each other."""
        found: dict[Node, range] = {}
        for place, node in enumerate(self.nodes):
            found[node] = range(found[node].start if node in found else place, place + 1)
        return found

    @cached_property
    def _edges(self) -> dict[int, Edge]:
        return {}

    @cached_property
    def _products(self) -> dict[int, Array]:
        return {}

    def __len__(self) -> int:
        return len(self.nodes)

    def edge(self, place: int) -> Edge:
        """Return an edge by its place."""
        if place not in self._edges:
            node, slot = self.nodes[place], self.slots[place]
            operands, value = self.trace.seen(node)
            operand = self.operands[place]
            arriving = self.arrivals[operand]
            first = arriving[0] == place and operand is not self.output
            self._edges[place] = Edge(
                place, node, slot, operand, node.locals[slot], operands, value, first, first and len(arriving) == 1
            )
        return self._edges[place]

    def step(self, place: int) -> int:
        """Return the step of an edge."""
        return self.first_edge_step + place

    def product(self, place: int) -> Array:
        """Return what an edge sends, rightly."""
        if place not in self._products:
            node = self.nodes[place]
            local: Any = node.locals[self.slots[place]]
            self._products[place] = self.ours[node] * local
        return self._products[place]

    def known_at(self, node: Node) -> int:
        """Return the place of the edge after which a gradient is complete; -1 where none arrives."""
        return (self.arrivals.get(node) or [-1])[-1]

    def gradient(self, node: Node) -> Array:
        """Return the gradient of a node, rightly: 0 where none arrived."""
        return self.ours[node] if node in self.ours else full(shape_of(node.value), 0.0)

    def sent(self, place: int, mutant: Mutant, changed: Mapping[Node, Array]) -> Array:
        """Return what an edge sends in a mutant, ``changed`` being the gradients that are not ours; None: nothing."""
        node = self.nodes[place]
        if place not in mutant.locals and node not in changed:
            return self.product(place)
        local: Any = mutant.locals[place] if place in mutant.locals else node.locals[self.slots[place]]
        upstream: Any = changed.get(node, self.ours[node])
        return None if local is None else upstream * local

    def total(self, node: Node, mutant: Mutant, changed: Mapping[Node, Array], until: int | None = None) -> Array:
        """Return what a node has in a mutant when all has arrived, or all up to a place."""
        total = mutant.start.get(node)
        if node is self.output:
            total = self.seed if mutant.seed is None else mutant.seed
        for place in self.arrivals[node]:
            if until is not None and place > until:
                break
            product = self.sent(place, mutant, changed)
            if product is None:
                continue
            if total is None or place in mutant.overwriting:
                total = product
            elif shape_of(total) != shape_of(product):
                raise Unfit
            else:
                total = total + product
        if mutant.finish is not None and node.gate is INPUT and until is None and total is not None:
            total = mutant.finish(total)
        return full(shape_of(node.value), 0.0) if total is None else total

    def turn(self, node: Node) -> tuple[float, int]:
        """Return when a node is looked at: after all that send to it; inputs, which send nothing on, at once then."""
        if node.gate is INPUT and self.arrivals[node]:
            return 0.5 - self.nodes[self.arrivals[node][-1]].index, node.index
        return -node.index, node.index

    def touched(self, mutant: Mutant) -> set[Node]:
        """Return the nodes whose gradients a mutant changes by itself."""
        found = {self.operands[place] for place in (*mutant.locals, *mutant.overwriting)}
        found.update(node for node in mutant.start if node in self.ours)
        if mutant.seed is not None:
            found.add(self.output)
        if mutant.finish is not None:
            found.update(node for node in self.ours if node.gate is INPUT)
        return found

    def run(
        self, mutant: Mutant, budget: Budget | None = None, accept: Callable[[Node, Array], bool] | None = None
    ) -> dict[Node, Array]:
        """Run the sweep with something wrong; return the gradients that are not ours.

        Parameters
        ----------
        mutant : Mutant
        budget : Budget, optional
            What to pay from.
        accept : callable, optional
            Whether a node's gradient, once it is known, is one that is looked for.

        Raises
        ------
        Unfit
            If something sent does not fit to where it is sent, or is not accepted.
        """
        waiting = [self.turn(node) for node in self.touched(mutant)]
        heapify(waiting)
        changed: dict[Node, Array] = {}
        last = None
        while waiting:
            turn = heappop(waiting)
            if turn == last:
                continue
            last, node = turn, self.by_index[turn[1]]
            total = self.total(node, mutant, changed)
            if budget is not None:
                budget.spend(4 + len(self.arrivals[node]) * size_of(total))
            if same_array(total, self.ours[node]):
                continue
            if accept is not None and not accept(node, total):
                raise Unfit
            changed[node] = total
            onward = self.outgoing.get(node, ())
            if onward and shape_of(total) != shape_of(node.value):
                raise Unfit
            for place in onward:
                heappush(waiting, self.turn(self.operands[place]))
        return changed


def swept_pass(trace: Trace, number: int | None) -> int:
    """Return the number of a pass with a backward sweep: the last one, where none is asked for.

    Raises
    ------
    InputError
        If there is none, or not in that pass.
    """
    last = trace.stretches.last_swept
    if last is None:
        raise InputError("this program has no gradients: nothing in it is sent backward")
    if number is None:
        return last + 1
    if not 1 <= number <= len(trace.passes) or not trace.passes[number - 1].backward:
        swept = [each.number for each in trace.passes if each.backward]
        known = f"1 to {swept[-1]}" if swept == list(range(1, len(swept) + 1)) else ", ".join(map(str, swept))
        raise InputError(f"there is no backward sweep in pass {number}; choose from {known}")
    return number


def check_doubles(sweep: Sweep) -> None:
    """Check that all numbers of a sweep are near floats, with which it can be compared.

    Raises
    ------
    InputError
        If they are decimals, or fractions that are too large or too small for floats.
    """
    if sweep.trace.number is FLOAT:
        return
    if sweep.trace.number is not EXACT:
        raise InputError("decimals are not compared with floats; run with number=float")
    locals_ = (node.locals[slot] for node, slot in zip(sweep.nodes, sweep.slots, strict=True))
    for array in (*sweep.ours.values(), *(node.value for node in sweep.arrivals), *locals_):
        if not (isinstance(array, LinearMap) or all(map(is_near_float, flat(array)))):
            raise InputError("a fraction is too large or too small to be compared with floats; run with number=float")


def is_near_float(number: Number) -> bool:
    """Whether some float is about as large as a fraction."""
    return not number or 2.0**-1022 <= abs(number) < 2.0**1023


def size_of(array: Array) -> int:
    """Return how many numbers there are."""
    return len(array.data) if hasattr(array, "data") else 1


def same_array(x: Array, y: Array) -> bool:
    """Whether two arrays are equal, nan being equal to nan."""
    return x == y if shape_of(x) or shape_of(y) else same_number(x, y)
