"""Retracing: the tape, recorded again from the lines of a saved trace.

The lines say what the tape was: every forward line is applied again by the rule of its gate, on the values
of the lines before, and every edge is taken again by the sweep. So the locals of tensors, which a file tells as
formulas, are maps again; and whatever a line says must be what comes out, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepgrad.equality import same
from stepgrad.errors import GateError
from stepgrad.events import Name, Partial, read_name
from stepgrad.gate import Gate
from stepgrad.linear import LinearMap
from stepgrad.notes import Taken, edge_note, forward_note
from stepgrad.numeric import NumberType
from stepgrad.ops import CONSTANT, GATES, INPUT
from stepgrad.recording import History, Recording
from stepgrad.saved import (
    KINDS,
    UNUSED,
    Fields,
    array_of,
    check_unused,
    clipped,
    is_whole,
    params_of,
    wrong,
)  # fmt: skip
from stepgrad.scopes import Call, UnderWay
from stepgrad.source import Program, Span
from stepgrad.steps import change_of
from stepgrad.tape import Mark, Node, Pass, Printed, Updated
from stepgrad.tensor import Array, Tensor, shape_of, show_shape
from stepgrad.work import steps_for

LEAVES: Mapping[str, Gate] = {gate.name: gate for gate in (INPUT, CONSTANT)}


class Retrace:
    """The tape as the lines so far tell it.

    Attributes
    ----------
    number : NumberType
    program : Program or None
    calls : list of Call
        The calls of functions, which the header tells.
    work_left : int
        How much work on tensors may still be done.
    """

    number: NumberType
    program: Program | None

    def __init__(self, max_steps: int) -> None:
        self.work_left = max_steps
        self.nodes: list[Node] = []
        self.spans: list[Span | None] = []
        self.names: dict[Node, Name | Partial] = {}
        self.taken: set[Name | Partial] = set()
        self.passes: list[Pass] = []
        self.sweep: Iterator[tuple[Node, int, Node]] | None = None  # while, and after, it goes backward
        self.swept = False
        self.history = History()
        self.calls: list[Call] = []
        self.under_way = UnderWay(self.calls)

    def begin(self, number: NumberType, program: Program | None) -> None:
        """Open the first pass."""
        self.number, self.program = number, program
        self.recording = Recording(number, keep=False)
        self.current = self.recording.current

    def read_event(self, fields: Fields, step: int) -> None:
        """Read one line."""
        kind = fields["kind"]
        if kind not in KINDS:
            fields.fail("kind", f"one of {', '.join(KINDS)}")
        if fields.whole("step") != step:
            fields.fail("step", str(step))
        number = fields.whole("pass")
        if number == len(self.passes) + 2:
            self.close_pass()
        if number != len(self.passes) + 1:
            fields.fail("pass", f"{len(self.passes) + 1}, or one more where a pass begins")
        check_unused(fields.found, UNUSED[kind], kind)
        getattr(self, f"read_{kind}")(fields)

    def read_forward(self, fields: Fields) -> None:
        """Read a forward step: apply its gate again."""
        self.end_sweep()
        self.read_changes(fields)
        gate = self.gate_of(fields)
        node = self.leaf(fields, gate) if gate in (INPUT, CONSTANT) else self.applied(fields, gate)
        self.take(fields, node)
        if self.swept:
            self.current.tail.append(node)
        values = [each.value if isinstance(each, Node) else each for each in node.operands]
        note = forward_note(self.number, node.gate, values, node.value)
        if fields["note"] != note:
            fields.fail("note", "null" if note is None else repr(note))
        self.under_way.go_on(len(self.nodes) - 1)
        if fields.wholes("path", len(self.calls)) != self.under_way.open:
            fields.fail("path", str(self.under_way.open))

    def gate_of(self, fields: Fields) -> Gate:
        """Return the gate that a line names."""
        name = fields.text("gate")
        gate = LEAVES.get(name) or GATES.get(name)
        return gate if gate is not None else wrong(f"there is no gate `{clipped(name)}`")

    def leaf(self, fields: Fields, gate: Gate) -> Node:
        """Read an input or a constant."""
        if fields["operands"] != [] or fields["literals"] is not None or fields["params"] is not None:
            wrong(f"an {gate.name} has no operands, literals or params" if gate is INPUT else f"a {gate.name} has none")
        return self.recording.leaf(fields.array("value", self.number), gate)

    def applied(self, fields: Fields, gate: Gate) -> Node:
        """Apply a gate to the values of the lines before, and compare."""
        operands = self.operands_of(fields)
        params = params_of(gate, fields["params"])
        values = [each.value if isinstance(each, Node) else each for each in operands]
        shapes = [shape_of(value) for value in values]
        try:
            if any(shapes):
                self.check_shapes(gate, operands, shapes)
                self.work_left -= steps_for(gate, shapes, params)
                if self.work_left < 0:
                    wrong(
                        "it takes more work on tensors to check than a program may do; allow it more with --max-steps"
                    )
            node = self.recording.apply(gate, operands, params)
        except GateError as error:
            wrong(f"the gate `{gate.name}` cannot be applied: {error}")
        except (ArithmeticError, ValueError, TypeError, IndexError, KeyError, AttributeError):
            wrong(f"the gate `{gate.name}` cannot take these operands and parameters")
        value = fields.of_shape("value", self.number, shape_of(node.value))
        if not same(node.value, value):
            where = first_place(value, node.value)
            wrong(f"`value` is {shown(value)}, and `{gate.name}` of its operands is {shown(node.value)}{where}")
        return node

    def operands_of(self, fields: Fields) -> list[Any]:
        """Return the operands of a line: nodes of lines before, and literals."""
        indices = fields.entries("operands")
        literals = [None] * len(indices) if fields["literals"] is None else fields.entries("literals")
        if not indices:
            wrong("`operands` is empty; only inputs and constants have none")
        if len(literals) != len(indices) or any((x is None) == (y is None) for x, y in zip(indices, literals)):
            wrong("`operands` and `literals` are of one length, and in each place one of the two is null")
        for each in indices:
            if each is not None and not is_whole(each, len(self.nodes)):
                wrong(
                    f"`operands` names node {clipped(each)}, which is not there yet; here are {len(self.nodes)} before"
                )
        return [
            array_of(literal, self.number, "literals") if index is None else self.nodes[index]
            for index, literal in zip(indices, literals, strict=True)
        ]

    def check_shapes(self, gate: Gate, operands: list[Any], shapes: list[Any]) -> None:
        """Check that operands fit as they are: a broadcast is a step of its own."""
        for operand, shape, wanted in zip(operands, shapes, gate.aligned(shapes), strict=True):
            if shape != wanted and (isinstance(operand, Node) or shape):
                wrong(f"an operand has shape {show_shape(shape)}, and `{gate.name}` wants {show_shape(wanted)} here")

    def read_changes(self, fields: Fields) -> None:
        """Read which nodes hold other values from this step on."""
        if fields["changes"] is None:
            return
        for each in fields.entries("changes") or [None]:
            if not isinstance(each, list) or len(each) != 2 or not is_whole(each[0], len(self.nodes)):
                fields.fail("changes", "null, or a list of pairs: the index of a node before, and a value")
            node, value = self.nodes[each[0]], array_of(each[1], self.number, "changes")
            if shape_of(value) != shape_of(node.value):
                wrong(f"`changes` gives node {each[0]} another shape; a node keeps its own")
            if not same(value, node.value):  # an update may have said so before
                self.change(node, value)

    def take(self, fields: Fields, node: Node) -> None:
        """Give a new node its index, name and span."""
        if fields.whole("node") != len(self.nodes):
            fields.fail("node", f"{len(self.nodes)}, the next index")
        node.index = len(self.nodes)
        self.nodes.append(node)
        span = fields.span()
        if span is not None and self.program is None:
            wrong("`line` is given, and the trace has no program")
        self.spans.append(span)
        if fields["name"] is None:
            if fields["version"] is not None:
                fields.fail("version", "null where there is no name")
        else:
            name = read_name(fields.shown_text("name"), fields.whole("version"))
            if not name.text or not name.version or name in self.taken:
                wrong(f"there is a {clipped(name.text)!r} of version {name.version} already, or can be none")
            self.names[node] = name
            self.taken.add(name)

    def read_print(self, fields: Fields) -> None:
        """Read what was printed."""
        self.end_sweep()
        self.mark(Printed(fields.text("text"), fields.span()))

    def mark(self, mark: Mark) -> None:
        """Note what happened besides nodes and edges."""
        if self.swept:
            self.current.tail.append(mark)
        else:
            self.current.marks.append((len(self.current.nodes), mark))

    def read_update(self, fields: Fields) -> None:
        """Read an update: a fresh input, or another value of one that stays the same."""
        self.end_sweep()
        in_place = is_whole(fields["node"], len(self.nodes))
        if not in_place and not self.swept:
            wrong("a fresh input follows the backward sweep of its pass, and this one has none before it")
        old, new = fields.array("old", self.number), fields.array("value", self.number)
        change = change_of(old, new)
        if change is None:
            if fields["change"] is not None:
                fields.fail("change", "null, since the shapes of `old` and `value` differ")
        elif not same(fields.array("change", self.number), change):
            fields.fail("change", f"`value` - `old`, which is {shown(change)}")
        node = self.moved(fields, old, new) if in_place else self.recording.leaf(new)
        if not in_place:
            self.take(fields, node)
        self.mark(Updated(node, old, new))

    def moved(self, fields: Fields, old: Array, new: Array) -> Node:
        """Give an input another value."""
        node: Node = self.nodes[fields["node"]]
        if node.operands:
            wrong("only an input is updated, and this node was computed")
        if not same(old, node.value):
            fields.fail("old", f"{shown(node.value)}, which the node held before")
        if shape_of(old) != shape_of(new):
            wrong("an input that is updated in place keeps its shape, and this one does not")
        self.check_name(fields, node)
        self.change(node, new)
        return node

    def check_name(self, fields: Fields, node: Node) -> None:
        """Check that a line calls a node as the line before that made it."""
        name = self.names.get(node)
        if (fields["name"], fields["version"]) != ((None, None) if name is None else (name.text, name.version)):
            fields.fail("name", "that of the node" if name is None else repr(name.text))

    def change(self, node: Node, value: Array) -> None:
        """Let a node hold another value from here on."""
        self.history.changes.setdefault(node, []).append((len(self.nodes), node.value))
        node.value = value

    # The sweep

    def read_seed(self, fields: Fields) -> None:
        """Read the seed: the sweep begins."""
        if self.swept:
            wrong("a pass has one seed, and this one has two")
        output = self.nodes[fields.whole("node", len(self.nodes), "the index of a node before")]
        if not output.flows:
            wrong("the sweep starts from a constant, to which no gradient flows")
        current = self.current
        if output.home != current.number:
            current.adopt(output)
        current.earlier.sort(key=lambda each: each.index)
        for node in (*current.leaves, *current.earlier):
            node.total = None
        current.output, current.totals = output, []
        output.total = current.seed = fields.of_shape("total", self.number, shape_of(output.value))
        self.sweep = self.edges()
        self.swept = True
        self.recording.current = Pass()  # what follows belongs to the tail, and takes no part in a sweep

    def edges(self) -> Iterator[tuple[Node, int, Node]]:
        """Yield the edges that the sweep takes, while it is taken."""
        for node in self.current.swept:
            if node.total is not None:
                for slot, (operand, local) in enumerate(zip(node.operands, node.locals, strict=True)):
                    if local is not None and isinstance(operand, Node):
                        yield node, slot, operand

    def read_backward(self, fields: Fields) -> None:
        """Read an edge: take it again."""
        edge = next(self.sweep, None) if self.sweep is not None else None
        if edge is None:
            wrong("the sweep takes no edge here: it has not begun, or taken all")
        node, slot, operand = edge
        for key, wanted in (("node", node.index), ("slot", slot), ("operand", operand.index)):
            if fields.whole(key) != wanted:
                way = f"from node {node.index}, slot {slot}, to {operand.index}"
                fields.fail(key, f"{wanted}: the sweep goes {way} here")
        if fields["gate"] != node.gate.name:
            fields.fail("gate", repr(node.gate.name))
        local, upstream = node.locals[slot], node.total
        product: Array = upstream * local
        before = operand.total
        total = product if before is None else before + product
        self.compare(fields, "upstream", upstream, "the gradient that has arrived at the node")
        if isinstance(local, LinearMap):
            if fields["local"] != local.formula:
                fields.fail("local", repr(local.formula))
        else:
            self.compare(fields, "local", local, f"the local of `{node.gate.name}`")
        self.compare(fields, "product", product, "upstream × local")
        self.compare(fields, "total", total, "what had arrived before and the product")
        if fields["first"] is not (before is None):
            fields.fail("first", "true" if before is None else "false")
        taken = Taken(node.gate, node.params, slot, upstream, local, product)
        note = edge_note(self.number, taken, self.held(node), self.value_of(node))
        if fields["note"] != note:
            fields.fail("note", "null" if note is None else repr(note))
        operand.total = total
        self.current.totals.append(total)

    def held(self, node: Node) -> list[Any]:
        """Return what the operands of a node held when it was computed."""
        return [self.value_of(each, node) if isinstance(each, Node) else each for each in node.operands]

    def value_of(self, node: Node, by: Node | None = None) -> Array:
        """Return what a node held when it, or another, was computed."""
        return self.history.value(node, (by or node).index) if self.history.changes else node.value

    def compare(self, fields: Fields, key: str, wanted: Array, words: str) -> None:
        """Compare a number or tensor with what it must be."""
        found = fields.of_shape(key, self.number, shape_of(wanted))
        if not same(found, wanted):
            wrong(f"`{key}` is {shown(found)}, and {words} is {shown(wanted)}{first_place(found, wanted)}")

    def end_sweep(self) -> None:
        """Check that the sweep took all its edges before something else happens."""
        if self.sweep is not None:
            edge = next(self.sweep, None)
            if edge is not None:
                wrong(f"the sweep is not done: the edge from node {edge[0].index} to {edge[2].index} comes first")
            self.sweep = None

    def close_pass(self) -> None:
        """End a pass, and open the next."""
        self.end_sweep()
        if self.current.is_empty and not self.swept:
            wrong("`pass` leaves out a number")
        self.passes.append(self.current)
        self.current = self.recording.current = Pass()
        self.current.first_index = len(self.nodes)
        self.swept = False


def shown(array: Array) -> str:
    """Show a number, or the shape of a tensor."""
    return f"a tensor of shape {show_shape(array.shape)}" if isinstance(array, Tensor) else clipped(str(array))


def first_place(found: Array, wanted: Array) -> str:
    """Say where two tensors differ."""
    if not isinstance(found, Tensor):
        return ""
    place = next(i for i, (x, y) in enumerate(zip(found.data, wanted.data, strict=True)) if not same(x, y))
    return f" with {clipped(str(wanted.data[place]))} as number {place + 1}, not {clipped(str(found.data[place]))}"
