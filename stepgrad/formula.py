"""Formulas: the text of a gate's row, compiled once per number type, and printed for people.

In a row's text ``x`` and ``y`` are the operands and ``z`` is the result. The same text is compiled
into a function on numbers, into one on lists of numbers, and into the fast methods of ``Value``;
so whatever computes a gate gives the same bits.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from stepgrad.dots import WRITTEN_OUT, unpacked
from stepgrad.numeric import NumberType
from stepgrad.tensor import Number

OPERANDS = ("x", "y")

NAMES = re.compile(r"\b[xyz]\b")  # in a formula

Kernel = Callable[..., tuple[Any, ...]]  # operands → result and locals


class Arithmetic(ast.NodeTransformer):
    """Rewrite a formula for a number type: its numbers, its power and, for IEEE, all that can raise."""

    def __init__(self, number: NumberType, names: dict[str, Any], ieee: bool) -> None:
        self.number = number
        self.names = names
        self.prefix = "ieee_" if ieee else ""
        self.calls: dict[type[ast.operator], str] = {ast.Pow: "pow", ast.Div: "div"} if ieee else {ast.Pow: "pow"}

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Have the number type make the number: a fraction times 0.5 would become a float."""
        name = f"n{len(self.names)}"
        self.names[name] = self.number.make(str(node.value))
        return ast.Name(name, ast.Load())

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Have the number type say what a closed gate multiplies by."""
        if node.id == "closed":
            self.names["closed"] = self.number.closed
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Call the type's own power always, its own division where Python's would raise."""
        self.generic_visit(node)
        if type(node.op) not in self.calls:
            return node
        function = ast.Name(self.prefix + self.calls[type(node.op)], ast.Load())
        return ast.Call(function, [node.left, node.right], [])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Call the namespace's function."""
        self.generic_visit(node)
        node.func = ast.Name(self.prefix + ast.unparse(node.func), ast.Load())
        return node


def for_number_type(text: str, number: NumberType, names: dict[str, Any], *, ieee: bool) -> str:
    """Return the formula's source as this number type computes it; the numbers made go to ``names``."""
    tree = Arithmetic(number, names, ieee).visit(ast.parse(text, mode="eval"))
    code = ast.unparse(ast.fix_missing_locations(tree))
    return f"bounded({code})" if "bounded" in number.fast and tree.body.__class__ is not ast.Name else code


def namespace_of(number: NumberType) -> dict[str, Any]:
    """Return the functions that a compiled formula may call, the IEEE ones prefixed."""
    return {**number.numbers, **number.fast, **{f"ieee_{name}": function for name, function in number.ieee.items()}}


def require_functions(gate: str, texts: Iterable[str], number: NumberType) -> None:
    """Check that the number type has every function that the formulas call."""
    for text in texts:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call):
                number.require(ast.unparse(node.func), gate)


@cache
def compile_kernel(
    gate: str, forward: str, local_texts: tuple[str | None, ...], number: NumberType, size: int | None
) -> Kernel:
    """Compile a row into a function from operands to the result and the locals.

    Parameters
    ----------
    gate : str
        The gate's name, for errors and tracebacks.
    forward : str
        The formula of the result in ``x`` and ``y``.
    local_texts : tuple of str or None
        The formulas of the locals in ``x``, ``y`` and ``z``; None where one is not wanted.
    number : NumberType
        What to compute with.
    size : int or None
        How many numbers there are in operands, result and locals, which then are lists: up to ``WRITTEN_OUT``
        they are written out one by one, beyond it the size does not matter. None: they are numbers.

    Raises
    ------
    GateError
        If the number type lacks a function that the row needs.
    """
    require_functions(gate, (forward, *filter(None, local_texts)), number)
    operands = OPERANDS[: len(local_texts)]
    over_lists = size is not None
    written = range(size) if size is not None and 0 < size <= WRITTEN_OUT else ()
    result = "zs" if over_lists else "z"
    namespace = namespace_of(number)

    def each(text: str | None, over: tuple[str, ...], ieee: bool) -> str:
        if text is None:
            return "None"
        code = for_number_type(text, number, namespace, ieee=ieee)
        if over_lists and code in over:
            return f"{code}s"
        if over_lists and code in namespace:  # a number
            return f"[{code}] * len({over[-1]}s)"
        if written:
            return f"[{', '.join(numbered(code, i) for i in written)}]"
        if len(over) == 1:
            return f"[{code} for {over[0]} in {over[0]}s]" if over_lists else code
        lists = ", ".join(f"{name}s" for name in over)
        return f"[{code} for {', '.join(over)} in zip({lists}, strict=True)]" if over_lists else code

    def attempt(ieee: bool) -> str:
        found = [each(text, ("z", *operands), ieee) for text in local_texts]
        lines = [f"{result} = {each(forward, operands, ieee)}"]
        lines += [unpacked("z", len(written))] if any("z0" in text for text in found) else []
        return f"{'; '.join(lines)}; return {result}, {', '.join(found)}"

    source = (
        f"def kernel({', '.join(f'{name}s' if over_lists else name for name in operands)}):\n"
        + "".join(f"    {unpacked(name, len(written))}\n" for name in operands if written)
        + f"    try: {attempt(ieee=False)}\n"
        f"    except (ArithmeticError, ValueError): {attempt(ieee=True)}\n"
    )
    exec(compile(source, f"<gate {gate}>", "exec"), namespace)
    kernel: Kernel = namespace["kernel"]
    return kernel


def numbered(code: str, place: int) -> str:
    """Rewrite a formula for the numbers at one place of its lists: ``x*y`` to ``x3*y3``."""
    return NAMES.sub(lambda name: f"{name[0]}{place}", code)


def put_in(code: str, places: Mapping[str, str]) -> str:
    """Rewrite a formula for what its operands and its result are called elsewhere: ``x*y`` to ``a.value*b.value``."""
    return NAMES.sub(lambda name: places[name[0]], code)


@cache
def compile_formula(text: str, number: NumberType) -> Callable[..., Any]:
    """Compile one formula or condition of a row into a total function of ``x``, ``y`` and ``z``."""
    namespace = namespace_of(number)
    code = for_number_type(text, number, namespace, ieee=True)
    exec(compile(f"def formula(x, y=None, z=None): return {code}", "<formula>", "exec"), namespace)
    formula: Callable[..., Any] = namespace["formula"]
    return formula


class Folding(ast.NodeTransformer):
    """Put a literal in for an operand and fold what can be folded: ``y*x**(y-1)`` to ``2*x``."""

    def __init__(self, literals: Mapping[str, Number]) -> None:
        self.literals = literals

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace an operand by its literal, whole numbers without a point."""
        if node.id not in self.literals:
            return node
        literal = self.literals[node.id]
        if isinstance(literal, Decimal) and Decimal(repr(float(literal))) == literal:
            literal = float(literal)
        if isinstance(literal, (Fraction, Decimal)) and literal == literal:
            above, below = (ast.Constant(each) for each in literal.as_integer_ratio())
            return above if below.value == 1 else ast.BinOp(above, ast.Div(), below)
        whole = literal == literal and abs(literal) < 1e15 and literal == int(literal)
        return ast.Constant(int(literal) if whole else literal)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Fold whole numbers, ``1*a``, ``a*1`` and ``a**1``."""
        self.generic_visit(node)
        match node:
            case ast.BinOp(ast.Constant(int() as a), ast.Add(), ast.Constant(int() as b)):
                return ast.Constant(a + b)
            case ast.BinOp(ast.Constant(int() as a), ast.Sub(), ast.Constant(int() as b)):
                return ast.Constant(a - b)
            case ast.BinOp(ast.Constant(1), ast.Mult(), rest) | ast.BinOp(
                rest, ast.Mult() | ast.Pow(), ast.Constant(1)
            ):
                return rest
        return node


def fold(text: str, literals: Mapping[str, Number]) -> str:
    """Return a formula with literal operands put in.

    >>> fold("y*x**(y - 1)", {"y": 2.0}), fold("-x/y**2", {"x": 1.0})
    ('2 * x', '-1 / y ** 2')
    """
    if not any(letter in text for letter in literals):
        return text
    return ast.unparse(Folding(literals).visit(ast.parse(text, mode="eval")))


SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
OPERATOR = re.compile(r" ?(\*\*|[*/]) ?")


def spell(text: str, names: Mapping[str, str], *, ascii_only: bool = False) -> str:
    """Spell a formula for people, its operands by their names.

    >>> spell("-x/y**2", {"x": "a", "y": "b"}), spell("2*x", {"x": "q"}, ascii_only=True)
    ('-a/b²', '2*q')
    """
    spelled = OPERATOR.sub(lambda match: match[1], text)
    spelled = NAMES.sub(lambda match: names.get(match[0], match[0]), spelled)
    if ascii_only:
        return spelled
    spelled = re.sub(r"\*\*(\d+)(?![\d.])", lambda match: match[1].translate(SUPERSCRIPTS), spelled)
    return spelled.replace("**", "^").replace("*", "·")
