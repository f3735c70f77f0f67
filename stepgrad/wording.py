"""Wording: a step in names and in numbers, as a lecture writes it.

What the text export prints and what the screen shows are put together here, so that they agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import zip_longest
from math import inf, prod
from typing import NamedTuple
from unicodedata import combining, east_asian_width

from stepgrad.events import Backward, Direction, Event, Forward, Seed, Tangent, Update, partial
from stepgrad.formula import OPERANDS, spell
from stepgrad.linear import LinearMap, Term
from stepgrad.ops import CONSTANT, INPUT
from stepgrad.printing import fraction_text, nearest_number
from stepgrad.tape import Node
from stepgrad.tensor import Array, Number, Shape, Tensor, show_shape
from stepgrad.trace import Trace

MAX_ROWS, MAX_COLUMNS = 12, 8  # of a matrix; beyond, the middle is left out
NARROW = re.compile("[ -~¡-ˬΑ-ΡΣ-ωᵀ‐-‧⁰⁴-⁹⁻ⁿ₀-₉∂←-⌂]*")  # signs of which each takes one cell
LARGE = 1e9  # from here on, numbers are printed with an exponent
MAX_LITERAL = 40  # characters of a literal that an expression writes out
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
        return in_ascii(text) if self.ascii_only else text

    def number(self, number: Number) -> str:
        """Print a number.

        >>> Style().number(0.39322386648296376), Style().number(3.5e-05), Style(3).number(1e300)
        ('0.39', '3.50e-05', '1.000e+300')
        """
        if isinstance(number, Fraction):
            text = fraction_text(number)
            if len(text) <= self.digits + 6 and not text.endswith("…"):
                return text
            number = nearest_number(number)
        return printed(number, self.digits)

    def rounded(self, array: Array) -> bool:
        """Whether printing it loses digits of what is shown."""
        return any(x == x and type(x)(self.number(x)) != x for x in shown(array))

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
        mark, width = self.sign("…"), array.shape[-1]
        columns = kept(width, MAX_COLUMNS)
        table = [
            [mark if c is None else self.number(array.data[r * width + c]) for c in columns]
            for r in shown_rows(array)
            if r is not None
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = iter(f"[{' '.join(text.rjust(width) for text, width in zip(row, widths))}]" for row in table)
        return [mark if r is None else next(lines) for r in shown_rows(array)] or ["[]"]

    def lines(self, array: Array) -> list[str]:
        """Print an array as lines, with a blank one between the matrices of a stack.

        >>> Style(0).lines(Tensor((2, 1, 2), [1.0, 2.0, 3.0, 4.0]))
        ['[1 2]', '', '[3 4]']
        """
        rows = self.rows(array)
        if not isinstance(array, Tensor) or len(array.shape) < 3 or not array.data:
            return rows
        lines: list[str] = []
        for r, row in zip(shown_rows(array), rows, strict=True):
            lines += ["", row] if r and r % array.shape[-2] == 0 else [row]
        return lines


def printed(number: Number, digits: int) -> str:
    """Print a number with so many decimals, with an exponent where it is too small or too large for them."""
    if LARGE <= abs(number) < inf:  # asked first: without an exponent, a decimal may fill the memory
        return f"{number:.{digits}e}"
    fixed = f"{number:.{digits}f}"
    return f"{number:.{digits}e}" if number and not float(fixed) else fixed


def in_ascii(text: str) -> str:
    r"""Spell a text in ASCII: mathematical signs by others, what is left as Python would escape it.

    >>> print(in_ascii("∂f/∂π ≈ 1 × 2"))
    df/d\u03c0 ~= 1 * 2
    """
    return text if text.isascii() else escaped(text.translate(ASCII))


def escaped(text: str) -> str:
    """Spell a name in ASCII, so that different names stay different."""
    return text.encode("ascii", "backslashreplace").decode()


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes: Chinese comes two cells a sign, accents none.

    >>> cells("σ′"), cells("梯度")
    (2, 4)
    """
    if text.isascii() or NARROW.fullmatch(text):
        return len(text)
    return sum(map(CELLS.__getitem__, text))


class Cells(dict[str, int]):
    """How many cells each sign takes, looked up once."""

    def __missing__(self, sign: str) -> int:
        self[sign] = 0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1
        return self[sign]


CELLS = Cells()


def filled(text: str, width: int) -> str:
    """Fill a text up with blanks to so many cells."""
    return text + " " * (width - cells(text))


def kept(count: int, most: int) -> list[int | None]:
    """List the places, out of ``count``, that are shown where the middle of a long list is left out: None there.

    >>> kept(9, 4)
    [0, 1, None, 8]
    """
    if count <= most:
        return list(range(count))
    return [*range(most // 2), None, *range(count - most // 2 + 1, count)]


def shown_rows(tensor: Tensor) -> list[int | None]:
    """List the rows of a tensor that are shown, those of all its matrices counted on."""
    return kept(prod(tensor.shape[:-1]), MAX_ROWS)


def shown(array: Array) -> list[Number]:
    """List the numbers that are shown of an array."""
    if not isinstance(array, Tensor):
        return [array]
    width = array.shape[-1]
    columns = [c for c in kept(width, MAX_COLUMNS) if c is not None]
    return [array.data[r * width + c] for r in shown_rows(array) if r is not None for c in columns]


def beside(blocks: list[tuple[str, list[str]]], gap: str = "   ") -> list[str]:
    """Set labelled blocks of lines side by side."""
    columns = []
    for label, lines in blocks:
        width, indent = max(map(len, lines)), " " * cells(label)
        columns.append([(label if i == 0 else indent) + line.ljust(width) for i, line in enumerate(lines)])
    blank = [" " * cells(column[0]) for column in columns]
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
        name = self.trace.name(node, ascii_only=self.style.ascii_only)
        return escaped(name) if self.style.ascii_only else name

    def operand(self, operand: object) -> str:
        """Return an operand's name, or the literal."""
        if isinstance(operand, int):
            return self.name(operand)
        if isinstance(operand, Tensor):
            small = len(operand.data) <= MAX_COLUMNS and len(operand.shape) == 1
            text = f"[{', '.join(map(literal_text, operand.data))}]"
            return text if small and len(text) <= MAX_LITERAL else f"({show_shape(operand.shape)} literal)"
        return literal_text(operand)

    def operands(self, node: int) -> list[str]:
        """Return the names of a node's operands, literals written out."""
        operands = self.trace.node(node).operands
        return [self.operand(self.trace.index_of(each) if isinstance(each, Node) else each) for each in operands]

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

    def label_of(self, node: int) -> str:
        """Return what stands in the box of a node's gate; the name of a leaf."""
        event = self.trace[self.trace.forward_index(node)]
        assert isinstance(event, Forward)
        return self.label(event) if event.operands else self.name(node)

    def output(self, event: Event) -> str:
        """Return the name of the output from which the event's pass goes backward."""
        return self.name(self.trace.output_at(event.step - 1))

    def partial(self, of: str, by: str) -> str:
        """Write a derivative: ``∂f/∂x``."""
        return self.style.sign(partial(of, by))

    def equation(self, event: Backward | Tangent) -> str:
        """Write the chain rule with names: ``∂f/∂m = ∂f/∂h · ∂h/∂m``."""
        arriving, result = self.arriving(event), self.result(event)
        becomes = "=" if event.first else "+="
        if isinstance(event.local, LinearMap):
            return f"{result} {becomes} {self.carried(event, arriving)}"
        return self.style.sign(f"{result} {becomes} {arriving} · {self.local(event)}")

    def arriving(self, event: Backward | Tangent) -> str:
        """Write what an edge multiplies: the upstream ``∂f/∂h``, or forwards the operand's tangent ``∂m/∂t``."""
        if isinstance(event, Tangent):
            return self.tangent(event.operand)
        return self.partial(self.output(event), self.name(event.node))

    def result(self, event: Backward | Tangent) -> str:
        """Write what an edge adds to: the operand's gradient ``∂f/∂m``, or forwards the node's tangent ``∂h/∂t``."""
        if isinstance(event, Tangent):
            return self.tangent(event.node)
        return self.partial(self.output(event), self.name(event.operand))

    def local(self, event: Backward | Tangent) -> str:
        """Write the local of an edge: ``∂h/∂m``."""
        return self.partial(self.name(event.node), self.name(event.operand))

    def tangent(self, node: int | None = None, index: Shape = ()) -> str:
        """Write a node's tangent, or an element of it: ``∂h/∂w0``; without a node, that of any: ``∂…/∂w0``."""
        along = escaped(self.trace.along) if self.style.ascii_only else self.trace.along
        return self.partial(self.style.sign("…") if node is None else self.name(node) + bracketed(index), along)

    def sweep_title(self, index: int) -> str:
        """Return the title of the sweep that begins with an event."""
        if isinstance(self.trace[index], Direction):
            return f"Tangents by {escaped(self.trace.along) if self.style.ascii_only else self.trace.along}"
        return backward_title(self.name(self.trace.output_at(index)))

    def carried(self, event: Backward | Tangent, arriving: str) -> str:
        """Write the product of a tensor edge: ``∂f/∂q · xᵀ``; forwards ``∂q/∂W · ∂W/∂t``, element by element ⊙."""
        if isinstance(event, Backward):
            return self.pulled(event, arriving)
        formula = self.trace.node(event.node).gate.pulled(event.slot, self.literals(event))
        if not formula:
            return self.style.sign(f"{self.local(event)} · {arriving}")
        return self.style.sign(formula.format(up=arriving, **{"x": "", "y": "", **self.operands_by_letter(event)}))

    def operands_by_letter(self, event: Backward | Tangent) -> dict[str, str]:
        """Return the names that stand for ``x``, ``y`` and ``z`` in the formulas of the event's gate."""
        names = dict(zip(OPERANDS, self.operands(event.node)))
        return {**names, "z": self.name(event.node)}

    def literals(self, event: Backward | Tangent) -> dict[int, Array]:
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

    def local_rule(self, event: Backward | Tangent) -> str:
        """Write the local of a scalar edge as a formula: ``∂h/∂m = h``; empty where it has none."""
        gate = self.trace.node(event.node).gate
        formula = gate.local_formula(event.slot, self.literals(event))
        if not formula or isinstance(event.local, LinearMap):
            return ""
        spelled = spell(formula, self.operands_by_letter(event), ascii_only=self.style.ascii_only)
        return f"{self.local(event)} = {spelled}"

    def factors(self, event: Backward | Tangent) -> list[tuple[str, list[str]]]:
        """Return the matrices of a tensor edge, labelled: what it multiplies, the operands in the formula, product."""
        assert isinstance(event.local, LinearMap)
        gate = self.trace.node(event.node).gate
        formula = gate.pulled(event.slot, self.literals(event))
        formula = formula or (event.local.formula if isinstance(event, Backward) else "")
        values = dict(zip(OPERANDS, self.trace.operand_values(event)))
        values["z"] = self.trace.value_at(event.node, event.step)
        names = self.operands_by_letter(event)
        blocks = [(self.arriving(event), arriving(event))]
        blocks += [(names[letter], values[letter]) for letter in dict.fromkeys(re.findall(r"{([xyz])}", formula))]
        result = self.result(event)
        blocks.append((result if event.first else self.style.sign("product"), event.product))
        if not event.first:
            blocks.append((result, event.total))
        return [(f"{name} {self.style.equals(value)} ", self.style.lines(value)) for name, value in blocks]

    def element(self, event: Backward | Tangent, index: Shape) -> str:
        """Write an element of what a tensor edge sends: ``∂f/∂W[0][1]``, or forwards ``∂q[0]/∂t``."""
        if isinstance(event, Tangent):
            return self.tangent(event.node, index)
        return self.partial(self.output(event), self.name(event.operand) + bracketed(index))

    def sum_of(self, event: Backward | Tangent, index: Shape, terms: Sequence[Term], most: int = 2) -> str:
        """Write the sum that an opened element is: ``∂f/∂q[0] · ∂q[0]/∂W[0][1] + …``."""
        written = [
            self.style.sign(f"{arriving} · {self.partial(*ends)}")
            for arriving, ends in (self.term(event, index, term.result) for term in terms[:most])
        ]
        return self.style.sign(" + ".join(written + ["…"] * (len(terms) > most))) or "0"

    def term(self, event: Backward | Tangent, index: Shape, other: Shape) -> tuple[str, tuple[str, str]]:
        """Return what arrives at one product of an opened element, and the two elements of its local."""
        node, operand = self.name(event.node), self.name(event.operand)
        if isinstance(event, Tangent):
            return self.tangent(event.operand, other), (node + bracketed(index), operand + bracketed(other))
        result = node + bracketed(other)
        return self.partial(self.output(event), result), (result, operand + bracketed(index))

    def arithmetic(self, event: Backward | Tangent) -> tuple[str, str, str]:
        """Return a scalar edge's upstream, or forwards tangent, its local and product in numbers."""
        number = self.style.number
        return number(arriving(event)), number(event.local), number(event.product)

    def updated(self, event: Update) -> str:
        """Write an update of a number: ``w = 0.40 + (-0.04)``."""
        change = self.style.number(event.change)
        added = f"({change})" if change.startswith("-") else change
        return f"{self.name(event.node)} = {self.style.number(event.old)} + {added}"

    def old_and_new(self, event: Update) -> list[tuple[str, list[str]]]:
        """Return what an input held, by how much it changed, and what it holds, as labelled blocks of lines."""
        shown = [("old", event.old), ("change", event.change), ("new", event.new)]
        return [(f"{name} {self.style.equals(x)} ", self.style.rows(x)) for name, x in shown if x is not None]

    def seeded(self, event: Seed) -> str:
        """Write the seed's equation: ``∂f/∂f = 1``."""
        name = self.name(event.node)
        return self.partial(name, name)


def backward_title(output: str) -> str:
    """Return the title of the backward sweep from an output."""
    return f"Backward from {output}"


def arriving(event: Backward | Tangent) -> Array:
    """Return what an edge multiplies: the upstream, or forwards the operand's tangent."""
    return event.tangent if isinstance(event, Tangent) else event.upstream


def bracketed(index: Shape) -> str:
    """Spell an element's index: ``[0][1]``."""
    return "".join(f"[{i}]" for i in index)


def one_line(text: str) -> str:
    r"""Return printed text on one line, without control characters.

    >>> one_line("loss\n0.25\x1b")
    'loss 0.25�'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else " " if sign == "\n" else "�" for sign in text)


def literal_text(number: object) -> str:
    """Print a literal as the program would write it: whole numbers without a point.

    >>> literal_text(-1.0), literal_text(0.5)
    ('-1', '0.5')
    """
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return str(number)
