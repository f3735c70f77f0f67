"""Loading: a saved trace, checked line by line, becomes a trace again; the program is not run.

The lines say what the tape was: every forward line is applied again by the rule of its gate, on the values
of the lines before, and every edge is taken again by the sweep. So the locals of tensors, which a file tells as
formulas, are maps again; and whatever a line says must be what comes out, to the bit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

from stepgrad.equality import same
from stepgrad.errors import GateError, InputError, TraceError
from stepgrad.events import Name
from stepgrad.formats.jsonl import CHECKSUM, KEYS
from stepgrad.gate import Gate
from stepgrad.language import MAX_STEPS, collector_paused
from stepgrad.linear import LinearMap
from stepgrad.notes import Taken, edge_note, forward_note
from stepgrad.numeric import NumberType
from stepgrad.ops import CONSTANT, GATES, INPUT
from stepgrad.recording import History, Recording
from stepgrad.saved import (
    KINDS,
    MAX_LINE,
    UNUSED,
    Fields,
    Wrong,
    array_of,
    check_unused,
    clipped,
    header_of,
    is_whole,
    number_type,
    params_of,
    parsed,
    span_of,
    wrong,
)  # fmt: skip
from stepgrad.scopes import Call
from stepgrad.source import Program, Span
from stepgrad.tape import Node, Pass, Printed, Updated
from stepgrad.tensor import Array, Tensor, shape_of, show_shape
from stepgrad.trace import Trace, change_of
from stepgrad.work import steps_for

LEAVES: Mapping[str, Gate] = {gate.name: gate for gate in (INPUT, CONSTANT)}
SEALED = re.compile(rb',"%s":([0-9]{1,10})\}' % CHECKSUM.encode())
START = b'{"format":"stepgrad trace"'


def load(path: str | PathLike[str], *, max_steps: int = MAX_STEPS) -> Trace:
    """Load a trace that was saved as JSON Lines; the program is not run.

    Everything in the file is checked: that each line follows from the lines before, to the bit.

    Parameters
    ----------
    path : str or path
    max_steps : int
        How much work on tensors the trace may take to check, in the steps by which programs are limited too.

    Returns
    -------
    Trace
        Equal to the one that was saved.

    Raises
    ------
    TraceError
        If something is wrong: ``str(error)`` is ``FILE:LINE: sentence``.
    InputError
        If the file cannot be read.

    Examples
    --------
    >>> import os, stepgrad, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trace = stepgrad.run("f = x * x", x=3)
    ...     stepgrad.save(trace, os.path.join(folder, "f.jsonl"))
    ...     stepgrad.load(os.path.join(folder, "f.jsonl")) == trace
    True
    """
    name = fspath(path)
    try:
        with Path(path).open("rb") as file:
            return read_trace(file, name, max_steps)
    except OSError as error:
        raise InputError(f"{name!r} cannot be read: {error.strerror}; name a saved trace") from None
    except ValueError:
        raise InputError(f"{name!r} is no name of a file; name a saved trace") from None


def read_trace(file: BinaryIO, name: str, max_steps: int = MAX_STEPS) -> Trace:
    """Load a trace from an open file.

    Raises
    ------
    TraceError
        If something is wrong.
    """
    lines = Lines(file, name)
    with collector_paused(), lines.told():
        return Loader(lines, max_steps).trace()


def is_saved(start: bytes) -> bool:
    """Whether a file that begins so is a saved trace rather than a program."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((START, START.replace(b":", b": ")))


class Lines:
    """The lines of a file, one at a time, with the checksum of all so far."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file = file
        self.name = name
        self.count = 0
        self.sum = 0
        self.sealed: bool | None = None
        self.cut_off = False

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell what is wrong, and in which line."""
        try:
            yield
        except Wrong as error:
            raise TraceError(str(error), self.name, max(self.count, 1)) from None

    def next(self) -> bytes | None:
        """Return the next line without its end; None where the file ends."""
        line = self.file.readline(MAX_LINE + 1)
        if not line:
            return None
        self.count += 1
        if len(line) > MAX_LINE:
            wrong(f"the line is longer than {MAX_LINE:,} bytes; no step of a program is")
        self.cut_off = not line.endswith(b"\n")
        line = line.removeprefix(b"\xef\xbb\xbf") if self.count == 1 else line
        return line.removesuffix(b"\n").removesuffix(b"\r")

    def check(self, line: bytes) -> None:
        """Check that a line is as it was written: asked after all else, which tells more about what is wrong."""
        place = line.rfind(b',"%s":' % CHECKSUM.encode())
        seal = SEALED.fullmatch(line, place) if place >= 0 else None
        if self.sealed is None:
            self.sealed = seal is not None
        if seal is None and not self.sealed:
            return
        if seal is None or not self.sealed:
            wrong(f"`{CHECKSUM}` stands in all lines, or in none; in this one it is otherwise than before")
        self.sum = crc32(line[:place], self.sum)
        if self.sum != int(seal[1]):
            wrong("the line is not as it was written: its checksum differs; get the file anew, or remove all checksums")


class Loader:
    """Rebuilds the tape from the lines of one file."""

    def __init__(self, lines: Lines, max_steps: int) -> None:
        self.lines = lines
        self.work_left = max_steps
        self.nodes: list[Node] = []
        self.spans: list[Span | None] = []
        self.names: dict[Node, Name] = {}
        self.taken: set[Name] = set()
        self.passes: list[Pass] = []
        self.sweep: Iterator[tuple[Node, int, Node]] | None = None  # while, and after, it goes backward
        self.swept = False
        self.history = History()
        self.calls: list[Call] = []
        self.results: list[int | None] = []  # the indices of what they returned
        self.under_way: list[int] = []
        self.next_call = 0

    def trace(self) -> Trace:
        """Read all lines."""
        try:
            self.read_header()
        except Wrong:
            if self.lines.cut_off:
                wrong("the file ends within its header; it was cut off, or is still being written")
            raise
        for step in range(1, self.steps + 1):
            line = self.lines.next()
            if line is None:
                self.lines.count += 1
                wrong(f"the file ends before step {step} of {self.steps}; it was cut off, or is still being written")
            try:
                self.read_event(Fields(parsed(line, KEYS)), step)
            except Wrong:
                if self.lines.cut_off:
                    wrong(
                        f"the file ends within step {step} of {self.steps}; it was cut off, or is still being written"
                    )
                raise
            self.lines.check(line)
        return self.finished()

    def read_header(self) -> None:
        """Read the first line."""
        line = self.lines.next()
        if line is None:
            wrong("the file is empty; a saved trace begins with a header")
        self.header = header = header_of(line)
        self.number: NumberType = number_type(header)
        self.recording = Recording(self.number, keep=False)
        self.current = self.recording.current
        self.steps, self.node_count = header.whole("steps"), header.whole("nodes")
        self.pass_count = header.whole("passes")
        text, filename = header.text_or_null("program"), header.text_or_null("filename")
        if (text is None) != (filename is None):
            wrong("`program` and `filename` are both texts, or both null")
        self.program = None if text is None or filename is None else Program(text, filename)
        header.text("output")
        self.asked = header.text_or_null("asked")
        given = header.entries("given")
        if not all(isinstance(each, list) and len(each) == 2 and isinstance(each[0], str) for each in given):
            header.fail("given", "a list of pairs: name and value")
        self.given = {name: array_of(value, self.number, "given") for name, value in given}
        self.result = (
            None if header["result"] is None else header.whole("result", self.node_count, "the index of a node")
        )
        self.read_calls(header)
        self.lines.check(line)

    def read_calls(self, header: Fields) -> None:
        """Read the calls of functions: name, span, caller, first node, the one after the last, result."""
        for k, each in enumerate(header.entries("calls")):
            if not isinstance(each, list) or len(each) != 9 or not isinstance(each[0], str):
                header.fail("calls", "a list of calls with nine entries each")
            name, *four, caller, start, stop, result = each
            span = span_of(four)
            if span is None or not is_whole(stop, self.node_count + 1) or not is_whole(start, stop + 1):
                wrong(f"`calls`: call {k} has no place in the program, or makes nodes that are not there")
            if not (caller is None or is_whole(caller, k)) or not (result is None or is_whole(result, self.node_count)):
                wrong(f"`calls`: call {k} is made by a call, or returns a node, that is not there")
            if self.calls and start < self.calls[-1].start:
                wrong(f"`calls`: call {k} begins before the one before it")
            if caller is not None and not self.calls[caller].start <= start <= stop <= self.calls[caller].stop:
                wrong(f"`calls`: call {k} lies outside of the call that made it")
            self.calls.append(Call(name, span, caller, start, stop, None))
            self.results.append(result)

    # Events

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
        if fields.wholes("path", len(self.calls)) != self.path(len(self.nodes) - 1):
            fields.fail("path", str(self.path(len(self.nodes) - 1)))

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
            self.history.changes.setdefault(node, []).append((len(self.nodes), node.value))
            node.value = value

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
            name = Name(fields.text("name"), fields.whole("version"))
            if not name.text or not name.version or name in self.taken:
                wrong(f"there is a {clipped(name.text)!r} of version {name.version} already, or can be none")
            self.names[node] = name
            self.taken.add(name)

    def path(self, node: int) -> list[int]:
        """Return the calls within which a node lies."""
        calls = self.calls
        while self.under_way and node >= calls[self.under_way[-1]].stop:
            self.under_way.pop()
        while self.next_call < len(calls) and calls[self.next_call].start <= node:
            if node < calls[self.next_call].stop:
                self.under_way.append(self.next_call)
            self.next_call += 1
        return self.under_way

    def read_print(self, fields: Fields) -> None:
        """Read what was printed."""
        self.end_sweep()
        mark = Printed(fields.text("text"), fields.span())
        if self.swept:
            self.current.tail.append(mark)
        else:
            self.current.marks.append((len(self.current.nodes), mark))

    def read_update(self, fields: Fields) -> None:
        """Read an update: a fresh input."""
        self.end_sweep()
        if not self.swept:
            wrong("an update follows the backward sweep of its pass, and this one has none before it")
        old, new = fields.array("old", self.number), fields.array("value", self.number)
        change = change_of(old, new)
        if change is None:
            if fields["change"] is not None:
                fields.fail("change", "null, since the shapes of `old` and `value` differ")
        elif not same(fields.array("change", self.number), change):
            fields.fail("change", f"`value` - `old`, which is {shown(change)}")
        node = self.recording.leaf(new)
        self.take(fields, node)
        self.current.tail.append(Updated(node, old, new))

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
            node.renew()
        current.output = output
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

    def finished(self) -> Trace:
        """Check the end of the file, and make the trace."""
        line = self.lines.next()
        if line is not None:
            wrong(f"the trace has {self.steps} steps, and here is another line")
        if self.steps:
            self.close_pass()
        for key, count in (("nodes", len(self.nodes)), ("passes", len(self.passes))):
            if self.header[key] != count:
                wrong(f"the file ends with {count} {key}, and the header has `{key}` {self.header[key]}")
        self.check_versions()
        trace = Trace(
            self.passes,
            self.number,
            program=self.program,
            names=dict(sorted(self.names.items(), key=lambda each: each[1].version)),
            spans=self.spans,
            calls=[self.returned(*each) for each in zip(self.calls, self.results, strict=True)],
            history=self.history,
            result=self.output(),
            given=self.given,
            asked=self.asked,
        )
        if trace.output != self.header["output"]:
            wrong(f"the header has `output` {clipped(self.header['output'])!r}, and that is {trace.output!r}")
        return trace

    def returned(self, call: Call, result: int | None) -> Call:
        """Complete a call by the node that it returned."""
        return call if result is None else call._replace(result=self.nodes[result])

    def output(self) -> Node | None:
        """Return the last output."""
        swept = [each.output for each in self.passes if each.output is not None]
        result = None if self.result is None else self.nodes[self.result]
        if (result is None) != (not self.nodes) or (swept and result is not swept[-1]):
            wrong(f"the header has `result` {self.result}, from which the last sweep did not start")
        return result

    def check_versions(self) -> None:
        """Check that the versions of every name count from 1."""
        counts = Counter(name.text for name in self.names.values())
        for name in self.names.values():
            if name.version > counts[name.text]:
                have = counts[name.text]
                wrong(f"there is a {clipped(name.text)!r} of version {name.version}, and only {have} of them")


def shown(array: Array) -> str:
    """Show a number, or the shape of a tensor."""
    return f"a tensor of shape {show_shape(array.shape)}" if isinstance(array, Tensor) else clipped(str(array))


def first_place(found: Array, wanted: Array) -> str:
    """Say where two tensors differ."""
    if not isinstance(found, Tensor):
        return ""
    place = next(i for i, (x, y) in enumerate(zip(found.data, wanted.data, strict=True)) if not same(x, y))
    return f" with {clipped(str(wanted.data[place]))} as number {place + 1}, not {clipped(str(found.data[place]))}"
