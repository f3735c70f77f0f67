"""Straight-line code: a recorded pass written out as assignments, to be run again with other values.

What a pass does is settled once it is recorded: which gates, in which order, and where gradients go. So
it can be written as a program without a loop or a branch, one line per gate and per edge, in the texts
of the table's rows; it is the derivation written out. Compiled, it gives the values and the totals of
the engine, to the bit, many times faster. Where Python's arithmetic raises, as at 1/0, the engine
itself runs that pass again and goes on with IEEE values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from stepgrad.errors import InputError, nearest
from stepgrad.gate import Elementwise
from stepgrad.numeric import NumberType
from stepgrad.ops import INPUT
from stepgrad.recording import Recording
from stepgrad.stretch import Edges, Stretch
from stepgrad.tape import Node, Pass
from stepgrad.tensor import Array, from_nested, full, nested, shape_of, show_shape
from stepgrad.writer import Writer


class Outcome(NamedTuple):
    """What a pass found, in the order of its nodes and edges.

    Attributes
    ----------
    values : list of Array
        The value of every node.
    totals : list of Array
        The operand's total after every edge.
    """

    values: list[Array]
    totals: list[Array]


class Found(NamedTuple):
    """The same for people: the output's value and the inputs' gradients by name, tensors as nested lists."""

    value: Any
    grads: dict[str, Any]


class Straightline:
    """A recorded pass as straight-line code.

    Parameters
    ----------
    recorded : Pass
    number : NumberType
        What it was recorded with.
    names : mapping, optional
        What its inputs and constants are called where it is called like a function.

    Attributes
    ----------
    givens : list of Node
        Where values come from: inputs, constants, and what was computed before and is held fixed.
    nodes : list of Node
        Those of the pass, in order: what was computed earlier and used again, then what was made in it.
    edges : Edges
        Those that the sweep takes, in order.

    Examples
    --------
    >>> from stepgrad import run
    >>> again = run("f = x * y + x", x=2.0, y=3.0).straightline()
    >>> again(x=10.0)
    Found(value=40.0, grads={'x': 4.0, 'y': 10.0})
    >>> print(again.source)
    def run(s):
        v0 = s[0]
        v1 = s[1]
        v2 = v0 * v1
        v3 = v2 + v0
        g2 = 1.0 + 1.0 * v1
        g3 = 1.0 * v0
        return [v0, v1, v2, v3], [1.0, 1.0, g2, g3]
    <BLANKLINE>
    """

    def __init__(self, recorded: Pass, number: NumberType, names: Mapping[Node, str] | None = None) -> None:
        self.recorded = recorded
        self.number = number
        self.nodes = [*recorded.earlier, *recorded.nodes]
        made = {node for node in self.nodes if node.operands}
        used = (each for node in self.nodes for each in node.operands if isinstance(each, Node))
        self.givens = list(dict.fromkeys(each for each in (*recorded.leaves, *used) if each not in made))
        self.edges: Edges = Stretch(recorded, (), 0, 0).edges
        self.names = names or {}

    def __call__(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Found:
        """Run the pass with other values for some of its inputs and constants, given by name; the others keep theirs.

        Raises
        ------
        InputError
            If there is none of that name, or it has another shape.
        """
        given = {**(values or {}), **more}
        nodes = {self.names[node]: node for node in self.givens if node in self.names}
        for name in given:
            if name not in nodes:
                raise InputError(f"this pass has no input called {name!r}{nearest(name, nodes)}")
        taken = {nodes[name]: self.fitting(name, nodes[name], value) for name, value in given.items()}
        outcome = self.run([taken.get(node, node.value) for node in self.givens])
        output = self.recorded.output or self.nodes[-1]
        grads = {name: self.gradient(outcome, node) for name, node in nodes.items() if node.gate is INPUT}
        zeros = {name: full(shape_of(node.value), self.number.make(0)) for name, node in nodes.items()}
        return Found(
            nested(outcome.values[self.place_of[output]]),
            {name: nested(zeros[name] if found is None else found) for name, found in grads.items()},
        )

    def fitting(self, name: str, node: Node, value: Any) -> Array:
        """Bring a value from outside to an array of an input's shape."""
        array, shape = from_nested(value, self.number.make), shape_of(node.value)
        if shape_of(array) != shape:
            raise InputError(
                f"{name} has shape {show_shape(shape)} in this pass, and {show_shape(shape_of(array))} is given; "
                "run the program anew for other shapes"
            )
        return array

    @cached_property
    def writer(self) -> Writer:
        """What has written it out."""
        return Writer(self.number, self.givens).write_all(self.recorded, self.edges)

    @property
    def source(self) -> str:
        """The code: ``s`` holds the values of the givens, and what one function leaves to another."""
        return "\n".join(self.writer.sources())

    @cached_property
    def functions(self) -> list[Callable[[list[Any]], tuple[list[Array], list[Array]]]]:
        """The compiled code."""
        return list(self.writer.compiled())

    def run(self, values: Sequence[Array]) -> Outcome:
        """Run the pass with these values of the givens, which have the shapes of those recorded."""
        functions = self.functions
        store: list[Any] = [*values, *[None] * (len(self.writer.places) - len(values))]
        outcome = Outcome([], [])
        try:
            for function in functions:
                made, sent = function(store)
                outcome.values.extend(made)
                outcome.totals.extend(sent)
        except (ArithmeticError, ValueError):
            recorded, nodes = self.recorded_again(values)
            return Outcome([nodes[node].value for node in self.nodes], recorded.totals)
        return outcome

    def recorded_again(self, values: Sequence[Array]) -> tuple[Pass, dict[Node, Node]]:
        """Run the pass by the engine itself; return what it recorded, and the new node for each."""
        recording = Recording(self.number)
        value_of = dict(zip(self.givens, values, strict=True))
        found: dict[Node, Node] = {}
        for node in (*(each for each in self.givens if each not in self.place_of), *self.nodes):
            if node in value_of:
                found[node] = recording.leaf(value_of[node], node.gate)
            else:
                operands = [found[each] if isinstance(each, Node) else each for each in node.operands]
                found[node] = recording.apply(node.gate, operands, params_of(node))
        if self.recorded.output is None:
            recording.close()
        else:
            recording.backward(found[self.recorded.output], self.recorded.seed)
        return recording.passes[-1], found

    @cached_property
    def place_of(self) -> dict[Node, int]:
        """The place of every node among the nodes."""
        return {node: place for place, node in enumerate(self.nodes)}

    def gradient(self, outcome: Outcome, node: Node) -> Array:
        """Return the gradient that an outcome has for a node; None where the output does not depend on it."""
        if node is self.recorded.output:
            return self.recorded.seed
        arrived = self.edges.arrivals.get(node)
        return outcome.totals[arrived[-1]] if arrived else None


def params_of(node: Node) -> Mapping[str, Any]:
    """Return what a node's gate was given, also where the row's texts have taken it in."""
    gate = node.gate
    return dict(zip(gate.params, gate.given)) if isinstance(gate, Elementwise) else node.params
