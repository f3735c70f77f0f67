"""Refusals: what is Python's grammar and not the language's, in plain words, with the way out."""

from __future__ import annotations

import ast
from collections.abc import Mapping

STEPS = "write the steps out, as assignments, loops and functions"
NAMES = "use a name for each value, or a list"
ARGUMENTS = "hand the value over as an argument, and return the new one"
INSTEAD_OF: Mapping[type[ast.AST], tuple[str, str]] = {
    ast.NamedExpr: ("`:=`", "assign on a line before"),
    ast.Starred: ("`*` before a value", "write the entries out"),
    ast.Slice: ("a slice outside of an index", "write it between brackets behind a value, as in x[1:3]"),
    ast.Dict: ("a dictionary", NAMES),
    ast.DictComp: ("a dictionary", NAMES),
    ast.Set: ("a set", NAMES),
    ast.SetComp: ("a set", NAMES),
    ast.Await: ("`await`", STEPS),
    ast.Yield: ("`yield`", "return a list"),
    ast.YieldFrom: ("`yield`", "return a list"),
    ast.ClassDef: ("a class", "write functions and lists"),
    ast.AsyncFunctionDef: ("`async`", STEPS),
    ast.AsyncFor: ("`async`", STEPS),
    ast.AsyncWith: ("`async`", STEPS),
    ast.Delete: ("`del`", "leave it out"),
    ast.Global: ("`global`", ARGUMENTS),
    ast.Nonlocal: ("`nonlocal`", ARGUMENTS),
    ast.Raise: ("`raise`", "write `assert False`, or leave it out"),
    ast.Try: ("`try`", "check with `if` before"),
    ast.TryStar: ("`try`", "check with `if` before"),
    ast.Match: ("`match`", "write `if` and `elif`"),
    ast.Invert: ("`~`", "write `1 - x` for a mask, or `not`"),
    ast.FunctionDef: ("a decorator", "leave it out"),  # other definitions are understood
}


def refusal(node: ast.AST) -> str:
    """Say that something of Python's is not understood, and what to write instead."""
    what, instead = INSTEAD_OF.get(type(node), ("this", STEPS))
    return f"{what} cannot be used here; {instead}"
