"""Refusals: what is Python's grammar and not the language's, in plain words."""

from __future__ import annotations

import ast
from collections.abc import Mapping

NOT_OPERATORS: Mapping[type[ast.operator], str] = {
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitXor: "^",
    ast.BitOr: "|",
    ast.BitAnd: "&",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
NOT_YET: Mapping[type[ast.AST], str] = {
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
    ast.UnaryOp: "`not` and `~`",
    ast.With: "`with` blocks",
    ast.JoinedStr: "strings",
    ast.FormattedValue: "strings",
    ast.NamedExpr: "`:=`",
    ast.Starred: "`*` before a value",
    ast.Slice: "slices outside of an index",
    ast.Dict: "dictionaries",
    ast.DictComp: "dictionaries",
    ast.Set: "sets",
    ast.SetComp: "sets",
    ast.Await: "`await`",
    ast.Yield: "`yield`",
    ast.YieldFrom: "`yield`",
    ast.ClassDef: "classes",
    ast.AsyncFunctionDef: "`async`",
    ast.AsyncFor: "`async`",
    ast.AsyncWith: "`async`",
    ast.Return: "`return`",
    ast.Break: "`break`",
    ast.Continue: "`continue`",
    ast.Delete: "`del`",
    ast.Global: "`global`",
    ast.Nonlocal: "`nonlocal`",
    ast.Raise: "`raise`",
    ast.Assert: "`assert`",
    ast.Try: "`try`",
    ast.TryStar: "`try`",
    ast.Match: "`match`",
}
