"""Recording: applying gates to nodes, pass after pass.

Whatever records, the language or ``Value``, does it here: operands are broadcast as the gate asks,
constants get no locals, and a node that holds a number goes through a recorder compiled for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from stepgrad.errors import GateError
from stepgrad.gate import Elementwise, Gate, Local, Params
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.ops import CONSTANT, GATES, INPUT
from stepgrad.recorder import PATTERNS, compile_recorder
from stepgrad.tape import NO_PARAMS, More, Node, Operand, Pass, Scalar, sweep
from stepgrad.tensor import Array, Shape, Tensor, broadcast_source, flat, shape_of, show_shape


class Recorders(dict[tuple[Any, ...], "Callable[..., Node] | None"]):
    """Compiled recorders by gate and operand types, each made when first asked for.

    Only numbers have one: a key with another type gives None.
    """

    def __init__(self, number: NumberType, scalar_type: type[Node]) -> None:
        super().__init__()
        self.number = number
        self.kinds = {scalar_type: "n", number.kind: "l"}
        self.scalar_type = scalar_type

    def __missing__(self, key: tuple[Any, ...]) -> Callable[..., Node] | None:
        gate, *types = key
        pattern = "".join(self.kinds.get(kind, "?") for kind in types)
        compiled = isinstance(gate, Elementwise) and pattern in PATTERNS[len(gate.locals)]
        self[key] = compile_recorder(gate, self.number, self.scalar_type, pattern) if compiled else None
        return self[key]


COMPILED: dict[tuple[NumberType, type[Node]], Recorders] = {}  # shared by all recordings


class Recording:
    """Where nodes are recorded: a list of passes, the last of them open.

    Parameters
    ----------
    number : NumberType
        What to compute with.
    node_type, scalar_type : type
        The classes of the nodes to make: in general, and where they hold a number that has a gradient.
    keep : bool
        Whether finished passes are kept; else their nodes live as long as somebody holds them.

    Attributes
    ----------
    passes : list of Pass
        The finished ones.
    current : Pass
        The open one.
    history : dict
        For an input given new values, the old ones, each with the number of the last pass that saw it.
    """

    nodes_closed = 0  # over all recordings, so that an index orders any two nodes

    def __init__(
        self,
        number: NumberType = FLOAT,
        node_type: type[Node] = Node,
        scalar_type: type[Node] = Scalar,
        *,
        keep: bool = True,
    ) -> None:
        self.number = number
        self.node_type = node_type
        self.scalar_type = scalar_type
        self.recorders = COMPILED.setdefault((number, scalar_type), Recorders(number, scalar_type))
        self.keep = keep
        self.passes: list[Pass] = []
        self.node_count_closed = 0
        self.history: dict[Node, list[tuple[float, Array]]] = {}
        self.current = Pass()

    @property
    def node_count(self) -> int:
        """How many nodes have been recorded."""
        return self.node_count_closed + len(self.current.nodes)

    def leaf(self, value: Array, gate: Gate = INPUT) -> Node:
        """Record an input, or a constant."""
        node = self.place(value, gate)
        self.current.leaves.append(node)
        return node

    def constant(self, value: Array) -> Node:
        """Record a leaf to which no gradient flows."""
        return self.leaf(value, CONSTANT)

    def apply(self, gate: Gate, operands: Sequence[Operand], params: Params = NO_PARAMS) -> Node:
        """Apply a gate and record the node, after the broadcasts that its operands need.

        Raises
        ------
        GateError
            If the operands do not fit the gate.
        """
        if len(operands) <= 2:
            recorder = self.recorders[(gate, *map(type, operands))]
            if recorder is not None:
                return recorder(self.current, *operands)
        for operand in operands:
            if isinstance(operand, Node) and operand.home != self.current.number:
                self.current.adopt(operand)
        values = [operand.value if isinstance(operand, Node) else operand for operand in operands]
        if any(isinstance(value, Tensor) for value in values):
            operands = self.broadcast(gate, operands, [shape_of(value) for value in values])
            values = [operand.value if isinstance(operand, Node) else operand for operand in operands]
        wanted = [isinstance(operand, Node) and operand.flows for operand in operands]
        value, locals_ = gate.apply(self.number, values, wanted, params)
        return self.place(value, gate, operands, locals_, params)

    def compute(self, gate: Gate, operands: Sequence[Array], params: Params = NO_PARAMS) -> Array:
        """Apply a gate to plain values, recording nothing."""
        values: Sequence[Operand] = operands
        if any(isinstance(value, Tensor) for value in operands):
            values = self.broadcast(gate, operands, [shape_of(value) for value in operands])
        value, _ = gate.apply(self.number, values, [False] * len(values), params)
        return value

    def place(
        self,
        value: Array,
        gate: Gate,
        operands: Sequence[Operand] = (),
        locals_: Sequence[Local] = (),
        params: Params = NO_PARAMS,
    ) -> Node:
        """Make a node and append it to the open pass."""
        scalar = not isinstance(value, Tensor) and (gate is INPUT or any(local is not None for local in locals_))
        kind = self.scalar_type if scalar else self.node_type
        node = object.__new__(kind)
        node.value = value
        node.gate = gate
        node.a, node.b = (*operands, None, None)[:2]
        node.da, node.db = (*locals_, None, None)[:2]
        rare = len(operands) > 2 or params
        node.more = More(tuple(operands[2:]), tuple(locals_[2:]), params) if rare else None
        node.total = None
        node.home = self.current.number
        self.current.nodes.append(node)
        return node

    def broadcast(self, gate: Gate, operands: Sequence[Operand], shapes: Sequence[Shape]) -> list[Operand]:
        """Bring the operands to the shapes that the gate asks for: nodes by a gate, literals at once."""

        def brought(operand: Operand, shape: Shape, target: Shape) -> Operand:
            if shape == target or not (isinstance(operand, Node) or shape):
                return operand
            if isinstance(operand, Node):
                return self.apply(GATES["broadcast"], [operand], {"shape": target})
            data = flat(operand)
            return Tensor(target, [data[source] for source in broadcast_source(shape, target)])

        return [brought(*each) for each in zip(operands, shapes, gate.aligned(shapes), strict=True)]

    def backward(self, output: Node, seed: Array = None) -> Pass:
        """Run the reverse sweep from a node, starting from zero, and close the pass.

        Parameters
        ----------
        output : Node
        seed : Array, optional
            The gradient of the output, of its shape; 1 for a number.

        Raises
        ------
        GateError
            If the output is no number and no seed is given, or if no input leads to it.
        """
        shape = shape_of(output.value)
        if seed is None and shape:
            raise GateError(
                f"backward starts from a number, and this has shape {show_shape(shape)}; take its sum, or give a seed"
            )
        if seed is not None and shape_of(seed) != shape:
            raise GateError(
                f"the seed has shape {show_shape(shape_of(seed))}; give it that of the output, {show_shape(shape)}"
            )
        if not output.flows:
            raise GateError("this depends on no input, so it has no gradients; assign a number to a name and use that")
        current = self.current
        if output.home != current.number:
            current.adopt(output)
        for node in chain(current.leaves, current.earlier):
            node.renew()
        current.output = output
        current.seed = self.number.make(1) if seed is None else seed
        current.totals = sweep(current.swept, output, current.seed)
        self.close()
        return current

    def close(self) -> None:
        """End the open pass: number its nodes, and open the next."""
        first = self.current.first_index = Recording.nodes_closed
        for index, node in enumerate(self.current.nodes, first):
            node.index = index
        Recording.nodes_closed = first + len(self.current.nodes)
        self.node_count_closed += len(self.current.nodes)
        if self.keep:
            self.passes.append(self.current)
        self.current = Pass()

    def replace(self, leaf: Node, value: Array) -> None:
        """Give an input a new value; passes that are kept go on showing the old one."""
        if self.keep:
            seen = self.current.number if leaf.home == self.current.number else self.current.number - 1
            self.history.setdefault(leaf, []).append((seen, leaf.value))
        leaf.value = value
