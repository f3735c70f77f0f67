"""Wording: a step in names and in numbers, as a lecture writes it.

What the text export prints and what the screen shows are put together here, so that they agree.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import zip_longest
from typing import NamedTuple

from stepgrad.events import Backward, Event, Forward, Seed
from stepgrad.formula import OPERANDS, spell
from stepgrad.linear import LinearMap
from stepgrad.ops import CONSTANT, INPUT
from stepgrad.tensor import Array, Number, Tensor, flat, fold_rows, show_shape
from stepgrad.trace import Trace

MAX_ROWS, MAX_COLUMNS = 12, 8  # of a matrix; beyond, the middle is left out
ASCII = str.maketrans(
    {"×": "*", "·": "*", "⊙": "*", "ᵀ": "'", "∂": "d", "′": "'", "Σ": "sum", "‖": "|", "≈": "~=", "…": "..",
     "−": "-", "→": "->", "²": "**2", "³": "**3", "σ": "sigmoid", "–": "-"}
)  # fmt: skip


class Style(NamedTuple):
    """How numbers and signs are printed.

    Attributes
    ----------
    digits : int
        Decimals. A number too small or too large for them is printed with an exponent.
    ascii_only : bool
        Spell mathematical signs in ASCII: ``d`` for ``∂``, ``%5`` for ``v₅``.
    """

    digits: int = 2
    ascii_only: bool = False

    def sign(self, text: str) -> str:
        """Spell mathematical signs as the style asks."""
        return text.translate(ASCII) if self.ascii_only else text

    def number(self, number: Number) -> str:
        """Print a number.

        >>> Style().number(0.39322386648296376), Style().number(3.5e-05), Style(3).number(1e300)
        ('0.39', '3.50e-05', '1.000e+300')
        """
        if isinstance(number, Fraction):
            if len(str(number)) <= self.digits + 6:
                return str(number)
            number = float(number)
        fixed = f"{number:.{self.digits}f}"
        lost = number and not float(fixed)
        return f"{number:.{self.digits}e}" if lost or 1e9 <= abs(number) < float("inf") else fixed

    def rounded(self, array: Array) -> bool:
        """Whether printing it loses digits."""
        return any(x == x and type(x)(self.number(x)) != x for x in flat(array))

    def equals(self, *arrays: Array) -> str:
        """Return ``=``, or ``≈`` where a printed number is rounded."""
        return self.sign("≈") if any(map(self.rounded, arrays)) else "="

    def rows(self, array: Array) -> list[str]:
        """Print an array as lines: a number, a vector in brackets, a matrix row by row.

        >>> Style(1).rows(Tensor((2, 2), [0.1, 0.5, -0.3, 0.8]))
        ['[ 0.1 0.5]', '[-0.3 0.8]']
        """
        if not isinstance(array, Tensor):
            return [self.number(array)]
        if len(array.shape) > 2:
            stacked = Tensor((array.shape[0] * array.shape[1], *array.shape[2:]), array.data)
            return self.rows(stacked)
        texts = list(map(self.number, array.data))
        table = fold_rows(array.shape, texts) if len(array.shape) == 2 else [texts]
        table = [elided(row, MAX_COLUMNS, self.sign("…")) for row in table]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [f"[{' '.join(text.rjust(width) for text, width in zip(row, widths))}]" for row in table]
        return elided(lines, MAX_ROWS, self.sign("…")) or ["[]"]


def elided(items: list[str], most: int, mark: str) -> list[str]:
    """Leave out the middle of a long list."""
    if len(items) <= most:
        return items
    return [*items[: most // 2], mark, *items[len(items) - most // 2 + 1 :]]


def beside(blocks: list[tuple[str, list[str]]], gap: str = "   ") -> list[str]:
    """Set labelled blocks of lines side by side."""
    columns = []
    for label, lines in blocks:
        width = max(map(len, lines))
        columns.append([(label if i == 0 else " " * len(label)) + line.ljust(width) for i, line in enumerate(lines)])
    blank = [" " * len(column[0]) for column in columns]
    joined = zip_longest(*columns)
    return [gap.join(text if text is not None else blank[i] for i, text in enumerate(row)).rstrip() for row in joined]


LECTURE = Style()  # two decimals and all signs, as on the board


class Wording:
    """Names and equations of a trace's steps, in one style."""

    def __init__(self, trace: Trace, style: Style = LECTURE) -> None:
        self.trace = trace
        self.style = style

    def name(self, node: int) -> str:
        """Return a node's name."""
        return self.trace.name(node, ascii_only=self.style.ascii_only)

    def operand(self, operand: object) -> str:
        """Return an operand's name, or the literal."""
        if isinstance(operand, int):
            return self.name(operand)
        if isinstance(operand, Tensor):
            small = len(operand.data) <= MAX_COLUMNS and len(operand.shape) == 1
            return self.style.rows(operand)[0] if small else f"({show_shape(operand.shape)} literal)"
        return literal_text(operand)

    def expression(self, event: Forward) -> str:
        """Return what a forward step computes: ``w0 × x0``, or ``input``."""
        if event.gate in (INPUT, CONSTANT):
            return event.gate.name
        operands = [self.operand(operand) for operand in event.operands]
        return self.style.sign(event.gate.written(operands, self.trace.node(event.node).params))

    def label(self, event: Forward) -> str:
        """Return what stands in the gate's box: ``×-1``, ``exp``."""
        literals = {i: self.operand(o) for i, o in enumerate(event.operands) if not isinstance(o, int)}
        return self.style.sign(event.gate.label(literals, self.trace.node(event.node).params))

    def output(self, event: Event) -> str:
        """Return the name of the output from which the event's pass goes backward."""
        return self.name(self.trace.output_at(event.step - 1))

    def partial(self, of: str, by: str) -> str:
        """Write a derivative: ``∂f/∂x``."""
        return self.style.sign(f"∂{of}/∂{by}")

    def equation(self, event: Backward) -> str:
        """Write the chain rule with names: ``∂f/∂m = ∂f/∂h · ∂h/∂m``."""
        output, node, operand = self.output(event), self.name(event.node), self.name(event.operand)
        upstream, result = self.partial(output, node), self.partial(output, operand)
        becomes = "=" if event.first else "+="
        if isinstance(event.local, LinearMap):
            return f"{result} {becomes} {self.pulled(event, upstream)}"
        return self.style.sign(f"{result} {becomes} {upstream} · {self.partial(node, operand)}")

    def operands_by_letter(self, event: Backward) -> dict[str, str]:
        """Return the names that stand for ``x``, ``y`` and ``z`` in the formulas of the event's gate."""
        forward = self.trace[self.trace.forward_index(event.node)]
        assert isinstance(forward, Forward)
        names = dict(zip(OPERANDS, map(self.operand, forward.operands)))
        return {**names, "z": self.name(event.node)}

    def literals(self, event: Backward) -> dict[int, Array]:
        """Return the literal operands of the event's node, by slot."""
        operands = self.trace.node(event.node).operands
        values = self.trace.operand_values(event)
        return {i: value for i, (o, value) in enumerate(zip(operands, values, strict=True)) if o is value}

    def pulled(self, event: Backward, upstream: str) -> str:
        """Write the product of a tensor edge: ``∂f/∂q · xᵀ``."""
        assert isinstance(event.local, LinearMap)
        gate = self.trace.node(event.node).gate
        formula = gate.pulled(event.slot, self.literals(event)) or event.local.formula
        return self.style.sign(formula.format(up=upstream, **{"x": "", "y": "", **self.operands_by_letter(event)}))

    def local_rule(self, event: Backward) -> str:
        """Write the local of a scalar edge as a formula: ``∂h/∂m = h``; empty where it has none."""
        gate = self.trace.node(event.node).gate
        formula = gate.local_formula(event.slot, self.literals(event))
        if not formula or isinstance(event.local, LinearMap):
            return ""
        spelled = spell(formula, self.operands_by_letter(event), ascii_only=self.style.ascii_only)
        return f"{self.partial(self.name(event.node), self.name(event.operand))} = {spelled}"

    def factors(self, event: Backward) -> list[tuple[str, list[str]]]:
        """Return the matrices of a tensor edge, labelled: upstream, the operands in the formula, product."""
        assert isinstance(event.local, LinearMap)
        output = self.output(event)
        gate = self.trace.node(event.node).gate
        formula = gate.pulled(event.slot, self.literals(event)) or event.local.formula
        values = dict(zip(OPERANDS, self.trace.operand_values(event)))
        values["z"] = self.trace.value_at(event.node, event.step)
        names = self.operands_by_letter(event)
        shown = [(self.partial(output, self.name(event.node)), event.upstream)]
        shown += [(names[letter], values[letter]) for letter in dict.fromkeys(re.findall(r"{([xyz])}", formula))]
        result = self.partial(output, self.name(event.operand))
        shown.append((result if event.first else self.style.sign("product"), event.product))
        if not event.first:
            shown.append((result, event.total))
        return [(f"{name} {self.style.equals(value)} ", self.style.rows(value)) for name, value in shown]

    def arithmetic(self, event: Backward) -> tuple[str, str, str]:
        """Return a scalar edge's upstream, local and product in numbers."""
        number = self.style.number
        return number(event.upstream), number(event.local), number(event.product)

    def seeded(self, event: Seed) -> str:
        """Write the seed's equation: ``∂f/∂f = 1``."""
        name = self.name(event.node)
        return self.partial(name, name)


def literal_text(number: object) -> str:
    """Print a literal as the program would write it: whole numbers without a point.

    >>> literal_text(-1.0), literal_text(0.5)
    ('-1', '0.5')
    """
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return str(number)
