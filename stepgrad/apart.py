"""Apart: a statement that computes something and goes backward from it is two, so that loops can repeat the first."""

from __future__ import annotations

import ast
from collections.abc import Set
from typing import Any

SWEPT = "…"  # which no program can call anything, and which is like no name: nobody is asked whether it was meant


class Kept(ast.stmt):
    """What a sweep goes backward from where that has no name: an expression, its value kept under ``SWEPT``.

    It stands where the whole statement does, and pays for it.
    """

    _fields = ("value",)

    def __init__(self, value: ast.expr) -> None:
        super().__init__()
        self.value = value


def output_of(statement: ast.AST, assigned: Set[str]) -> ast.expr | None:
    """Return what a statement goes backward from, if it does nothing else; None for any other.

    A program that gives ``backward`` another meaning does something else by its name.
    """
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="backward"), args=[output], keywords=[])):
            return None if "backward" in assigned else output
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=output, attr="backward"), args=[], keywords=[])):
            return output
    return None


def is_sweep(statement: ast.AST, assigned: Set[str]) -> bool:
    """Whether a statement goes backward from a name, and does nothing else."""
    return isinstance(output_of(statement, assigned), ast.Name)


def is_paid(statement: ast.AST, assigned: Set[str]) -> bool:
    """Whether a statement goes backward from what has been kept, and so was paid for."""
    output = output_of(statement, assigned)
    return isinstance(output, ast.Name) and output.id == SWEPT


def with_sweep_apart(statement: ast.stmt, assigned: Set[str]) -> list[ast.stmt]:
    """Split a statement that goes backward from an expression: what is computed for it, and the sweep."""
    output = output_of(statement, assigned)
    if output is None or isinstance(output, (ast.Name, ast.Starred, ast.Attribute)):  # `torch.backward()`, too
        return [statement]
    assert isinstance(statement, ast.Expr)
    call: Any = statement.value
    kept = ast.copy_location(ast.Name(SWEPT, ast.Load()), output)
    if call.args:
        sweep = ast.Call(call.func, [kept], [])
    else:
        sweep = ast.Call(ast.copy_location(ast.Attribute(kept, "backward", ast.Load()), call.func), [], [])
    apart = ast.Expr(ast.copy_location(sweep, call))
    return [ast.copy_location(Kept(output), statement), ast.copy_location(apart, statement)]
