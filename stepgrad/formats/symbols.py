"""Symbols: numbers that know how they were computed, as a text in Python.

The one idea: a symbol is one more kind of number. Given symbols, the rules of the structural gates, the maps that they
return and the pull of an upstream compute as they always do, and what comes out says, besides the number, how it
was made. A symbol that gets a name is written by that name from then on.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from stepgrad.formula import OPERANDS
from stepgrad.numeric import FLOAT, NumberType, ieee_div

CONDITION, SUM, PRODUCT, SIGN, ATOM = range(5)  # how tightly a text holds together
MOST_DEEP = 60  # operators one within the other, in one expression: Python's parser has a limit
WALRUS = "u"  # the name that rows give to what they use twice


class Symbol(float):
    """A number, and how it was computed from other symbols.

    Attributes
    ----------
    template : str
        ``{0}`` and ``{1}`` stand for the parts; a text by itself where there are none.
    parts : tuple of Symbol
    binds : int
        How tightly the text holds together: of a part that holds less, or as much on the right, an operator
        needs it in parentheses.
    """

    __slots__ = ("binds", "parts", "template")

    template: str
    parts: tuple[Symbol, ...]
    binds: int

    def __new__(cls, value: float, template: str = "", parts: tuple[Symbol, ...] = (), binds: int = ATOM) -> Symbol:
        """Make a symbol; without a text it is a literal."""
        symbol = super().__new__(cls, value)
        symbol.template = template or literal(value)
        symbol.parts, symbol.binds = parts, binds if template else SIGN if symbol.template[0] == "-" else ATOM
        return symbol

    def name(self, name: str) -> None:
        """Write it by a name from now on."""
        self.template, self.parts, self.binds = name, (), ATOM

    @property
    def is_computed(self) -> bool:
        """Whether it is written as something to compute, not as a name or a literal."""
        return self.binds < SIGN or bool(self.parts)

    def __add__(self, other: float) -> Symbol:
        return Symbol(float(self) + float(other), "{0} + {1}", (self, symbol_of(other)), SUM)

    def __radd__(self, other: float) -> Symbol:
        return symbol_of(other) + self

    def __sub__(self, other: float) -> Symbol:
        return Symbol(float(self) - float(other), "{0} - {1}", (self, symbol_of(other)), SUM)

    def __rsub__(self, other: float) -> Symbol:
        return symbol_of(other) - self

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, (float, int)):
            return NotImplemented  # a linear map pulls
        return Symbol(float(self) * float(other), "{0} * {1}", (self, symbol_of(other)), PRODUCT)

    def __rmul__(self, other: float) -> Symbol:
        product: Symbol = symbol_of(other) * self
        return product

    def __truediv__(self, other: float) -> Symbol:
        return divided(self, symbol_of(other))

    def __rtruediv__(self, other: float) -> Symbol:
        return divided(symbol_of(other), self)

    def __neg__(self) -> Symbol:
        return Symbol(-float(self), "-{0}", (self,), SIGN)


def symbol_of(number: float) -> Symbol:
    """Return a number as a symbol: a literal, unless it is one."""
    return number if isinstance(number, Symbol) else Symbol(float(number))


def literal(number: float) -> str:
    """Write a number as Python reads it.

    >>> literal(0.5), literal(float("-inf")), literal(float("nan"))
    ('0.5', '-math.inf', 'math.nan')
    """
    number = float(number)
    if number != number:
        return "math.nan"
    return repr(number) if math.isfinite(number) else f"{'-' * (number < 0)}math.inf"


def divided(x: Symbol, y: Symbol) -> Symbol:
    """Divide; by 0 with the IEEE function."""
    if not y:
        return Symbol(ieee_div(float(x), float(y)), "ieee_div({0}, {1})", (x, y))
    return Symbol(float(x) / float(y), "{0} / {1}", (x, y), PRODUCT)


def scaled(x: Symbol, exponent: int) -> Symbol:
    """Scale by a power of 2; beyond the largest number stands what comes out."""
    found = FLOAT.ieee["ldexp"](float(x), exponent)
    beyond = math.isfinite(x) and not math.isfinite(found)
    return Symbol(found) if beyond else Symbol(found, f"math.ldexp({{0}}, {exponent})", (x,)) if exponent else x


def called(name: str) -> Callable[..., Symbol]:
    """Return a function of the number type, on symbols; where Python's raises, its IEEE form is written."""
    fast, total = FLOAT.fast[name], FLOAT.ieee[name]

    def call(*numbers: float) -> Symbol:
        plain, parts = [float(x) for x in numbers], tuple(map(symbol_of, numbers))
        spelled = f"{'abs' if name == 'abs' else f'math.{name}'}"
        try:
            fast(*plain)
        except (ArithmeticError, ValueError):
            spelled = f"ieee_{name}"
        return Symbol(total(*plain), f"{spelled}({', '.join(f'{{{k}}}' for k in range(len(parts)))})", parts)

    return call


FUNCTIONS: Mapping[str, Callable[..., Symbol]] = {name: called(name) for name in FLOAT.fast}
TOTAL_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **FUNCTIONS,
    "div": lambda x, y: symbol_of(x) / y,
    "exponent": lambda x: FLOAT.ieee["exponent"](float(x)),
    "ldexp": lambda x, exponent: scaled(symbol_of(x), exponent),
}
SYMBOLS = NumberType("symbols", Symbol, lambda number: symbol_of(float(number)), FUNCTIONS, TOTAL_FUNCTIONS)


# Writing


def written(roots: Iterable[Symbol], fresh: Callable[[], str]) -> tuple[list[str], list[str]]:
    """Write symbols as expressions.

    What is used more than once, or too deep, gets a name before.

    Returns
    -------
    before : list of str
        Assignments.
    texts : list of str
        An expression for each root.
    """
    roots = list(roots)
    ordered = list(post_order(roots))
    uses: dict[int, int] = {}
    for symbol in ordered:
        for part in symbol.parts:
            uses[id(part)] = uses.get(id(part), 0) + 1
    for root in roots:
        uses[id(root)] = uses.get(id(root), 0) + 1
    before: list[str] = []
    texts: dict[int, str] = {}
    depths: dict[int, int] = {}
    for symbol in ordered:
        text = symbol.template
        if symbol.parts:
            text = text.format(*(held(symbol, k, texts[id(part)]) for k, part in enumerate(symbol.parts)))
        depth = 1 + max((depths[id(part)] for part in symbol.parts), default=0)
        if symbol.is_computed and (uses[id(symbol)] > 1 or depth > MOST_DEEP):
            name = fresh()
            before.append(f"{name} = {text}")
            symbol.name(name)
            text, depth = name, 1
        texts[id(symbol)], depths[id(symbol)] = text, depth
    return before, [texts[id(root)] for root in roots]


def held(symbol: Symbol, place: int, text: str) -> str:
    """Return the text of a part, in parentheses where the operator around it would pull it apart."""
    part = symbol.parts[place]
    loose = part.binds < symbol.binds or (part.binds == symbol.binds and place > 0)
    return f"({text})" if symbol.binds != ATOM and loose else text


def post_order(roots: Iterable[Symbol]) -> Iterator[Symbol]:
    """Yield every symbol that the roots are made of once, parts first."""
    seen: set[int] = set()
    waiting = [(root, False) for root in reversed(list(roots))]
    while waiting:
        symbol, is_ready = waiting.pop()
        if is_ready:
            yield symbol
        elif id(symbol) not in seen:
            seen.add(id(symbol))
            waiting.append((symbol, True))
            waiting += [(part, False) for part in reversed(symbol.parts)]


# The texts of the elementwise rows


class Spelling(ast.NodeTransformer):
    """Spell a row's text as Python that runs by itself: its numbers as floats, its functions with ``math``."""

    def __init__(self, ieee: bool, known: Mapping[str, float]) -> None:
        self.ieee = ieee
        self.known = known

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """Decide what literals decide."""
        names = {each.id for each in ast.walk(node.test) if isinstance(each, ast.Name)}
        if not names <= self.known.keys() or any(isinstance(each, ast.Call) for each in ast.walk(node.test)):
            self.generic_visit(node)
            return node
        holds = eval(compile(ast.Expression(node.test), "<condition>", "eval"), {}, dict(self.known))
        chosen: ast.expr = self.visit(node.body if holds else node.orelse)
        return chosen

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Have every number be a float."""
        assert isinstance(node.value, (int, float))
        return ast.Constant(float(node.value))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Write what shuts out as the 0 that it is, and pi as that of ``math``."""
        if node.id == "pi":
            return ast.Attribute(ast.Name("math", ast.Load()), "pi", ast.Load())
        return ast.Constant(0.0) if node.id == "closed" else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Call the power, and where Python's would raise the division."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Pow):
            return self.call("pow", [node.left, node.right])
        return self.call("div", [node.left, node.right]) if self.ieee and isinstance(node.op, ast.Div) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Call the function of ``math``."""
        self.generic_visit(node)
        return self.call(ast.unparse(node.func), node.args)

    def call(self, name: str, arguments: list[ast.expr]) -> ast.expr:
        """Call a function by the name that it has in the code."""
        own = self.ieee and (name == "div" or FLOAT.ieee[name] is not FLOAT.fast[name])
        spelled = f"ieee_{name}" if own else "abs" if name == "abs" else f"math.{name}"
        return ast.Call(ast.Name(spelled, ast.Load()), arguments, [])


@lru_cache(maxsize=1000)
def spelled(text: str, ieee: bool, known: tuple[tuple[str, float], ...]) -> tuple[str, int, Callable[..., float]]:
    """Return a row's text as a template in ``{x}``, ``{y}``, ``{z}`` and ``{u}``, how it binds, and as a function.

    ``known`` are the operands that are literals.
    """
    tree = Spelling(ieee, dict(known)).visit(ast.parse(text, mode="eval"))
    code = ast.unparse(ast.fix_missing_locations(tree))
    namespace: dict[str, Any] = {"math": math, **{f"ieee_{name}": each for name, each in FLOAT.ieee.items()}}
    exec(compile(f"def formula(x, y=0.0, z=0.0): return {code}", "<formula>", "exec"), namespace)
    template = re.sub(rf"\b([xyz]|{WALRUS})\b", r"{\1}", code)
    binds = {ast.BinOp: PRODUCT, ast.UnaryOp: SIGN, ast.Call: ATOM, ast.Name: ATOM, ast.Constant: ATOM}
    found = binds.get(type(tree.body), CONDITION)
    if isinstance(tree.body, ast.BinOp) and isinstance(tree.body.op, (ast.Add, ast.Sub)):
        found = SUM
    formula: Callable[..., float] = namespace["formula"]
    return template, found, formula


def row_symbol(text: str, operands: list[Symbol], z: Symbol | None, spare: str) -> Symbol:
    """Return what a row's text makes of operands, and of the result where it is a local.

    The operands must be names or literals. Where the text raises, it is written with the IEEE functions.
    """
    numbers = [float(x) for x in operands] + [0.0] * (2 - len(operands)) + [0.0 if z is None else float(z)]
    known = tuple((name, float(x)) for name, x in zip(OPERANDS, operands) if x.template == literal(x))
    template, binds, formula = spelled(text, False, known)
    try:
        value = formula(*numbers)
    except (ArithmeticError, ValueError):
        template, binds, formula = spelled(text, True, known)
        value = formula(*numbers)
    names = dict(zip(OPERANDS, operands))
    texts = {key: f"({each.template})" if each.binds < ATOM else each.template for key, each in names.items()}
    spelled_out = template.format(**texts, z="" if z is None else z.template, u=spare)
    if template in ("{x}", "{y}", "{z}"):
        binds = ATOM
    # Braces of its own it has none: what is written is a text by itself.
    return Symbol(value, spelled_out, (), binds)
