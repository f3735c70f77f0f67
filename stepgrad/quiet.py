"""What is quiet: statements that see and change nothing of what a loop's rounds do, if what they read are literals.

While the recording of a round is put off (see :mod:`stepgrad.rounds`), they are executed, and all others wait for it.
"""

from __future__ import annotations

import ast
from collections.abc import Set
from typing import NamedTuple

from stepgrad.syntax import by_kind

QUIET = frozenset((
    ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.List, ast.Tuple,
    ast.Attribute,
))  # fmt: skip
COUNTING = ("range", "len", "zip", "enumerate", "reversed")


class Reads(NamedTuple):
    """What a quiet statement reads.

    Attributes
    ----------
    literals : set of str
        Names that must stand for literals.
    compared : set of str
        Names that are only compared, or written down, so that it is enough to know the numbers they hold.
    appended : str or None
        The list to which it appends such a number.
    """

    literals: Set[str]
    compared: Set[str]
    appended: str | None = None


def quiet_in(expression: ast.expr, assigned: Set[str]) -> Reads | None:
    """Return what an expression reads that only reckons with it; None if it may do something else."""
    kinds = by_kind(expression)
    if not kinds.keys() <= QUIET:
        return None
    sides = [side for each in kinds.get(ast.Compare, ()) for side in (each.left, *each.comparators)]
    compared = {id(name): name.id for name in map(compared_name, sides) if name is not None}
    called = {id(each.func) for each in kinds.get(ast.Call, ()) if counts(each, assigned)}
    known = called | {id(part) for side in sides if compared_name(side) for part in parts_of_side(side)}
    if any(id(each.func) not in known for each in kinds.get(ast.Call, ())):
        return None
    if any(id(each) not in known for each in kinds.get(ast.Attribute, ())):
        return None
    names = {each.id for each in kinds.get(ast.Name, ()) if id(each) not in compared and id(each) not in called}
    return Reads(names, set(compared.values()) - names)


def counts(call: ast.Call, assigned: Set[str]) -> bool:
    """Whether a call only counts what it is given."""
    return isinstance(call.func, ast.Name) and call.func.id in COUNTING and call.func.id not in assigned


def compared_name(side: ast.expr) -> ast.Name | None:
    """Return the name of which one side of a comparison is the number: ``x``, ``x.data`` or ``x.item()``."""
    match side:
        case ast.Name():
            return side
        case ast.Attribute(value=ast.Name() as name, attr="data"):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name() as name, attr="item"), args=[], keywords=[]):
            return name
    return None


def parts_of_side(side: ast.expr) -> list[ast.AST]:
    """List what one side of a comparison consists of."""
    return [part for nodes in by_kind(side).values() for part in nodes]


def quiet_names(statement: ast.stmt, assigned: Set[str], counters: Set[str]) -> Reads | None:
    """Return what a quiet statement reads before it comes to any statement in it; None if it is not quiet."""
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return Reads(set(), set())
        case ast.If(test=expression) | ast.For(iter=expression) | ast.While(test=expression):
            return quiet_in(expression, assigned)
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(entries), "append"), [ast.Attribute() | ast.Call() as side], [])):
            name = compared_name(side)
            return None if name is None else Reads(set(), {name.id}, entries)
    counted = counted_by(statement, counters)
    return None if counted is None else Reads({counted}, set())


def counted_by(statement: ast.AST, counters: Set[str]) -> str | None:
    """Return the name that a statement counts up or down, if it does nothing else."""
    match statement:
        case ast.AugAssign(target=ast.Name(id=name), value=ast.Constant()) if name in counters:
            return name
    return None
