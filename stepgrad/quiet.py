"""What is quiet: statements that see and change nothing of what a loop's rounds do, if what they read are literals.

While the recording of a round is put off (see :mod:`stepgrad.rounds`), they are executed, and all others wait for it.
"""

from __future__ import annotations

import ast
from collections.abc import Set

from stepgrad.syntax import by_kind

QUIET = frozenset((
    ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.List, ast.Tuple,
))  # fmt: skip
COUNTING = ("range", "len", "zip", "enumerate", "reversed")


def is_sweep(statement: ast.AST) -> bool:
    """Whether a statement goes backward from a name, and does nothing else."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="backward"), args=[ast.Name()], keywords=[])):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(), attr="backward"), args=[], keywords=[])):
            return True
    return False


def quiet_in(expression: ast.expr, assigned: Set[str]) -> Set[str] | None:
    """Return the names that an expression reads that only reckons with them; None if it may do something else."""
    kinds = by_kind(expression)
    calls = [each.func.id if isinstance(each.func, ast.Name) else "" for each in kinds.get(ast.Call, ())]
    counts = all(name in COUNTING and name not in assigned for name in calls)
    return {each.id for each in kinds.get(ast.Name, ())} - {*calls} if counts and kinds.keys() <= QUIET else None


def quiet_names(statement: ast.stmt, assigned: Set[str], counters: Set[str]) -> Set[str] | None:
    """Return what a quiet statement reads before it comes to any statement in it; None if it is not quiet."""
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return set()
        case ast.If(test=expression) | ast.For(iter=expression) | ast.While(test=expression):
            return quiet_in(expression, assigned)
    counted = counted_by(statement, counters)
    return None if counted is None else {counted}


def counted_by(statement: ast.AST, counters: Set[str]) -> str | None:
    """Return the name that a statement counts up or down, if it does nothing else."""
    match statement:
        case ast.AugAssign(target=ast.Name(id=name), value=ast.Constant()) if name in counters:
            return name
    return None
