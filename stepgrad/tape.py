"""The tape and the two sweeps.

The forward sweep appends a node per gate; the reverse sweep walks the same list backwards and,
along every edge, multiplies upstream by local and adds the product to what has already arrived.
Creation order is a topological order, so nothing is sorted and nothing recurses. Griewank &
Walther, *Evaluating Derivatives*, ch. 3; Baydin et al., JMLR 18 (2018), section 3.2.

The tape is the trace: events are made from it when somebody looks. Only the total after each edge
is not on the nodes; locals stay what they are, so the sweep is run once more for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from itertools import chain, count
from typing import Any, NamedTuple, TypeAlias

from stepgrad.gate import Gate, Local, Params
from stepgrad.ops import INPUT
from stepgrad.tensor import Array

NO_PARAMS: Params = {}


class More(NamedTuple):
    """What few nodes have: operands beyond two, parameters that are no operands, and a name given in Python."""

    operands: tuple[Operand, ...] = ()
    locals: tuple[Local, ...] = ()
    params: Params = NO_PARAMS
    name: str = ""


class Node:
    """A value computed once, by one gate from its operands.

    Attributes
    ----------
    value : Array
    gate : Gate
    a, b : Node or Array or None
        The first two operands; a literal stands there as it is.
    da, db : Local
        The locals ∂node/∂a and ∂node/∂b; None where no gradient flows.
    more : More or None
    total : Array or None
        The gradient that has arrived; None where none has.
    home : int
        The number of the pass that last used the node.
    index : int
        Its place among all nodes, given when somebody may ask for it: see :meth:`Pass.number_nodes`.
    """

    __slots__ = ("a", "b", "da", "db", "gate", "home", "index", "more", "total", "value")

    value: Array
    gate: Gate
    a: Any
    da: Any
    b: Any
    db: Any
    more: More | None
    total: Any
    home: int
    index: int

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The operands in the order of their slots."""
        if self.b is None:
            return () if self.a is None else (self.a,)
        return (self.a, self.b, *self.more.operands) if self.more else (self.a, self.b)

    @property
    def locals(self) -> tuple[Local, ...]:
        """The locals, one per slot."""
        return (self.da, self.db, *(self.more.locals if self.more else ()))[: len(self.operands)]

    @property
    def params(self) -> Params:
        """What the gate was given that is no operand: axis, shape, index."""
        return self.more.params if self.more else NO_PARAMS

    @property
    def flows(self) -> bool:
        """Whether a gradient flows to this node: it is an input, or computed from one."""
        if self.da is not None or self.db is not None or self.gate is INPUT:
            return True
        return self.more is not None and any(local is not None for local in self.more.locals)

    def carry_on(self, gradient: Array) -> None:
        """Do with a gradient from before a sweep what this kind of node does: forget it."""


class Scalar(Node):
    """A node that holds a number and to which a gradient flows: what recorders are compiled for."""

    __slots__ = ()


class TensorNode(Node):
    """A node that holds a tensor and to which a gradient flows: what recorders are fitted to the shapes of."""

    __slots__ = ()


Operand: TypeAlias = "Node | Array"


class Updated(NamedTuple):
    """An input was given another value: a fresh leaf, or the same one as before."""

    node: Node
    old: Array
    new: Array


class Printed(NamedTuple):
    """The program printed something; where, a span says."""

    text: str
    span: Any


Mark: TypeAlias = Updated | Printed


def sweep(nodes: Iterable[Node], totals: list[Array] | None = None) -> None:
    """Send what has arrived at ``nodes``, given last first, on to their operands.

    Parameters
    ----------
    nodes : iterable of Node
    totals : list of Array, optional
        Where the operand's total after every edge is written down.
    """
    for node in nodes:
        upstream = node.total
        if upstream is None:  # the output does not depend on it: 0 × inf must not become nan
            continue
        local = node.da
        if local is not None:
            operand = node.a
            if operand.total is None:  # the first product is assigned: added to 0, -0 would lose its sign
                operand.total = upstream * local
            else:
                operand.total += upstream * local
            if totals is not None:
                totals.append(operand.total)
        local = node.db
        if local is not None:
            operand = node.b
            if operand.total is None:
                operand.total = upstream * local
            else:
                operand.total += upstream * local
            if totals is not None:
                totals.append(operand.total)
        if node.more is not None:
            for operand, local in zip(node.more.operands, node.more.locals, strict=True):
                if local is not None and isinstance(operand, Node):
                    if operand.total is None:
                        operand.total = upstream * local
                    else:
                        operand.total += upstream * local
                    if totals is not None:
                        totals.append(operand.total)


pass_numbers = count(1)


class Pass:
    """One forward sweep and the backward sweep that ends it.

    Attributes
    ----------
    number : int
        What the nodes' ``home`` says while they take part.
    nodes : list of Node
        The nodes made in this pass, in creation order.
    earlier : list of Node
        Nodes of earlier passes on which nodes of this one depend; in creation order once it is swept.
    leaves : list of Node
        All inputs and constants that take part.
    after : int
        The number of the pass swept last, if a gradient shall not outlive the next sweep: a node that sat
        that one out forgets its own when it is used again.
    waits : bool
        Whether what an adopted node depends on waits until a gradient is on its way there.
    preset : list of Node
        Nodes that are no leaves, whose gradients the program has set: these do not enter the sweep.
    output, seed
        The backward sweep: from where, and with what; None while there was none.
    written : list of Array or None
        The total after each edge, once it is written down.
    first_index : int
        The index of its first node, given when the pass is closed.
    numbered : bool
        Whether it is closed, and its nodes have their indices.
    marks : list of (int, Mark)
        What was printed or updated during the forward sweep, each with how many nodes were made before.
    tail : list of Node or Mark
        What followed the backward sweep up to the last update: updates, and what was computed for them.
    """

    __slots__ = (
        "after", "earlier", "first_index", "leaves", "marks", "nodes", "number", "numbered", "output", "preset",
        "seed", "tail", "waits", "written",
    )  # fmt: skip

    def __init__(self) -> None:
        self.number = next(pass_numbers)
        self.after = 0
        self.waits = False
        self.nodes: list[Node] = []
        self.earlier: list[Node] = []
        self.leaves: list[Node] = []
        self.preset: list[Node] = []
        self.output: Node | None = None
        self.seed: Array = None
        self.written: list[Array] | None = None
        self.first_index = 0
        self.numbered = False
        self.marks: list[tuple[int, Mark]] = []
        self.tail: list[Node | Mark] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing has happened in it."""
        return not self.nodes and not self.marks

    @property
    def happened(self) -> list[Node | Mark]:
        """What was made, printed and updated before the backward sweep, in order."""
        found: list[Node | Mark] = list(self.nodes)
        for position, mark in reversed(self.marks):
            found.insert(position, mark)
        return found

    @property
    def updates(self) -> list[Updated]:
        """What was given another value, in order."""
        return [each for each in (*(mark for _, mark in self.marks), *self.tail) if isinstance(each, Updated)]

    @property
    def tail_nodes(self) -> list[Node]:
        """The nodes made in the tail: computed there, or fresh leaves."""
        nodes = [each.node if isinstance(each, Updated) else each for each in self.tail]
        last = self.first_index + len(self.nodes)
        return [each for each in nodes if isinstance(each, Node) and each.index >= last]

    @property
    def swept(self) -> Iterable[Node]:
        """The nodes in the order of the reverse sweep."""
        return chain(reversed(self.nodes), reversed(self.earlier))

    def adopt(self, node: Node) -> None:
        """Let a node of an earlier pass take part in this one, with all that it depends on.

        Where it can, the rest waits until a gradient is on its way there: else a chain that grows from pass to
        pass, as in ``rate *= 0.99``, would be walked again and again. It cannot where a trace has to show nodes
        that no kept pass has made.
        """
        if node.home < self.after:
            node.total = None
        node.home = self.number
        if node.a is None:
            self.leaves.append(node)
            return
        self.earlier.append(node)
        if not self.waits:
            self.adopt_below(node)

    def adopt_below(self, node: Node) -> None:
        """Let all take part on which a node depends."""
        self.waits = True  # one by one, so that nothing recurses
        waiting = [node]
        while waiting:
            for operand in waiting.pop().operands:
                if isinstance(operand, Node) and operand.home is not self.number:
                    self.adopt(operand)
                    if operand.a is not None:
                        waiting.append(operand)
        self.waits = False

    def adopt_reached(self) -> list[tuple[Node, Array]]:
        """Let all take part on which those nodes of earlier passes depend that a gradient has reached.

        Returns the gradients that leaves among them had from before, and forgets these.
        """
        carried: list[tuple[Node, Array]] = []
        waiting = [node for node in self.earlier if node.total is not None]
        reached = set(waiting)
        while waiting:
            for operand in waiting.pop().operands:
                if isinstance(operand, Node) and operand not in reached:
                    reached.add(operand)
                    waiting.append(operand)
                    if operand.home is not self.number:
                        self.adopt(operand)
                        if operand.a is None and operand.total is not None:
                            carried.append((operand, operand.total))
                        operand.total = None
        try:
            self.earlier.sort(key=lambda each: each.index)
        except AttributeError:
            self.number_orphans()
            self.earlier.sort(key=lambda each: each.index)
        return carried

    def run_back(self, output: Node, seed: Array, *, write_down: bool) -> None:
        """Run the reverse sweep from a node of this pass, starting from zero."""
        for node in self.earlier:
            node.total = None
        carried = [(node, node.total) for node in (*self.leaves, *self.preset) if node.total is not None]
        for node, _ in carried:
            node.total = None
        self.output, self.seed = output, seed
        self.written = [] if write_down else None
        output.total = seed
        sweep(reversed(self.nodes), self.written)
        if self.earlier:
            carried += self.adopt_reached()
            sweep(reversed(self.earlier), self.written)
        for node, gradient in carried:
            node.carry_on(gradient)

    @property
    def totals(self) -> list[Array]:
        """The operand's total after each edge of the backward sweep, in the order in which they were taken.

        Unless they were written down at once, the sweep is run once more when they are asked for.
        """
        if self.written is None:
            self.written = [] if self.output is None else self.swept_again(self.output)
        return self.written

    @totals.setter
    def totals(self, totals: list[Array]) -> None:
        self.written = totals

    def swept_again(self, output: Node) -> list[Array]:
        """Run the sweep once more for its totals, and leave all nodes as they are."""
        held = {node: node.total for node in (*self.leaves, *self.earlier, *self.nodes)}
        for node in held:
            node.total = None
        try:
            output.total = self.seed
            totals: list[Array] = []
            sweep(self.swept, totals)
            return totals
        finally:
            for node, total in held.items():
                node.total = total

    def number_nodes(self) -> None:
        """Give the nodes made in this pass, and orphans among those of earlier ones, their indices.

        That takes time and memory, so it is put off where nobody may ask for a trace.
        """
        if self.output is None:  # else the sweep has met them
            self.number_orphans()
        for index, node in enumerate(self.nodes, self.first_index):
            node.index = index

    def number_orphans(self) -> None:
        """Give indices to nodes of earlier passes that have none, since their tape was gone before it numbered them.

        They stand right before this pass, operands first: between two whole numbers.
        """
        waiting = [node for node in self.earlier if not hasattr(node, "index")]
        ordered: dict[Node, None] = {}
        start = self.first_index - 1
        while waiting:
            operands = [each for each in waiting[-1].operands if isinstance(each, Node) and each not in ordered]
            orphans = [each for each in operands if not hasattr(each, "index")]
            start = max([start, *(each.index for each in operands if each not in orphans)])
            waiting += orphans
            if not orphans:
                ordered[waiting.pop()] = None
        for place, node in enumerate(ordered, 1):
            index: Any = start + (self.first_index - start) * place / (len(ordered) + 1)
            node.index = index

    def as_it_is(self) -> Pass:
        """Return a copy that stays as this pass is now."""
        copied = copy(self)
        copied.nodes, copied.earlier, copied.leaves = list(self.nodes), list(self.earlier), list(self.leaves)
        copied.marks, copied.tail = list(self.marks), list(self.tail)
        return copied
