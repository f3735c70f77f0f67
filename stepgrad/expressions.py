"""Expressions of the language: from ``ast`` to nodes on the recording.

An expression's value is a node, a literal (a number or nested lists of numbers), or a number off
the tape, which is what ``.grad`` returns and whatever is computed from it. The user's text is never
evaluated by other means.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from stepgrad.calls import GATE_OF, LITERAL_MAKERS, MODULE_NUMBERS, MODULES, Application, resolve
from stepgrad.errors import GateError, ProgramError, nearest
from stepgrad.gate import Gate, Params
from stepgrad.literals import OffTape, Size, holds_nodes, is_whole, literal, raw, whole_number
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.ops import GATES
from stepgrad.reader import MAX_NESTING
from stepgrad.recording import Recording
from stepgrad.source import Program, Span
from stepgrad.tape import NO_PARAMS, Node
from stepgrad.tensor import Array, Tensor, from_nested, full, shape_of

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
NOT_YET = {
    ast.For: "loops",
    ast.While: "loops",
    ast.If: "`if`",
    ast.IfExp: "`if`",
    ast.FunctionDef: "functions",
    ast.Lambda: "functions",
    ast.ListComp: "list comprehensions",
    ast.GeneratorExp: "list comprehensions",
    ast.Compare: "comparisons",
    ast.BoolOp: "`and` and `or`",
    ast.With: "`with` blocks",
    ast.JoinedStr: "strings",
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
        self.swept = False
        self.depth = 0

    def evaluate(self, node: ast.expr) -> Any:
        """Return the value of an expression."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            self.fail("this is nested too deeply; name parts of it on lines of their own", node)
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
                return [self.evaluate(element) for element in elements]
            case ast.Tuple(elts=elements):
                return tuple(self.evaluate(element) for element in elements)
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

    def look_up(self, name: str, node: ast.AST) -> Any:
        """Return what a name stands for."""
        if name in self.values:
            return self.values[name]
        if name in ("inf", "nan"):
            return self.number.make(name)
        if name in GATE_OF or name in ("constant", "backward"):
            self.fail(f"`{name}` is a function; call it, as in `{name}(x)`", node)
        known = nearest(name, [*self.values, *GATE_OF])
        return self.fail(f"`{name}` has no value; assign it on a line before, or supply {name}=…{known}", node)

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
            spelled = {ast.FloorDiv: "//", ast.Mod: "%", ast.BitXor: "^"}.get(type(op), "this operator")
            hint = "write `**` for a power" if spelled == "^" else "use + - * / ** @"
            self.fail(f"`{spelled}` has no gate; {hint}", node)
        name = OPERATORS[type(op)]
        if is_whole(left) and is_whole(right) and (name in ON_INTS or (name == "pow" and right >= 0)):
            return self.whole(name, left, right, node)
        return self.apply(GATES[name], [left, right], node)

    def whole(self, name: str, left: int, right: int, node: ast.AST) -> int:
        """Compute with whole numbers, of bounded length: ``9**9**9`` must not hang."""
        bits = max(left.bit_length(), 1) * (max(right, 1) if name == "pow" else 1) + right.bit_length()
        if bits > MAX_BITS:
            self.fail("this whole number has too many digits; write it as a float, as in 1e9", node)
        result = left**right if name == "pow" else ON_INTS[name](left, right)
        return Size(result) if isinstance(left, Size) or isinstance(right, Size) else result

    def attribute(self, node: ast.Attribute) -> Any:
        """Read ``x.T``, ``x.grad``, ``x.shape`` or a number of a module."""
        name = node.attr
        if self.module_of(node.value) is not None:
            if name in MODULE_NUMBERS:
                return self.number.make(MODULE_NUMBERS[name])
            self.fail(f"`{ast.unparse(node)}` is not known here{nearest(name, [*GATE_OF, *MODULE_NUMBERS])}", node)
        value = self.evaluate(node.value)
        if name == "T":
            return self.apply(GATES["transpose"], [value], node, {"axes": None})
        shape = shape_of(raw(self.operand(value, node.value)))
        if name == "shape":
            return tuple(map(Size, shape))
        if name == "ndim":
            return Size(len(shape))
        if name == "grad" and isinstance(value, Node):
            if not self.swept:
                self.fail("there is no gradient yet; call backward(...) on a line before", node)
            return OffTape(self.gradient(value))
        return self.fail(f"`.{name}` is not known{nearest(name, ['T', 'shape', 'ndim', 'grad', *GATE_OF])}", node)

    def gradient(self, node: Node) -> Array:
        """Return what the last sweep found at a node; zeros if it did not get there."""
        last = next(each for each in reversed(self.recording.passes) if each.output)
        reached = node.home == last.number and node.total is not None
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
            return slice(*(part and self.index_item(part) for part in (node.lower, node.upper, node.step)))
        value = self.evaluate(node)
        if value is None or value is ...:
            return value
        whole = whole_number(raw(value))
        return self.fail("an index is a whole number, a slice, None or `...`", node) if whole is None else whole

    # Calls

    def module_of(self, node: ast.expr) -> str | None:
        """Return the module that a prefix such as ``np`` or ``np.linalg`` means, if it is one."""
        spelled = ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
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
            case ast.Attribute(value=operand, attr=name):
                module, first = "method", [self.evaluate(operand)]
            case _:
                self.fail("only functions can be called, by name", node.func)
        if any(isinstance(arg, ast.Starred) for arg in node.args) or any(each.arg is None for each in node.keywords):
            self.fail("`*` and `**` arguments are not understood; write the arguments out", node)
        args = [*first, *map(self.evaluate, node.args)]
        keywords = {each.arg: self.evaluate(each.value) for each in node.keywords if each.arg}
        return self.special(name, module, args, keywords, node)

    def special(self, name: str, module: str, args: list[Any], keywords: dict[str, Any], node: ast.Call) -> Any:
        """Call what is no gate, or hand on to the table."""
        match name, args:
            case "constant", [value] if not module:
                if isinstance(value, Node) or holds_nodes(value):
                    self.fail("`constant` takes a literal; what is computed from constants is constant anyway", node)
                return self.recorded_leaf(value, node, constant=True)
            case "backward", [Node() as output, *seed] if module in ("", "method") and len(seed) < 2:
                return self.backward(output, node, raw(self.operand(seed[0], node)) if seed else None)
            case "backward", [OffTape(), *_]:
                self.fail("this was computed from gradients, off the tape; backward starts from a value", node)
            case "backward", _:
                self.fail("backward starts from one computed value; write `backward(f)`", node)
            case "len", [value] if not module:
                return self.length(value, node)
            case "print", _ if not module:
                self.fail("`print` is not understood yet; leave it out, every value is in the trace", node)
        try:
            if name in LITERAL_MAKERS and module not in ("", "method"):
                return LITERAL_MAKERS[name](*map(literal, args))
            applications = resolve(name, module, args, keywords)
        except GateError as error:
            self.fail(str(error), node)
        if applications is None:
            known = [*GATE_OF, "constant", "backward", *LITERAL_MAKERS]
            self.fail(f"`{ast.unparse(node.func)}` is not known{nearest(name, known)}", node.func)
        return self.apply_all(applications, node)

    def apply_all(self, applications: Sequence[Application], node: ast.AST) -> Any:
        """Apply gates one after the other, ``...`` being the result so far."""
        result = None
        for gate, operands, params in applications:
            result = self.apply(gate, [result if each is ... else each for each in operands], node, params)
        return result

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
        self.swept = True
        self.spend(1 + len(swept.totals), place)

    # Recording

    def apply(self, gate: Gate, operands: Sequence[Any], place: ast.AST, params: Params = NO_PARAMS) -> Any:
        """Apply a gate: recorded if a node is among the operands, computed at once if not.

        What is computed from a number off the tape stays off the tape.
        """
        ready = [self.operand(operand, place) for operand in operands]
        off_tape = any(isinstance(operand, OffTape) for operand in ready)
        try:
            if off_tape or not any(isinstance(operand, Node) for operand in ready):
                found = self.recording.compute(gate, [raw(operand) for operand in ready], params)
                return OffTape(found) if off_tape else found
            if gate.name == "matmul":
                return self.matmul(ready, place)
            node = self.recording.apply(gate, ready, params)
        except GateError as error:
            self.fail(str(error), place)
        self.recorded(self.program.span_of(place), place)
        return node

    def matmul(self, operands: list[Any], place: ast.AST) -> Node:
        """Multiply; a vector beside a stack of matrices is first made a row or a column, as NumPy does."""
        ranks = [len(shape_of(raw(operand))) for operand in operands]
        index: tuple[Any, ...] | None = None
        if 1 in ranks and max(ranks) > 2:
            side = ranks.index(1)
            size = shape_of(raw(operands[side]))[0]
            shape, index = ((1, size), (..., 0, slice(None))) if side == 0 else ((size, 1), (..., 0))
            operands[side] = self.apply(GATES["reshape"], [operands[side]], place, {"shape": shape})
        product = self.recording.apply(GATES["matmul"], operands)
        self.recorded(self.program.span_of(place), place)
        if index is None:
            return product
        node: Node = self.apply(GATES["index"], [product], place, {"index": index})
        return node

    def recorded_leaf(
        self, value: Any, target: ast.AST | None, source: ast.AST | None = None, *, constant: bool = False
    ) -> Node:
        """Record an input or a constant from a literal."""
        ready = self.operand(value, source or target or NOWHERE)
        node = self.recording.constant(ready) if constant else self.recording.leaf(ready)
        self.recorded(self.program.span_of(target, source) if target else None)
        return node

    def operand(self, value: Any, place: ast.AST) -> Any:
        """Bring a value to what gates take: a node, a number, a tensor, or one off the tape."""
        if isinstance(value, (Node, OffTape, Tensor)):
            return value
        if isinstance(value, (list, tuple)):
            if holds_nodes(value):
                return self.apply(GATES["stack"], value, place, {"axis": 0})
            if not value:
                return Tensor((0,), [])
        elif not isinstance(value, (int, float, self.number.kind)) or isinstance(value, bool):
            spelled = {type(None): "nothing", bool: "True or False"}.get(type(value), "this")
            self.fail(f"{spelled} is not a number; give a number, a list of numbers or a name", place)
        try:
            return from_nested(value, self.make)
        except GateError as error:
            return self.fail(str(error), place)
        except OverflowError:
            return self.fail("this number is larger than float64 can hold; keep it under 1.8e308", place)

    def make(self, value: Any) -> Any:
        """Make a number of the type in use."""
        if isinstance(value, Tensor) or value is None or isinstance(value, (bool, str)):
            raise GateError("a list holds numbers, or lists of them, all of the same length")
        return self.number.make(value)

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
        what = NOT_YET.get(type(node), f"`{type(node).__name__}`")
        self.fail(f"{what} cannot be used yet; write the steps out one after another, as assignments", node)

    def fail(self, sentence: str, node: ast.AST) -> NoReturn:
        """Raise an error with its place."""
        raise ProgramError(sentence, self.program, self.program.span_of(node)) from None
