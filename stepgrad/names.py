"""Names: what a program's text tells about them before it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence, Set

from stepgrad.syntax import Kinds, by_kind, parts_of
from stepgrad.vocabulary import MODULE_NUMBERS


def names_in_order(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield the names of the program itself in the order of evaluation, and whether each is assigned there.

    The names that a function takes from the program come last: it is called after it was defined. Its
    own are left out, and those of a comprehension.
    """
    waiting: list[tuple[ast.AST, Set[str]]] = [(tree, frozenset())]
    functions: list[tuple[ast.AST, Set[str]]] = []
    while waiting or functions:
        node, hidden = (waiting or functions).pop(-1 if waiting else 0)
        match node:
            case ast.Name(id=name) if name not in hidden:
                yield name, isinstance(node.ctx, ast.Store)
            case ast.FunctionDef(name=name, args=args, body=body):
                own = hidden | assigned_in(body) | parameters_of(args)
                waiting += [(each, hidden) for each in defaults_of(args)]
                functions += [(each, own) for each in body]
                if name not in hidden:
                    yield name, True
            case ast.Lambda(args=args, body=inner):
                waiting += [(each, hidden) for each in defaults_of(args)]
                functions.append((inner, hidden | parameters_of(args)))
            case ast.ListComp(elt=elt, generators=loops) | ast.GeneratorExp(elt=elt, generators=loops):
                own = hidden | {n.id for loop in loops for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
                parts = [elt, *(test for loop in loops for test in loop.ifs)]
                waiting += [(each, own) for each in (*parts, *(loop.iter for loop in reversed(loops)))]
            case _:
                waiting += [(each, hidden) for each in reversed(parts_in_order(node))]


def parameters_of(args: ast.arguments) -> frozenset[str]:
    """Return the names of a function's parameters."""
    return frozenset(each.arg for each in ast.walk(args) if isinstance(each, ast.arg))


def defaults_of(args: ast.arguments) -> list[ast.expr]:
    """Return the values of the parameters that may be left out."""
    return [each for each in (*args.defaults, *args.kw_defaults) if each is not None]


def parts_in_order(node: ast.AST) -> Sequence[ast.AST]:
    """List what a node consists of, in the order of evaluation."""
    match node:
        case ast.Assign(targets=targets, value=value):
            return [value, *targets]
        case ast.AnnAssign(target=target, value=value):
            return [target] if value is None else [value, target]
        case ast.AugAssign(target=ast.Name(id=name) as target, value=value):
            return [ast.Name(name, ast.Load()), value, target]
        case ast.ImportFrom(names=aliases):
            return [ast.Name(alias.asname or alias.name, ast.Store()) for alias in aliases]
    return parts_of(node)


def assigned_in(statements: Sequence[ast.AST]) -> frozenset[str]:
    """Return the names that statements assign, but not those of functions and comprehensions within them."""
    found: list[str] = []
    waiting = list(statements)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                found.append(name)
            case ast.FunctionDef(name=name):
                found.append(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found += [alias.asname or alias.name for alias in aliases]
            case ast.Lambda() | ast.ListComp() | ast.GeneratorExp():
                pass
            case _:
                waiting += parts_of(node)
    return frozenset(found)


def names_given(kinds: Kinds) -> tuple[frozenset[str], frozenset[str]]:
    """Return all names that something is given to, anywhere in a program, and those of lists.

    Names to which something is appended, or of which entries are assigned, are those of lists.
    """

    def holder(node: ast.AST) -> str:
        while isinstance(node, ast.Subscript):
            node = node.value
        return node.id if isinstance(node, ast.Name) else ""

    found = [node.id for node in kinds[ast.Name] if is_stored(node)]
    found += [node.name for node in kinds[ast.FunctionDef]]
    found += [node.arg for node in kinds[ast.arg]]
    aliases = [alias for node in kinds[ast.ImportFrom] for alias in node.names if alias.name in MODULE_NUMBERS]
    found += [alias.asname or alias.name for alias in aliases]
    lists = [node.value for node in kinds[ast.Attribute] if node.attr == "append"]
    lists += filter(is_stored, kinds[ast.Subscript])
    return frozenset(found), frozenset(map(holder, lists)) - {""}


def is_stored(node: ast.Name | ast.Subscript) -> bool:
    """Whether something is assigned to a name, or to an entry."""
    return node.ctx.__class__ is ast.Store


def counters(kinds: Kinds) -> frozenset[str]:
    """Return the names of whole numbers that are only counted up or down, in a loop: they are no inputs."""
    steps = {each: name for each in (*kinds[ast.Assign], *kinds[ast.AugAssign]) if (name := counted_by(each))}
    if not steps:
        return frozenset()
    looped: set[ast.AST] = set()
    for loop in (*kinds[ast.For], *kinds[ast.While]):
        if loop not in looped:
            looped.update(*by_kind(loop).values())
    own = {each.target if isinstance(each, ast.AugAssign) else each.targets[0] for each in steps}
    own |= {each.targets[0] for each in kinds[ast.Assign] if is_whole_assigned(each)}
    others = {node.id for node in kinds[ast.Name] if is_stored(node) and node not in own}
    return frozenset(name for each, name in steps.items() if each in looped) - others


def is_whole_assigned(node: ast.Assign) -> bool:
    """Whether a statement assigns a whole number to a name."""
    match node:
        case ast.Assign(targets=[ast.Name()], value=ast.Constant(value=int())):
            return True
    return False


def counted_by(node: ast.Assign | ast.AugAssign) -> str:
    """Return the name that a statement counts up or down by a whole number; empty for any other."""
    match node:
        case ast.AugAssign(target=ast.Name(id=name), op=ast.Add() | ast.Sub(), value=ast.Constant(value=int())):
            return name
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.BinOp(left=ast.Name(id=same), op=ast.Add() | ast.Sub(), right=ast.Constant(value=int())),
        ) if name == same:
            return name
    return ""


def dotted(node: ast.expr) -> str:
    """Spell a name with its prefixes, as ``np.linalg``; empty for any other expression."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
