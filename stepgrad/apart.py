"""Apart: a statement that computes something and goes backward from it is two, so that loops can repeat the first."""

from __future__ import annotations

import ast

SWEPT = "backward(…)"  # which no program can call anything


class Kept(ast.stmt):
    """What a sweep goes backward from where that has no name: an expression, its value kept under ``SWEPT``."""

    _fields = ("value",)

    def __init__(self, value: ast.expr) -> None:
        super().__init__()
        self.value = value


def with_sweep_apart(statement: ast.stmt) -> list[ast.stmt]:
    """Split a statement that goes backward from an expression: what is computed for it, and the sweep."""
    sweep: ast.expr
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="backward") as function, args=[output], keywords=[])):
            sweep = ast.Call(function, [swept(output)], [])
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(value=output, attr="backward") as method, args=[], keywords=[])
        ):
            sweep = ast.Call(ast.copy_location(ast.Attribute(swept(output), "backward", ast.Load()), method), [], [])
        case _:
            return [statement]
    if isinstance(output, (ast.Name, ast.Starred)):
        return [statement]
    sweep = ast.copy_location(sweep, statement)
    return [ast.copy_location(Kept(output), output), ast.copy_location(ast.Expr(sweep), statement)]


def swept(output: ast.expr) -> ast.Name:
    """Return the name under which an expression is kept, at its place."""
    return ast.copy_location(ast.Name(SWEPT, ast.Load()), output)


def is_sweep(statement: ast.AST) -> bool:
    """Whether a statement goes backward from a name, and does nothing else."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="backward"), args=[ast.Name()], keywords=[])):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(), attr="backward"), args=[], keywords=[])):
            return True
    return False
