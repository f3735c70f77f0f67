"""Expressions of the language: from ``ast`` to nodes on the recording.

An expression's value is a node, a literal (a number or nested lists of numbers), or a number off
the tape, which is what ``.grad`` returns and whatever is computed from it. The user's text is never
evaluated by other means.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from stepgrad.calls import (
    FLOAT_TYPES,
    GATE_OF,
    KNOWN_CALLS,
    LITERAL_MAKERS,
    MODULE_NUMBERS,
    MODULES,
    OWN_CALLS,
    Application,
    arguments,
    made_shape,
    resolve,
    signature,
    spelled_call,
)
from stepgrad.errors import GateError, ProgramError, nearest
from stepgrad.gate import Elementwise, Gate, Params
from stepgrad.literals import (
    OffTape,
    Size,
    array_of,
    check_list,
    holds,
    holds_nodes,
    is_whole,
    raw,
    whole_number,
)
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.ops import CONSTANT, GATES, INPUT
from stepgrad.reader import MAX_NESTING, TOO_DEEP, TOO_LONG
from stepgrad.recording import Recording
from stepgrad.refusals import NOT_OPERATORS, NOT_YET
from stepgrad.source import Program, Span
from stepgrad.tape import NO_PARAMS, Node
from stepgrad.tensor import Array, Tensor, checked_item, full, shape_of
from stepgrad.work import steps_for

MAX_BITS = 4_000  # bits of a whole number computed from literals
NOWHERE = ast.Module([], [])

OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
}
ON_INTS: Mapping[str, Callable[[int, int], int]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
}


class Evaluator:
    """Evaluates the expressions of one program on one recording.

    Parameters
    ----------
    program : Program
    number : NumberType
    max_steps : int
        How many statements, gates and edges may be taken.
    """

    def __init__(self, program: Program, number: NumberType, max_steps: int) -> None:
        self.program = program
        self.recording = Recording(number)
        self.number = number
        self.steps_left = self.max_steps = max_steps
        self.values: dict[str, Any] = {}
        self.modules = dict.fromkeys(MODULES, "")
        self.spans: list[Span | None] = []
        self.swept = 0  # the number of the pass swept last
        self.depth = 0

    def evaluate(self, node: ast.expr) -> Any:
        """Return the value of an expression."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            self.fail(f"this is {TOO_DEEP}", node)
        try:
            return self.expression(node)
        finally:
            self.depth -= 1

    def expression(self, node: ast.expr) -> Any:
        """Evaluate by the kind of expression."""
        match node:
            case ast.Constant(value=value):
                return self.constant(node, value)
            case ast.Name(id=name):
                return self.look_up(name, node)
            case ast.BinOp():
                return self.binary(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.evaluate(operand)
                return -value if is_whole(value) else self.apply(GATES["mul"], [value, -1], node)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.evaluate(operand)
            case ast.Call():
                return self.call(node)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Subscript(value=value, slice=index):
                return self.subscript(node, self.evaluate(value), index)
            case ast.List(elts=elements):
                return self.listed([self.evaluate(element) for element in elements], node)
            case ast.Tuple(elts=elements):
                return self.listed(tuple(self.evaluate(element) for element in elements), node)
            case _:
                return self.unknown(node)

    def constant(self, node: ast.expr, value: Any) -> Any:
        """Read a literal: exact numbers from the text, so that 0.1 is 1/10."""
        if isinstance(value, float) and self.number is not FLOAT:
            return self.number.make(self.program.at(self.program.span_of(node)).replace("_", ""))
        if value is None or value is ... or isinstance(value, (int, float)):
            return value
        kind = {str: "text", bytes: "text", complex: "a complex number"}[type(value)]
        return self.fail(f"{kind} is not understood here; write a real number or a name", node)

    def listed(self, value: Any, node: ast.expr) -> Any:
        """Return a list or a tuple, if a tensor of it would not be too large."""
        try:
            check_list(value)
        except GateError as error:
            self.fail(str(error), node)
        return value

    def look_up(self, name: str, node: ast.AST) -> Any:
        """Return what a name stands for."""
        if name in self.values:
            return self.values[name]
        if name in ("inf", "nan"):
            return self.module_number(name, node)
        if name in KNOWN_CALLS:
            self.fail(f"`{name}` is a function; call it, as in `{name}(x)`", node)
        known = nearest(name, [*self.values, *GATE_OF])
        return self.fail(f"`{name}` has no value; assign it on a line before, or supply {name}=…{known}", node)

    def module_number(self, name: str, node: ast.AST) -> Any:
        """Return a number that modules have: ``pi``, ``inf``."""
        try:
            return self.number.make(MODULE_NUMBERS[name])
        except GateError as error:
            self.fail(str(error), node)

    def binary(self, node: ast.BinOp) -> Any:
        """Evaluate a chain of operators from the left, without recursing along it."""
        spine = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            spine.append(left)
            left = left.left
        value = self.evaluate(left)
        for each in reversed(spine):
            value = self.combine(each, each.op, value, self.evaluate(each.right))
        return value

    def combine(self, node: ast.AST, op: ast.operator, left: Any, right: Any) -> Any:
        """Apply an operator; whole literals keep Python's own arithmetic."""
        if type(op) not in OPERATORS:
            spelled = NOT_OPERATORS[type(op)]
            hint = "write `**` for a power" if spelled == "^" else "use + - * / ** @"
            self.fail(f"`{spelled}` has no gate; {hint}", node)
        if any(isinstance(each, tuple) for each in (left, right)) and not holds([left, right], (Node, OffTape, Tensor)):
            self.fail("a tuple is not joined, repeated or computed with; write it out, or a list for a vector", node)
        name = OPERATORS[type(op)]
        if is_whole(left) and is_whole(right) and (name in ON_INTS or (name == "pow" and right >= 0)):
            return self.whole(name, left, right, node)
        return self.apply(GATES[name], [left, right], node)

    def whole(self, name: str, left: int, right: int, node: ast.AST) -> int:
        """Compute with whole numbers, of bounded length: ``9**9**9`` must not hang."""
        bits = max(left.bit_length(), 1) * (max(right, 1) if name == "pow" else 1) + right.bit_length()
        if bits > MAX_BITS:
            self.fail(TOO_LONG, node)
        result = left**right if name == "pow" else ON_INTS[name](left, right)
        return Size(result) if isinstance(left, Size) or isinstance(right, Size) else result

    def attribute(self, node: ast.Attribute) -> Any:
        """Read ``x.T``, ``x.grad``, ``x.shape`` or a number of a module."""
        name = node.attr
        if self.module_of(node.value) is not None:
            if name in MODULE_NUMBERS:
                return self.module_number(name, node)
            if name in KNOWN_CALLS:
                self.fail(f"`{dotted(node)}` is a function; call it, as in `{dotted(node)}(x)`", node)
            self.fail(f"`{dotted(node)}` is not known here{nearest(name, [*KNOWN_CALLS, *MODULE_NUMBERS])}", node)
        value = self.evaluate(node.value)
        if name == "T":
            return self.apply(GATES["transpose"], [value], node, {"axes": None})
        shape = shape_of(raw(self.operand(value, node.value)))
        if name == "shape":
            return tuple(map(Size, shape))
        if name == "ndim":
            return Size(len(shape))
        if name == "grad" and not isinstance(value, Node):
            self.fail("only inputs, and what is computed from them, have a gradient; assign this to a name first", node)
        if name == "grad":
            if not self.swept:
                self.fail("there is no gradient yet; call backward(...) on a line before", node)
            return OffTape(self.gradient(value))
        if name in KNOWN_CALLS:
            self.fail(f"`.{name}` is a function; call it, as in `x.{name}()`", node)
        return self.fail(f"`.{name}` is not known{nearest(name, ['T', 'shape', 'ndim', 'grad', *GATE_OF])}", node)

    def gradient(self, node: Node) -> Array:
        """Return what the last sweep found at a node; zeros if it did not get there."""
        reached = node.home >= self.swept and node.total is not None
        return node.total if reached else full(shape_of(node.value), self.number.make(0))

    def subscript(self, node: ast.expr, value: Any, index: ast.expr) -> Any:
        """Index a list as Python does, and anything else by a gate."""
        items = tuple(self.index_item(each) for each in (index.elts if isinstance(index, ast.Tuple) else [index]))
        if isinstance(value, (list, tuple)) and len(items) == 1 and items[0] is not None and items[0] is not ...:
            try:
                return value[items[0]]
            except IndexError:
                self.fail(f"index {items[0]} is out of range; the list has {len(value)} entries", node)
        return self.apply(GATES["index"], [value], node, {"index": items})

    def index_item(self, node: ast.expr) -> Any:
        """Evaluate one part of an index: a whole number, a slice, ``None`` or ``...``."""
        if isinstance(node, ast.Slice):
            parts = [part and self.index_item(part) for part in (node.lower, node.upper, node.step)]
            try:
                return checked_item(slice(*parts))
            except GateError as error:
                self.fail(str(error), node)
        value = self.evaluate(node)
        if value is None or value is ...:
            return value
        whole = whole_number(raw(value))
        return self.fail("an index is a whole number, a slice, None or `...`", node) if whole is None else whole

    # Calls

    def module_of(self, node: ast.expr) -> str | None:
        """Return the module that a prefix such as ``np`` or ``np.linalg`` means, if it is one."""
        spelled = dotted(node)
        if spelled.split(".")[0] in self.values or spelled not in self.modules:
            return None
        return spelled

    def call(self, node: ast.Call) -> Any:
        """Call a gate by name, by a module's name, or as a method."""
        first: list[Any] = []
        match node.func:
            case ast.Name(id=name):
                if name in self.values:
                    self.fail(f"`{name}` is a value here, not a function; give the value another name", node.func)
                module = ""
            case ast.Attribute(value=prefix, attr=name) if module := self.module_of(prefix) or "":
                pass
            case ast.Attribute(value=ast.Name(id=shadowed) as prefix, attr=name) if shadowed in self.modules:
                self.fail(f"`{shadowed}` is a value here, not the module; give the value another name", prefix)
            case ast.Attribute(value=operand, attr=name):
                module, first = "method", [self.evaluate(operand)]
            case _:
                self.fail("only functions can be called, by name", node.func)
        if any(isinstance(arg, ast.Starred) for arg in node.args) or any(each.arg is None for each in node.keywords):
            self.fail("`*` and `**` arguments are not understood; write the arguments out", node)
        args = [*first, *map(self.evaluate, node.args)]
        return self.named_call(name, module, args, self.keywords(node), node)

    def keywords(self, node: ast.Call) -> dict[str, Any]:
        """Evaluate the arguments that have a name; ``dtype=float`` says nothing new."""
        found: dict[str, Any] = {}
        for name, value in ((each.arg or "", each.value) for each in node.keywords):
            if name in found:
                self.fail(f"`{name}` is given twice; leave one of them out", value)
            if name != "dtype":
                found[name] = self.evaluate(value)
            elif dotted(value) not in FLOAT_TYPES:
                self.fail("every number is a float64 here; leave `dtype` out", value)
        return found

    def named_call(self, name: str, module: str, args: list[Any], keywords: dict[str, Any], node: ast.Call) -> Any:
        """Call what is no gate, or hand on to the table."""
        own: Mapping[str, Callable[..., Any]] = {
            "constant": self.constant_leaf,
            "backward": self.backward_from,
            "len": self.length,
        }
        spelled = spelled_call(name, module)
        try:
            if name in own and (not module or (name, module) == ("backward", "method")):
                return own[name](*arguments(signature(OWN_CALLS[name]), args, keywords, spelled).values(), node)
            if name in LITERAL_MAKERS and module != "method":
                return self.literal_array(name, args, keywords, spelled, node)
            applications = resolve(name, module, args, keywords)
        except GateError as error:
            self.fail(str(error), node)
        if applications is None:
            self.unknown_call(name, module, node.func)
        return self.apply_all(applications, node)

    def literal_array(self, name: str, args: list[Any], keywords: dict[str, Any], spelled: str, node: ast.Call) -> Any:
        """Make what ``np.array``, ``np.zeros`` and ``np.ones`` return; an array is what it is made of."""
        if name in ("zeros", "ones"):
            return full(made_shape(args, keywords, name, spelled), self.number.make(int(name == "ones")))
        return self.operand(arguments(signature(LITERAL_MAKERS[name]), args, keywords, spelled)["object"], node)

    def constant_leaf(self, value: Any, node: ast.Call) -> Node:
        """Record a constant."""
        if isinstance(value, Node) or holds_nodes(value):
            self.fail("`constant` takes a literal; what is computed from constants is constant anyway", node)
        return self.recorded_leaf(value, node, constant=True)

    def backward_from(self, output: Any, gradient: Any, node: ast.Call) -> None:
        """Go backward from a value, with a seed if one is given."""
        if isinstance(output, OffTape):
            self.fail("this was computed from gradients, off the tape; backward starts from a value", node)
        if isinstance(output, (list, tuple)) and holds_nodes(output):
            output = self.operand(output, node)
        if not isinstance(output, Node):
            self.fail("backward starts from one computed value; write `backward(f)`", node)
        self.backward(output, node, None if gradient is None else raw(self.operand(gradient, node)))

    def apply_all(self, applications: Sequence[Application], node: ast.AST) -> Any:
        """Apply gates one after the other, ``...`` being the result so far."""
        result = None
        for gate, operands, params in applications:
            result = self.apply(gate, [result if each is ... else each for each in operands], node, params)
        return result

    def unknown_call(self, name: str, module: str, node: ast.expr) -> NoReturn:
        """Refuse a function that is not there, and say how to write the one that is meant."""
        if name == "print" and not module:
            self.fail("`print` is not understood yet; leave it out, every value is in the trace", node)
        spelled = f".{name}" if module == "method" else spelled_call(name, module)
        text = {**OWN_CALLS, **LITERAL_MAKERS}.get(name)
        hint = f"; write `{text}`" if text else nearest(name, KNOWN_CALLS) or "; `stepgrad gates` lists what is"
        self.fail(f"`{spelled}` is not known{hint}", node)

    def length(self, value: Any, node: ast.AST) -> Size:
        """Return how many entries a list or the first axis of a tensor has."""
        if isinstance(value, (list, tuple)):
            return Size(len(value))
        shape = shape_of(raw(self.operand(value, node)))
        if not shape:
            self.fail("a number has no length; `len` takes a list or a tensor", node)
        return Size(shape[0])

    def backward(self, output: Node, place: ast.AST, seed: Array) -> None:
        """Run the reverse sweep, from zero."""
        try:
            swept = self.recording.backward(output, seed)
        except GateError as error:
            self.fail(str(error), place)
        self.swept = self.recording.current.after = swept.number
        self.spend(1 + len(swept.totals), place)

    # Recording

    def apply(self, gate: Gate, operands: Sequence[Any], place: ast.AST, params: Params = NO_PARAMS) -> Any:
        """Apply a gate: recorded if a node is among the operands, computed at once if not.

        What is computed from a number off the tape stays off the tape.
        """
        ready = [self.operand(operand, place) for operand in operands]
        off_tape = any(isinstance(operand, OffTape) for operand in ready)
        shapes = [shape_of(raw(operand)) for operand in ready]
        try:
            if any(shapes) or not isinstance(gate, Elementwise):
                self.spend(steps_for(gate, gate.aligned(shapes)), place)
            if off_tape or not any(isinstance(operand, Node) for operand in ready):
                found = self.recording.compute(gate, [raw(operand) for operand in ready], params)
                return OffTape(found) if off_tape else found
            node = self.recording.apply(gate, ready, params)
        except GateError as error:
            self.fail(str(error), place)
        self.recorded(self.program.span_of(place), place)
        return node

    def recorded_leaf(
        self, value: Any, target: ast.AST | None, source: ast.AST | None = None, *, constant: bool = False
    ) -> Node:
        """Record an input or a constant from a literal."""
        ready = self.operand(value, source or target or NOWHERE)
        gate = CONSTANT if constant else INPUT
        self.spend(steps_for(gate, [shape_of(ready)]), target or NOWHERE)
        node = self.recording.leaf(ready, gate)
        self.recorded(self.program.span_of(target, source) if target else None)
        return node

    def operand(self, value: Any, place: ast.AST) -> Any:
        """Bring a value to what gates take: a node, a number, a tensor, or one off the tape."""
        if isinstance(value, (Node, OffTape, Tensor)):
            return value
        if isinstance(value, (list, tuple)) and holds(value, (Node, OffTape, Tensor)):
            return self.apply(GATES["stack"], value, place, {"axis": 0})
        try:
            return array_of(value, self.number)
        except GateError as error:
            return self.fail(str(error), place)

    def recorded(self, span: Span | None, place: ast.AST | None = None) -> None:
        """Note where the nodes just recorded stand in the program."""
        new = self.recording.node_count - len(self.spans)
        self.spans += [span] * new
        self.spend(new, place or NOWHERE)

    def spend(self, steps: int, place: ast.AST) -> None:
        """Count statements, gates and edges against the limit."""
        self.steps_left -= steps
        if self.steps_left < 0:
            self.fail(f"the program takes more than {self.max_steps:,} steps; shorten it, or raise --max-steps", place)

    # Complaints

    def unknown(self, node: ast.AST) -> NoReturn:
        """Refuse what the language does not have."""
        what = NOT_YET.get(type(node), "this")
        self.fail(f"{what} cannot be used yet; write the steps out one after another, as assignments", node)

    def fail(self, sentence: str, node: ast.AST) -> NoReturn:
        """Raise an error with its place."""
        raise ProgramError(sentence, self.program, self.program.span_of(node)) from None


def dotted(node: ast.expr) -> str:
    """Spell a name with its prefixes, as ``np.linalg``; empty for any other expression."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
