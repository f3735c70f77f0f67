"""Independent oracles: Python's own arithmetic, forward-mode dual numbers, and random programs.

Nothing here knows stepgrad but where its examples are: a dual number carries its derivative along, forwards, with rules written
down a second time, so that no mistake of the reverse sweep can hide in it.
"""

import ast
import math
import random
import re
from dataclasses import dataclass
from typing import Any

from stepgrad.gallery import example_text


@dataclass(frozen=True)
class Dual:
    """value + derivative·ε, ε² = 0; either floats or fractions."""

    value: Any
    slope: Any

    def __add__(self, other):
        other = lift(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other):
        other = lift(other)
        return Dual(self.value - other.value, self.slope - other.slope)

    def __mul__(self, other):
        other = lift(other)
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)

    def __truediv__(self, other):
        other = lift(other)
        return Dual(
            self.value / other.value,
            (self.slope * other.value - self.value * other.slope) / (other.value * other.value),
        )

    def __pow__(self, exponent):  # whole exponents of either sign
        if exponent == 0:
            return Dual(self.value**0, 0 * self.slope)
        return Dual(self.value**exponent, exponent * self.value ** (exponent - 1) * self.slope)

    def __neg__(self):
        return Dual(-self.value, -self.slope)

    def __radd__(self, other):
        return lift(other) + self

    def __rsub__(self, other):
        return lift(other) - self

    def __rmul__(self, other):
        return lift(other) * self

    def __rtruediv__(self, other):
        return lift(other) / self


def lift(x):
    return x if isinstance(x, Dual) else Dual(x, 0 * x)


DUAL_FUNCTIONS = {
    "exp": lambda x: Dual(math.exp(x.value), x.slope * math.exp(x.value)),
    "log": lambda x: Dual(math.log(x.value), x.slope / x.value),
    "sqrt": lambda x: Dual(math.sqrt(x.value), x.slope / 2 / math.sqrt(x.value)),
    "sin": lambda x: Dual(math.sin(x.value), x.slope * math.cos(x.value)),
    "cos": lambda x: Dual(math.cos(x.value), -x.slope * math.sin(x.value)),
    "tan": lambda x: Dual(math.tan(x.value), x.slope / math.cos(x.value) ** 2),
    "tanh": lambda x: Dual(math.tanh(x.value), x.slope / math.cosh(x.value) ** 2),
    "abs": lambda x: x if x.value > 0 else -x if x.value < 0 else Dual(x.value, 0 * x.slope),
}
PYTHON_FUNCTIONS = {name: getattr(math, name, abs) for name in DUAL_FUNCTIONS}


def run_as_python(program, functions, values, make=float):
    """Execute a program's assignments by Python itself; numbers in it are made by ``make``."""

    class Numbers(ast.NodeTransformer):
        def visit_Constant(self, node):
            return ast.Call(ast.Name("number", ast.Load()), [ast.Constant(str(node.value))], [])

        def visit_BinOp(self, node):
            exponent = node.right if isinstance(node.op, ast.Pow) else None
            self.generic_visit(node)
            node.right = exponent or node.right  # exponents stay whole numbers
            return node

    tree = ast.fix_missing_locations(Numbers().visit(ast.parse(program)))
    names = {**functions, **values, "number": make}
    exec(compile(tree, "<oracle>", "exec"), names)
    return names["f"]


def dual_gradient(program, inputs, functions, make=float):
    """Return the value and the gradient by forward mode, one run per input."""
    found = {}
    result = None
    functions = {name: lambda x, function=function: function(lift(x)) for name, function in functions.items()}
    for name in inputs:
        duals = {other: Dual(make(text), make(other == name)) for other, text in inputs.items()}
        result = run_as_python(program, functions, duals, make)
        found[name] = result.slope if isinstance(result, Dual) else make(0)
    return (result.value if isinstance(result, Dual) else result), found


def random_program(seed, functions=(), exponents=(2, 3, -1)):
    """Write a program of a few assignments in two to four inputs; its last value is f."""
    rng = random.Random(seed)
    inputs = {name: str(rng.choice((-3, -2, -1, 1, 2, 3)) * rng.choice((0.25, 0.5, 1.5, 1.0))) for name in "xyzw"}
    inputs = dict(list(inputs.items())[: rng.randint(2, 4)])
    names = list(inputs)

    def expression(depth):
        kind = rng.random()
        if depth == 0 or kind < 0.2:
            return rng.choice(names) if rng.random() < 0.8 else str(rng.choice((1, 2, 0.5, 3, 0.25)))
        if kind < 0.3:
            return f"-({expression(depth - 1)})"
        if kind < 0.4:
            return f"({expression(depth - 1)})**{rng.choice(exponents)}"
        if kind < 0.55 and functions:
            return f"{rng.choice(functions)}({expression(depth - 1)})"
        operator = rng.choice("+-*/**"[:4])
        return f"({expression(depth - 1)} {operator} {expression(depth - 1)})"

    lines = []
    for i in range(rng.randint(1, 5)):
        lines.append(f"t{i} = {rng.choice(names)} * {expression(3)}")  # never without a node
        names.append(f"t{i}")
    lines.append(f"f = {names[-1]} + {rng.choice(names)} * {expression(2)}")
    program = "\n".join(lines)
    return program, {name: text for name, text in inputs.items() if re.search(rf"\b{name}\b", program)}


def shortened(name):
    """An example whose training ends after a few rounds, and the tiny GPT reads one short name."""
    text = re.sub(r"^(for \w+ in range\((?:1, )?)(8|[2-9]\d|\d{3,})\):", r"\g<1>2):", example_text(name), flags=re.M)
    return re.sub(r"^ +\[0, [61].*\n", "", text, flags=re.M).replace("[0, 2, 5, 5, 1, 0]", "[0, 1]")
