"""Apart: a statement that computes something and goes backward from it is two, so that loops can repeat the first."""

from __future__ import annotations

import ast
from collections.abc import Set

SWEPT = "…"  # which no program can call anything, and which is like no name: nobody is asked whether it was meant


class Kept(ast.stmt):
    """What a sweep goes backward from where that has no name: an expression, its value kept under ``SWEPT``.

    It stands where the whole statement does, and pays for it.
    """

    _fields = ("value",)

    def __init__(self, value: ast.expr) -> None:
        super().__init__()
        self.value = value


def with_sweep_apart(statement: ast.stmt, assigned: Set[str]) -> list[ast.stmt]:
    """Split a statement that goes backward from an expression: what is computed for it, and the sweep.

    A program that gives ``backward`` another meaning does something else by its name.
    """
    sweep: ast.expr
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="backward") as function, args=[output], keywords=[])) if (
            "backward" not in assigned
        ):
            sweep = ast.Call(function, [swept(output)], [])
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=output, attr="backward") as method, args=[], keywords=[])
        ):
            sweep = ast.Call(ast.copy_location(ast.Attribute(swept(output), "backward", ast.Load()), method), [], [])
        case _:
            return [statement]
    if isinstance(output, (ast.Name, ast.Starred, ast.Attribute)):  # `torch.backward()`, too
        return [statement]
    sweep = ast.copy_location(sweep, statement)
    return [ast.copy_location(Kept(output), statement), ast.copy_location(ast.Expr(sweep), statement)]


def swept(output: ast.expr) -> ast.Name:
    """Return the name under which an expression is kept, at its place."""
    return ast.copy_location(ast.Name(SWEPT, ast.Load()), output)


def is_paid(statement: ast.AST) -> bool:
    """Whether a statement goes backward from what has been kept, and so was paid for."""
    match statement:
        case ast.Expr(value=ast.Call(args=[ast.Name(id=name)])):
            return name == SWEPT
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return name == SWEPT
    return False


def is_sweep(statement: ast.AST, assigned: Set[str]) -> bool:
    """Whether a statement goes backward from a name, and does nothing else."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="backward"), args=[ast.Name()], keywords=[])):
            return "backward" not in assigned
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(), attr="backward"), args=[], keywords=[])):
            return True
    return False
