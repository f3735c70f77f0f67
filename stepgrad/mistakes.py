"""Mistakes: the locals that people write down instead of the right ones, gate by gate.

For elementwise gates they are text, as the right ones are: formulas in the operands ``x``, ``y`` and the result
``z``. For the others they are functions that pull an upstream as somebody's code does; these stand in ``missing``
and ``misrules``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

from stepgrad.formula import compile_formula, fold
from stepgrad.gate import Elementwise
from stepgrad.linear import LinearMap, Weights
from stepgrad.numeric import FLOAT
from stepgrad.sweeps import Edge, Wrong
from stepgrad.tensor import Array, Shape, Tensor, flat, shape_of, shaped


class Mistake(NamedTuple):
    """A wrong local.

    Attributes
    ----------
    words : str
        What was done instead; empty where the formula says it.
    local : number, LinearMap, Wrong or None
        None where the edge is forgotten.
    formula : str
        The wrong local as text, where it is one.
    """

    words: str
    local: Any
    formula: str = ""


Formulas = Mapping[tuple[str, int], tuple[str, ...]]

LIKELY: Formulas = {
    ("div", 0): ("y", "1/y**2", "-1/y**2"),
    ("div", 1): ("-1/y**2", "-x/y", "1/y", "-x", "-x*y"),
    ("pow", 0): ("x**(y-1)", "y*x**y", "y*x", "y*x**(y+1)", "(y-1)*x**(y-1)"),
    ("pow", 1): ("log(x)", "z", "y*x**(y-1)", "z/log(x)", "z*log(y)", "x*log(x)"),
    ("maximum", 0): ("0 if x > y else 1", "1 if x >= y else 0", "1"),
    ("maximum", 1): ("0 if y > x else 1", "1 if y > x else 0", "1"),
    ("minimum", 0): ("0 if x < y else 1", "1 if x <= y else 0", "1"),
    ("minimum", 1): ("0 if y < x else 1", "1 if y < x else 0", "1"),
    ("exp", 0): ("x*exp(x-1)", "exp(z)", "x", "1/z", "x*z", "exp(-x)", "z-1", "log(x)"),
    ("log", 0): ("1/z", "x", "z", "1/x**2", "1/(2.302585092994046*x)", "exp(x)", "x*z"),
    ("sqrt", 0): ("1/(2*x)", "z/2", "1/(2*sqrt(z))", "2*z", "2/z", "1/z", "z", "1/x", "x/2"),
    ("sin", 0): ("sin(x)", "-sin(x)", "cos(z)"),
    ("cos", 0): ("cos(x)", "-cos(x)", "-sin(z)"),
    ("tan", 0): ("1-z**2", "1/cos(x)", "1+x**2", "1+z", "z**2", "1/(1+x**2)", "1+tan(z)**2"),
    ("tanh", 0): (
        "1-x**2", "1-z", "(1-z)*z", "1+z**2", "1-tanh(z)**2", "z", "z**2", "(1-z)**2", "(1-x)*x", "1-x",
    ),
    ("sigmoid", 0): (
        "z", "1-z", "(1-x)*x", "(u := exp(-abs(z)))/(1+u)**2", "1-z**2", "z**2", "(1+z)*z", "(1-z)**2", "1-x",
    ),
    ("relu", 0): ("0 if x < 0 else 1", "x", "z", "1 if x < 0 else 0", "0.01 if x <= 0 else 1"),
    ("softplus", 0): ("1/(1+exp(x))", "(u := exp(-abs(x)))/(1+u)**2", "1/(1+exp(-z))", "exp(x)", "0 if x <= 0 else 1"),
    ("leaky_relu", 0): ("0 if x <= 0 else 1", "slope", "1 if x <= 0 else slope", "slope*x if x <= 0 else 1"),
    ("elu", 0): ("z if x <= 0 else 1", "0 if x <= 0 else 1", "alpha if x <= 0 else 1", "exp(x)"),
    ("gelu", 0): (
        "0.5*erfc(-x*0.7071067811865476)", "0 if x <= 0 else 1", "x*exp(-0.5*x*x)*0.3989422804014327",
        "(u := 1/(1+exp(-1.702*x)))*(1+1.702*x*(1-u))",
    ),
    ("erf", 0): ("exp(-x*x)", "0.5641895835477563*exp(-x*x)", "1.1283791670955126*exp(-z*z)", "z"),
    ("abs", 0): ("x", "z", "1 if x < 0 else 0", "0 if x <= 0 else 1"),
}  # fmt: skip

# Of gates whose operands are often small whole numbers, so that these may come out right by chance.
FAR_FETCHED: Formulas = {
    ("add", 0): ("y",),
    ("add", 1): ("x",),
    ("mul", 0): ("z", "x+y"),
    ("mul", 1): ("z", "x+y"),
    ("div", 0): ("x", "1/x", "z"),
    ("div", 1): ("x", "1/x", "-1/x", "-y/x**2", "-x/y**3"),
    ("pow", 0): ("y", "x", "z", "z*log(x)", "(y-1)*x**(y-2)", "y*x**(y-2)"),
}  # fmt: skip


def of_formulas(edge: Edge, table: Formulas = LIKELY) -> Iterator[Mistake]:
    """Yield the wrong formulas of an elementwise gate."""
    if isinstance(edge.gate, Elementwise):
        for text in table.get((edge.gate.name, edge.slot), ()):
            filled = fold(text, edge.params) if edge.params else text
            yield Mistake("", by_formula(edge, filled), filled)


def by_formula(edge: Edge, text: str) -> Any:
    """Return the local that a formula gives at an edge: a number, or one weight per element."""
    formula = compile_formula(text, FLOAT)
    shape = shape_of(edge.value)
    size = prod(shape)
    columns = [flat(each) if isinstance(each, Tensor) else [each] * size for each in edge.operands]
    y = columns[1] if len(columns) > 1 else [None] * size
    found = [formula(*element) for element in zip(columns[0], y, flat(edge.value), strict=True)]
    return weighted(shape, found) if shape else found[0]


def weighted(shape: Shape, weights: list[Any]) -> LinearMap:
    """Make the map of elementwise weights."""
    return Weights(shape, shape, 0.0, "", range(len(weights)), weights)


# What an upstream becomes


def times(array: Array, factor: Any) -> Array:
    """Multiply every number by the same."""
    return Tensor(array.shape, [x * factor for x in array.data]) if isinstance(array, Tensor) else array * factor


def over(array: Array, divisor: Array) -> Array:
    """Divide number by number."""
    divide = FLOAT.ieee["div"]
    return shaped(shape_of(array), [divide(x, y) for x, y in zip(flat(array), flat(divisor), strict=True)])


def scaled(edge: Edge, factor: Any) -> Any:
    """Return an edge's local times a number."""
    local: Any = edge.local
    return Wrong(lambda up: times(up * local, factor)) if isinstance(local, LinearMap) else local * factor


def same_shape(edge: Edge) -> bool:
    """Whether an edge's upstream could pass for its product."""
    return edge.shape == shape_of(edge.value)
