"""Recording: applying gates to nodes, pass after pass.

Whatever records, the language or ``Value``, does it here: operands are broadcast as the gate asks,
constants get no locals, and a node that holds a number goes through a recorder compiled for it. A node
that is given another value changes no step that has been recorded: the old value is kept for these.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import takewhile
from math import inf
from typing import Any
from weakref import ref

from stepgrad.errors import GateError
from stepgrad.fitted import PATTERNS as OF_TENSORS
from stepgrad.fitted import Fitting
from stepgrad.gate import Elementwise, Gate, Local, Params
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.ops import CONSTANT, GATES, INPUT
from stepgrad.recorder import PATTERNS, compile_recorder
from stepgrad.tape import NO_PARAMS, Mark, More, Node, Operand, Pass, Scalar, TensorNode, Updated
from stepgrad.tensor import Array, Shape, Tensor, broadcast_source, flat, shape_of, show_shape


class Recorders(dict[tuple[Any, ...], "Callable[..., Node] | None"]):
    """Compiled recorders by gate and operand types, each made when first asked for.

    Numbers have one for elementwise rows, and tensors for gates that have a plan. A key with another type gives
    None, and so does a row without its parameters.
    """

    def __init__(self, number: NumberType, scalar_type: type[Node], tensor_type: type[Node]) -> None:
        super().__init__()
        self.number = number
        self.kinds = {scalar_type: "n", number.kind: "l", tensor_type: "t", Tensor: "T"}
        self.types = scalar_type, tensor_type

    def __missing__(self, key: tuple[Any, ...]) -> Callable[..., Node] | None:
        gate, *types = key
        self[key] = self.compiled(gate, "".join(self.kinds.get(kind, "?") for kind in types))
        return self[key]

    def compiled(self, gate: Gate, pattern: str) -> Callable[..., Node] | None:
        """Compile the recorder of a gate for a pattern, if there is to be one."""
        if isinstance(gate, Elementwise) and (len(gate.given) != len(gate.params) or len(gate.locals) != len(pattern)):
            return None
        if isinstance(gate, Elementwise) and pattern in PATTERNS[len(pattern)]:
            return compile_recorder(gate, self.number, self.types[0], pattern)
        if gate.has_plan and pattern in OF_TENSORS:
            return Fitting(gate, self.number, pattern, *self.types).dispatcher()
        return None


COMPILED: dict[tuple[Any, ...], Recorders] = {}  # shared by all recordings: by number type and classes of nodes


class History:
    """What is kept of a recording while it goes on: its passes, and what nodes held at each step.

    Attributes
    ----------
    passes : list of Pass
        The finished ones.
    end : int or inf
        The index after the last node that is in it; inf while it goes on.
    changes : dict
        For a node that was given other values: what it held before, each with the index of the first
        node that saw the next one.
    """

    def __init__(self) -> None:
        self.passes: list[Pass] = []
        self.end: float = 0
        self.changes: dict[Node, list[tuple[float, Array]]] = {}

    def remember(self, node: Node, now: int) -> None:
        """Keep what a node holds, unless nothing was recorded since it was last given another value."""
        first_to_see_the_next = min(now, self.end)
        past = self.changes.setdefault(node, [])
        if not past or past[-1][0] < first_to_see_the_next:
            past.append((first_to_see_the_next, node.value))

    def value(self, node: Node, index: int) -> Array:
        """Return what a node held when the node with this index was recorded."""
        past = self.changes.get(node, ())
        place = bisect_right(past, index, key=lambda change: change[0])
        return past[place][1] if place < len(past) else node.value


class Recording:
    """Where nodes are recorded: a list of passes, the last of them open.

    Parameters
    ----------
    number : NumberType
        What to compute with.
    node_type, scalar_type, tensor_type : type
        The classes of the nodes to make: in general, and where they hold a number, or a tensor, that has a gradient.
    keep : bool
        Whether finished passes are kept from the start; else nodes live as long as somebody holds them.

    Attributes
    ----------
    at_once : bool
        Whether passes are numbered, and totals written down, as they end: where all are kept, for a trace.
    current : Pass
        The open one.
    last : Pass or None
        The one before it, if it ended in a backward sweep.
    kept : list of History
        Those that go on: every pass that ends is kept in each.
    histories : list of weak references to History
        All that somebody holds: each remembers what nodes held before they were given other values.
    """

    def __init__(
        self,
        number: NumberType = FLOAT,
        node_type: type[Node] = Node,
        scalar_type: type[Node] = Scalar,
        tensor_type: type[Node] = TensorNode,
        *,
        keep: bool = True,
    ) -> None:
        self.number = number
        self.node_type = node_type
        self.scalar_type, self.tensor_type = scalar_type, tensor_type
        kinds = number, scalar_type, tensor_type
        self.recorders = COMPILED.setdefault(kinds, Recorders(*kinds))
        self.node_count_closed = 0
        self.current = Pass()
        self.at_once = keep
        self.last: Pass | None = None
        self.histories: list[ref[History]] = []
        self.kept: list[History] = []
        if keep:
            self.keep_in(self.new_history())

    @property
    def node_count(self) -> int:
        """How many nodes have been recorded."""
        return self.node_count_closed + len(self.current.nodes)

    def leaf(self, value: Array, gate: Gate = INPUT, node: Node | None = None) -> Node:
        """Record an input, or a constant; in an empty node, if there is one already."""
        current = self.current
        kind = self.kind_of(value, flows=gate is INPUT)
        if node is None:
            node = object.__new__(kind)
        elif node.__class__ is not kind:
            node.__class__ = kind
        node.value, node.gate, node.home = value, gate, current.number
        node.index = self.node_count_closed + len(current.nodes)  # at once: leaves often outlive their tape
        node.a = node.da = node.b = node.db = node.more = node.total = None
        current.nodes.append(node)
        current.leaves.append(node)
        return node

    def kind_of(self, value: Array, *, flows: bool) -> type[Node]:
        """Return the class of a node with this value."""
        if not flows:
            return self.node_type
        return self.tensor_type if isinstance(value, Tensor) else self.scalar_type

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
        return self.apply_row(gate.with_params(params) if gate.params else gate, operands, params)

    def apply_row(self, gate: Gate, operands: Sequence[Operand], params: Params) -> Node:
        """Apply a gate whose parameters stand in its text already."""
        if len(operands) <= 2:
            recorder = self.recorders[(gate, *map(type, operands))]
            if recorder is not None:
                return recorder(self.current, *operands, params)
        for operand in operands:
            if isinstance(operand, Node) and operand.home != self.current.number:
                self.current.adopt(operand)
        values = [operand.value if isinstance(operand, Node) else operand for operand in operands]
        shapes = [value.shape if isinstance(value, Tensor) else () for value in values]
        if any(shapes) and gate.aligned(shapes) != shapes:
            operands = self.broadcast(gate, operands, shapes)
            values = [operand.value if isinstance(operand, Node) else operand for operand in operands]
        wanted = [isinstance(operand, Node) and operand.flows for operand in operands]
        value, locals_ = gate.apply(self.number, values, wanted, params)
        return self.place(value, gate, operands, locals_, params)

    def compute(self, gate: Gate, operands: Sequence[Array], params: Params = NO_PARAMS) -> Array:
        """Apply a gate to plain values, recording nothing."""
        values: Sequence[Operand] = operands
        shapes = [value.shape if isinstance(value, Tensor) else () for value in operands]
        if any(shapes) and gate.aligned(shapes) != shapes:
            values = self.broadcast(gate, operands, shapes)
        value, _ = gate.with_params(params).apply(self.number, values, [False] * len(values), params)
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
        flows = gate is INPUT or any(local is not None for local in locals_)
        node = object.__new__(self.kind_of(value, flows=flows))
        count = len(operands)
        node.value, node.gate, node.home, node.total = value, gate, self.current.number, None
        node.a, node.da = (operands[0], locals_[0]) if count else (None, None)
        node.b, node.db = (operands[1], locals_[1]) if count > 1 else (None, None)
        rare = count > 2 or params
        node.more = More(tuple(operands[2:]), tuple(locals_[2:]), params) if rare else None
        self.current.nodes.append(node)
        return node

    def fill(self, node: Node, made: Node) -> None:
        """Let an empty node take the place of the one recorded last."""
        node.__class__ = made.__class__
        node.value, node.gate, node.more, node.total, node.home = made.value, made.gate, made.more, None, made.home
        node.a, node.da, node.b, node.db = made.a, made.da, made.b, made.db
        self.current.nodes[-1] = node

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
        if seed is None:
            if shape:
                raise GateError(
                    f"backward starts from a number, and this has shape {show_shape(shape)}; "
                    "take its sum, or give a seed"
                )
            seed = self.number.make(1)
        elif shape_of(seed) != shape:
            seed_words = f"has shape {show_shape(shape_of(seed))}" if shape_of(seed) else "is a number"
            words = f"one of shape {show_shape(shape)}" if shape else "a number"
            raise GateError(f"the seed {seed_words}, and the output wants {words}; give that")
        if not output.flows:
            raise GateError("this depends on no input, so it has no gradients; assign a number to a name and use that")
        current = self.current
        if output.home != current.number:
            current.adopt(output)
        current.first_index = self.node_count_closed
        if current.earlier:
            self.number_nodes()
        current.run_back(output, seed, write_down=self.at_once)
        self.close()
        self.current.waits = not self.kept
        return current

    def mark(self, mark: Mark) -> None:
        """Write down that something was printed, or that a node has another value now."""
        if self.current.is_empty and self.last is not None:
            self.last.tail.append(mark)
        else:
            self.current.marks.append((len(self.current.nodes), mark))

    def update(self, old: Node, value: Array) -> Node:
        """Record a fresh leaf in place of an input that the last sweep reached.

        What has been computed since that sweep was computed for the update: it belongs to the same pass. The
        gradient that was found goes on with the leaf, until the next sweep.
        """
        assert self.last is not None
        if self.current.nodes or self.current.marks:
            self.settle()
        fresh = object.__new__(self.kind_of(value, flows=True))
        fresh.value, fresh.gate, fresh.more = value, INPUT, None
        fresh.a = fresh.da = fresh.b = fresh.db = None
        fresh.total, fresh.home, fresh.index = old.total, self.last.number, self.node_count_closed
        self.node_count_closed += 1
        self.last.tail.append(Updated(fresh, old.value, value))
        return fresh

    def settle(self) -> None:
        """Move what has happened since the last sweep into the tail of its pass."""
        assert self.last is not None
        self.current.first_index = self.node_count_closed
        self.current.number_nodes()
        self.node_count_closed += len(self.current.nodes)
        self.last.tail += self.current.happened
        following = Pass()
        following.after, following.waits = self.current.after, self.current.waits
        self.current = following

    def number_nodes(self, *others: Pass) -> None:
        """Give the nodes of all finished passes their indices: of those that somebody keeps, and of others."""
        late = list(others)
        for history in filter(None, [held() for held in self.histories]):
            late += takewhile(lambda each: not each.numbered, reversed(history.passes))
        for each in sorted(dict.fromkeys(late), key=lambda each: each.number):
            each.number_nodes()
            each.numbered = True

    def close(self) -> None:
        """End the open pass, and open the next."""
        current = self.current
        self.last = current if current.output is not None else None
        current.first_index = self.node_count_closed
        self.node_count_closed += len(current.nodes)
        for history in dict.fromkeys(self.kept):
            history.passes.append(current)
        if self.at_once or not self.kept:
            self.number_nodes(current)
        self.current = Pass()

    # Keeping what is recorded

    @property
    def passes(self) -> list[Pass]:
        """The finished passes of a recording that keeps them from the start."""
        return self.kept[0].passes

    def new_history(self) -> History:
        """Make a history that remembers what is replaced, as long as somebody holds it."""
        history = History()
        self.histories.append(ref(history, self.histories.remove))
        return history

    def keep_in(self, history: History) -> None:
        """From here on, keep what is recorded in this history, too; it may be kept in already."""
        self.break_off()
        self.kept.append(history)
        history.end = inf

    def stop_keeping(self, history: History) -> None:
        """Take back one :meth:`keep_in`."""
        self.break_off()
        self.kept.remove(history)
        if history not in self.kept:
            history.end = self.node_count_closed

    def break_off(self) -> None:
        """Let nothing that follows belong to a pass so far: others may keep it."""
        if not self.current.is_empty:
            self.close()
        self.last, self.current.waits = None, False

    def passes_so_far(self, history: History) -> list[Pass]:
        """Return the passes kept in a history, those that go on as they are now; recording goes on undisturbed."""
        self.number_nodes()
        found = [each.as_it_is() if each is self.last else each for each in history.passes]
        if history not in self.kept or self.current.is_empty:
            return found
        self.current.first_index = self.node_count_closed
        self.current.number_nodes()
        return [*found, self.current.as_it_is()]

    def replace(self, node: Node, value: Array) -> None:
        """Give a node a new value, for a leaf an update; what has been recorded goes on showing what it saw."""
        for held in tuple(self.histories):
            history = held()
            if history is not None:
                history.remember(node, self.node_count)
        if self.kept and not node.operands:
            self.mark(Updated(node, node.value, value))
        node.value = value
