"""Which statements can be repeated from a list of what they did the last time.

Those whose course no value can change: without prints, without whole numbers made from values, and with conditions on
literals alone, which turns out while they run. What they do depends on the structure of what they are given alone, so
the same gates follow each other whenever that is the same.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from stepgrad.apart import Kept
from stepgrad.calls import signature
from stepgrad.names import dotted
from stepgrad.vocabulary import GATE_OF, KNOWN_CALLS, LITERAL_MAKERS

OWN = (
    "range",
    "zip",
    "enumerate",
    "len",
    "reversed",
    "list",
    "tuple",
    "requires_grad_",
    "zero_grad",
    "zero_",
    "double",
)
DRAWN = ("normal", "uniform")
READ = ("grad", "data", "T", "shape", "ndim", "size")
LITERAL = (ast.Constant, ast.Tuple, ast.List, ast.UnaryOp, ast.USub, ast.Load)
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
LEAVES = frozenset((ast.Name, ast.Constant, ast.Pass))
ARITHMETIC = frozenset((ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.MatMult))

Parts: TypeAlias = "Sequence[ast.AST] | None"  # what must be repeatable, too; None if a value may change what is done


def repeatable_nodes(nodes: Sequence[ast.AST]) -> Sequence[Any] | None:
    """List statements, or expressions, and what they consist of; None if a value changes what they do."""
    found: list[Any] = list(nodes)
    for node in found:  # which grows meanwhile
        kind = node.__class__
        if kind in LEAVES:
            continue
        parts = PARTS[kind](node) if kind in PARTS else None
        if parts is None:
            return None
        found += parts
    return found


def parts_of_augmented(node: ast.AugAssign) -> Parts:
    """Look at ``x += y``: one that changes a name, or the data of an input."""
    return (node.target, node.value) if node.op.__class__ in ARITHMETIC else None


def parts_of_operator(node: ast.BinOp) -> Parts:
    """Look at an operator: how often a list is repeated, a value says."""
    sides = node.left, node.right
    repeats = node.op.__class__ is ast.Mult and (sides[0].__class__ is ast.List or sides[1].__class__ is ast.List)
    return sides if node.op.__class__ in ARITHMETIC and not repeats else None


def parts_of_loop(node: ast.ListComp | ast.GeneratorExp) -> Parts:
    """Look at a list written with ``for``."""
    if any(loop.ifs for loop in node.generators):
        return None
    return [node.elt, *(part for loop in node.generators for part in (loop.target, loop.iter))]


def parts_of_attribute(node: ast.Attribute) -> Parts:
    """Look at what follows a dot: only the data of an input is assigned, and its gradient set to zero."""
    known = node.attr in READ if node.ctx.__class__ is ast.Load else node.attr in ("data", "grad")
    return (node.value,) if known else None


def parts_of_assignment(node: ast.Assign) -> Parts:
    """Look at an assignment: what a gradient is set to, is a number."""
    sets_gradient = any(isinstance(each, ast.Attribute) and each.attr == "grad" for each in node.targets)
    return None if sets_gradient and not isinstance(node.value, ast.Constant) else (*node.targets, node.value)


def parts_of_call(node: ast.Call) -> Parts:
    """Look at a call: of the program's functions, of gates with fixed parameters, of what counts what is given."""
    match node.func:
        case ast.Name(id=name):
            operands, read = node.args, [node.func]
        case ast.Attribute(value=value, attr=name):
            module = dotted(value).split(".")[0] in ("np", "numpy", "math", "torch")
            operands, read = node.args if module else [value, *node.args], []
        case _:
            return None
    named, gate = [each.value for each in node.keywords], GATE_OF.get(name)
    given = [*operands, *named]
    if name == "constant" or name in LITERAL_MAKERS:
        is_fixed = name not in DRAWN and all(map(is_literal, given))
    elif gate is None:
        is_fixed = name in OWN or (bool(read) and name not in KNOWN_CALLS)
    else:
        count = len(signature(gate.signature).params) - len(gate.params)
        is_fixed = not gate.params or all(map(is_literal, [*operands[count:], *named]))
    return [*read, *given] if is_fixed else None


PARTS: Mapping[type[ast.AST], Callable[[Any], Parts]] = {
    ast.Assign: parts_of_assignment,
    ast.AugAssign: parts_of_augmented,
    ast.Expr: lambda node: (node.value,),
    Kept: lambda node: (node.value,),
    ast.For: lambda node: None if node.orelse else (node.target, node.iter, *node.body),
    ast.With: lambda node: node.body,
    ast.Return: lambda node: () if node.value is None else (node.value,),
    ast.BinOp: parts_of_operator,
    ast.If: lambda node: (node.test, *node.body, *node.orelse),
    ast.IfExp: lambda node: (node.test, node.body, node.orelse),
    ast.Compare: lambda node: (node.left, *node.comparators) if all(isinstance(op, ORDER) for op in node.ops) else None,
    ast.BoolOp: lambda node: node.values,
    ast.UnaryOp: lambda node: None if isinstance(node.op, ast.Invert) else (node.operand,),
    ast.List: lambda node: node.elts,
    ast.Tuple: lambda node: node.elts,
    ast.ListComp: parts_of_loop,
    ast.GeneratorExp: parts_of_loop,
    ast.Subscript: lambda node: (node.value, node.slice) if node.ctx.__class__ is ast.Load else None,
    ast.Slice: lambda node: [part for part in (node.lower, node.upper, node.step) if part is not None],
    ast.Attribute: parts_of_attribute,
    ast.Call: parts_of_call,
}


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is made of numbers alone."""
    return all(isinstance(each, LITERAL) for each in ast.walk(node))
