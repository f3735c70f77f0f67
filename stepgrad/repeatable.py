"""Which statements can be repeated from a list of what they did the last time.

Those whose course no value can change: without conditions, without prints, without whole numbers made
from values. What they do depends on the structure of what they are given alone, so the same gates
follow each other whenever that is the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Set

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
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.MatMult)


def is_repeatable(statement: ast.AST) -> bool:
    """Whether no value changes what a statement does."""
    match statement:
        case ast.Pass():
            return True
        case ast.Assign(targets=[ast.Attribute(value=holder, attr="grad")], value=ast.Constant()):
            return is_fixed(holder)
        case ast.Assign(targets=targets, value=value):
            return all(map(is_target, targets)) and is_fixed(value)
        case ast.AugAssign(target=ast.Attribute(attr="data") | ast.Name(), op=op, value=value):
            return isinstance(op, ARITHMETIC) and is_fixed(value) and is_target(statement.target)
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=value):
            return is_fixed(value)
        case ast.For(target=target, iter=several, body=body, orelse=[]):
            return is_target(target) and is_fixed(several) and are_repeatable(body)
        case ast.With(body=body):
            return are_repeatable(body)
        case ast.Return(value=value):
            return value is None or is_fixed(value)
    return False


def are_repeatable(statements: Iterable[ast.AST]) -> bool:
    """Whether no value changes what statements do."""
    return all(map(is_repeatable, statements))


def is_sweep(statement: ast.AST) -> bool:
    """Whether a statement goes backward from a name, and does nothing else."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="backward"), args=[ast.Name()], keywords=[])):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(), attr="backward"), args=[], keywords=[])):
            return True
    return False


QUIET = (
    ast.Constant, ast.Name, ast.Load, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop,
    ast.boolop, ast.cmpop,
)  # fmt: skip
COUNTING = ("range", "len", "zip", "enumerate", "reversed")


def quiet_in(expression: ast.expr, assigned: Set[str]) -> Set[str] | None:
    """Return the names that a quiet expression reads, which does nothing but reckon with them; None if it is not quiet.

    It is quiet as long as these stand for literals.
    """
    called = []
    for each in ast.walk(expression):
        match each:
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in COUNTING and name not in assigned:
                called.append(name)
            case _ if not isinstance(each, QUIET):
                return None
    return {each.id for each in ast.walk(expression) if isinstance(each, ast.Name)} - {*called}


def quiet_names(statement: ast.stmt, assigned: Set[str], counters: Set[str]) -> Set[str] | None:
    """Return the names that decide on what a quiet statement does before others are executed; None if it is not quiet."""
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return set()
        case ast.If(test=expression) | ast.For(iter=expression) | ast.While(test=expression):
            return quiet_in(expression, assigned)
        case ast.AugAssign(target=ast.Name(id=name), value=ast.Constant()) if name in counters:
            return {name}
    return None


def is_target(target: ast.expr) -> bool:
    """Whether an assignment to this changes names, or the data of inputs, and no list."""
    match target:
        case ast.Name():
            return True
        case ast.Attribute(value=value, attr="data"):
            return is_fixed(value)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            return all(map(is_target, targets))
    return False


def is_fixed(node: ast.expr) -> bool:
    """Whether no value changes what an expression does, only what comes out."""
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.BinOp(left=left, op=op, right=right):
            repeats = isinstance(op, ast.Mult) and (isinstance(left, ast.List) or isinstance(right, ast.List))
            return isinstance(op, ARITHMETIC) and not repeats and is_fixed(left) and is_fixed(right)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return is_fixed(operand)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return all(map(is_fixed, elements))
        case ast.ListComp(elt=elt, generators=loops) | ast.GeneratorExp(elt=elt, generators=loops):
            return is_fixed(elt) and all(is_target(x.target) and is_fixed(x.iter) and not x.ifs for x in loops)
        case ast.Subscript(value=value, slice=index):
            return is_fixed(value) and is_fixed(index)
        case ast.Slice():
            return all(part is None or is_fixed(part) for part in (node.lower, node.upper, node.step))
        case ast.Attribute(value=value, attr=attr):
            return attr in READ and is_fixed(value)
        case ast.Call():
            return is_fixed_call(node)
    return False


def is_fixed_call(node: ast.Call) -> bool:
    """Whether a call is of a function of the program, or of a gate with fixed parameters, or counts what is given."""
    match node.func:
        case ast.Name(id=name):
            operands = node.args
        case ast.Attribute(value=value, attr=name):
            module = dotted(value).split(".")[0] in ("np", "numpy", "math", "torch")
            operands = node.args if module else [value, *node.args]
        case _:
            return False
    named = [each.value for each in node.keywords]
    given = [*operands, *named]
    if not all(map(is_fixed, given)):
        return False
    if name == "constant":
        return all(map(is_literal, given))
    if name in LITERAL_MAKERS:
        return name not in DRAWN and all(map(is_literal, given))
    gate = GATE_OF.get(name)
    if gate is None:
        return name in OWN or (isinstance(node.func, ast.Name) and name not in KNOWN_CALLS)
    count = len(signature(gate.signature).params) - len(gate.params)
    return not gate.params or all(map(is_literal, [*operands[count:], *named]))


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is made of numbers alone."""
    return all(isinstance(each, LITERAL) for each in ast.walk(node))
