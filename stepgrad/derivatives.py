"""Derivatives of derivatives: a program and its backward sweep, on a second tape.

The last pass of a trace is computed once more, forwards and backwards, with tracked numbers: its values, its
locals and its gradients are nodes of a second tape. A reverse sweep from one gradient gives a row of the
Hessian, so the differentiated program is a trace like any other. Griewank & Walther, *Evaluating
Derivatives*, ch. 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stepgrad.errors import LimitError
from stepgrad.events import Name, Partial
from stepgrad.ops import CONSTANT, INPUT
from stepgrad.recording import Recording
from stepgrad.source import Span
from stepgrad.style import bracketed
from stepgrad.tape import Node, sweep
from stepgrad.tensor import Array, Number, Shape, flat, indices, shape_of, shaped
from stepgrad.trace import Trace
from stepgrad.tracked import SecondTape, Tracked, tracked_type, untracked, value_of


class Differentiated:
    """The last pass of a trace on a second tape: forwards, and then backwards.

    Attributes
    ----------
    recording : Recording
    copies : dict
        For every node of the pass, the one that holds its value, and in the end its gradient, in tracked numbers.
    order : list of Node
        The nodes of the pass that are differentiated: what its backward sweep reached, and all inputs.
    names : dict
        What the nodes of the second tape are called.
    labels : dict
        For every node of the pass that has a name, the names of its elements.
    owners : dict
        For every node of the second tape that is an element, the first node of the pass of which it is one.
    spans : list
        The stretch of the program that each node of the second tape belongs to.
    """

    def __init__(self, trace: Trace, max_steps: int) -> None:
        self.trace = trace
        self.stretch = trace.last_sweep
        output = self.stretch.recorded.output
        assert output is not None
        self.output = output
        self.tape = SecondTape(trace.number, max_steps)
        self.recording = self.tape.recording
        self.number = tracked_type(trace.number)
        self.first = Recording(self.number)
        self.copies: dict[Node, Node] = {}
        self.names: dict[Node, Name | Partial] = {}
        self.labels: dict[Node, list[Name]] = {}
        self.versions: dict[str, int] = {}
        self.derivatives: dict[Partial, int] = {}
        self.owners: dict[Node, Node] = {}
        self.spans: list[Span | None] = []
        recorded = self.stretch.recorded
        nodes = dict.fromkeys((*recorded.leaves, *recorded.earlier, *recorded.nodes))
        inputs = {trace.node_in(self.stretch, index) for index in trace.inputs}
        self.order = sorted(
            (node for node in nodes if node in self.stretch.edges.arrivals or node in inputs),
            key=lambda node: node.index,
        )
        for node in self.order:
            self.copies[node] = self.copy(node)
        self.go_back()

    # Forwards

    def copy(self, node: Node) -> Node:
        """Compute a node with tracked numbers."""
        if node.gate is INPUT:
            found = self.first.leaf(self.leaf(node, INPUT))
        else:
            operands = [self.operand(node, operand) for operand in node.operands]
            wanted = [local is not None for local in node.locals]
            value, locals_ = node.gate.apply(self.number, list(map(value_in, operands)), wanted, node.params)
            found = self.first.place(value, node.gate, operands, locals_, node.params)
        self.spanned(node)
        self.call_elements(node, found.value)
        if node.gate is not INPUT and not shape_of(found.value):
            self.call_locals(node, found)
        return found

    def operand(self, user: Node, operand: Any) -> Any:
        """Return the copy of an operand; what no gradient reaches is a constant, or a literal where it has no name."""
        if not isinstance(operand, Node):
            return operand
        if operand not in self.copies:
            if self.trace.index_of(operand) not in self.trace.names:
                return self.trace.saw(user, operand)
            self.copies[operand] = self.first.leaf(self.leaf(operand, CONSTANT))
            self.call_elements(operand, self.copies[operand].value)
            self.spanned(operand)
        return self.copies[operand]

    def leaf(self, node: Node, gate: Any) -> Array:
        """Record an input, or a constant, element by element."""
        value = self.trace.saw(self.output, node)
        return shaped(shape_of(value), [self.tape.leaf(x, gate) for x in flat(value)])

    # Backwards

    def go_back(self) -> None:
        """Run the sweep, with tracked numbers."""
        seed = self.stretch.recorded.seed
        tracked = shaped(shape_of(seed), [self.tape.leaf(x, CONSTANT) for x in flat(seed)])
        output = self.copies[self.output]
        self.call_gradients(self.output, tracked)
        output.total = tracked
        sweep(self.backwards())
        self.spanned(self.output)
        for node in (*(each for each in self.order if each.gate is INPUT), *reversed(self.order)):
            self.call_gradients(node, self.copies[node].total)

    def backwards(self) -> Iterator[Node]:
        """Yield the copies last first, noting to which stretch of the program what is then computed belongs."""
        for node in reversed(self.order):
            yield self.copies[node]
            self.spanned(node)

    def spanned(self, node: Node) -> None:
        """Note that all that was recorded belongs to a node."""
        span = self.trace.span(self.trace.index_of(node))
        self.spans += [span] * (self.recording.node_count - len(self.spans))

    # Names

    def call(self, node: Node, name: Name | Partial) -> None:
        """Give a node of the second tape a name, if it has none."""
        if node not in self.names:
            self.names[node] = name

    def call_derivative(self, node: Node, of: Name | Partial, by: Name | Partial) -> None:
        """Name a derivative, if its node has no name; the second of a name is its second version."""
        if node not in self.names:
            name = Partial(of, by)
            self.derivatives[name] = version = self.derivatives.get(name, 0) + 1
            self.names[node] = name._replace(version=version)

    def call_elements(self, node: Node, value: Array) -> None:
        """Name the elements of a value: ``W[0][1]``; one that is the element of another value keeps its name."""
        index = self.trace.index_of(node)
        if index in self.trace.names:
            name = self.trace.bare_name(index)
            self.versions[name] = version = self.versions.get(name, 0) + 1
            self.labels[node] = [Name(label, version) for label in elements_of(name, shape_of(value))]
            for label, element in zip(self.labels[node], flat(value), strict=True):
                if isinstance(element, Tracked):
                    self.call(element.node, label)
        for element in flat(value):
            if isinstance(element, Tracked):
                self.owners.setdefault(element.node, node)

    def call_gradients(self, node: Node, total: Array) -> None:
        """Name the elements of a gradient: ``∂f/∂W[0][1]``."""
        values = flat(self.copies[node].value)
        for i, (element, gradient) in enumerate(zip(values, flat(total), strict=False)):
            if not isinstance(gradient, Tracked):
                continue
            if node in self.labels:
                self.call_derivative(gradient.node, self.output_name, self.labels[node][i])
            elif isinstance(element, Tracked) and self.owners[element.node] is node:
                self.call_derivative(gradient.node, self.output_name, self.name(element.node))

    def call_locals(self, node: Node, found: Node) -> None:
        """Name the locals of a number: ``∂h/∂m``; that of the output would be called as the gradient is."""
        if node is self.output or not isinstance(found.value, Tracked):
            return
        for operand, local in zip(found.operands, found.locals, strict=True):
            if isinstance(operand, Node) and isinstance(local, Tracked) and isinstance(operand.value, Tracked):
                self.call_derivative(local.node, self.name(found.value.node), self.name(operand.value.node))

    def name(self, node: Node) -> Name | Partial:
        """Return what a node of the second tape is called."""
        return self.names.get(node) or Name("", node.index)

    @property
    def output_name(self) -> Name | Partial:
        """What the output is called."""
        if self.output in self.labels:
            return self.labels[self.output][0]
        value = self.copies[self.output].value
        return self.name(value.node) if isinstance(value, Tracked) else Name(self.trace.output, 1)

    # Backwards through the backward sweep

    def leaves(self, node: Node) -> list[Node | None]:
        """Return the nodes of the second tape that are an input's numbers; None for each if it takes no part."""
        if node not in self.copies:
            return [None for _ in flat(node.value)]
        return list(map(untracked, flat(self.copies[node].value)))

    def gradient(self, node: Node) -> list[Any]:
        """Return the numbers of an input's gradient, tracked where they depend on an input."""
        found = self.copies[node].total if node in self.copies else None
        zeros = [self.number.make(0) for _ in flat(node.value)]
        return zeros if found is None else [x if flows(x) else value_of(x) for x in flat(found)]

    def row(self, gradient: Any, leaves: Sequence[Node | None]) -> list[Number]:
        """Run a sweep from a gradient, if it depends on an input, and return what it brings to the leaves."""
        zero = self.number.make(0)
        if not flows(gradient):
            return [zero] * len(leaves)
        swept = self.recording.backward(gradient.node).number
        reached = [None if leaf is None or leaf.home != swept else leaf.total for leaf in leaves]
        return [zero if total is None else total for total in reached]

    def check_room(self, sweeps: int, max_steps: int) -> None:
        """Check that so many sweeps take no more than so many steps."""
        nodes = self.recording.current.nodes
        edges = sum(1 for node in nodes for local in node.locals if local is not None)
        if sweeps * edges > max_steps:
            raise LimitError(
                f"{sweeps:,} backward sweeps of up to {edges:,} steps are more than {max_steps:,}; "
                "ask for fewer inputs with wrt, or raise --max-steps"
            )

    def traced(self) -> Trace:
        """Return the trace of the differentiated program."""
        if not self.recording.current.is_empty:
            self.recording.close()
        return Trace(
            self.recording.passes,
            self.trace.number,
            program=self.trace.program,
            names={node.index: name for node, name in self.names.items()},
            spans=self.spans,
        )


def elements_of(name: str, shape: Shape) -> Iterator[str]:
    """Yield the labels of an input's numbers.

    >>> list(elements_of("W", (1, 2))), list(elements_of("x", ()))
    (['W[0][0]', 'W[0][1]'], ['x'])
    """
    return (name + bracketed(index) for index in indices(shape))


def value_in(operand: Any) -> Array:
    """Return what an operand holds; a literal is what it is."""
    return operand.value if isinstance(operand, Node) else operand


def flows(number: Any) -> bool:
    """Whether a number depends on an input."""
    return isinstance(number, Tracked) and number.node.flows
