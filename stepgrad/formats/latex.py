r"""LaTeX: the derivation as lecture notes print it, step by step.

A document of its own, or a fragment to ``\input`` into one that loads amsmath.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import prod

from stepgrad.events import Backward, Event, Forward, Print, Seed, Update
from stepgrad.extract import begins, events_of
from stepgrad.formats import tex
from stepgrad.formats.scene import title_of
from stepgrad.formats.tex import MOST_MATRICES, POWER, PRODUCT, Names, Term, escape_text, matrix, number
from stepgrad.formula import OPERANDS
from stepgrad.gate import Elementwise
from stepgrad.linear import LinearMap
from stepgrad.style import MAX_COLUMNS, MAX_ROWS, Style
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor
from stepgrad.trace import Trace
from stepgrad.wording import Wording

COMMA = r",\quad "
ROWS = 24  # of equations in one environment: TeX sets it as a whole
WIDE, WIDER, WIDEST = 44, 60, 84  # signs of matrices in one row; wider ones are set smaller, and with fewer columns
FEWER = 5

PREAMBLE = r"""
\documentclass[11pt,a4paper]{article}
\usepackage[margin=2cm]{geometry}
\usepackage{amsmath}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\begin{document}
""".strip().splitlines()


def latex(
    trace: Trace, *, steps: Sequence[int] | None = None, digits: int = 2, standalone: bool = True
) -> Iterator[str]:
    r"""Yield the derivation.

    Parameters
    ----------
    trace : Trace
    steps : sequence of int, optional
        The indices of the events to tell; all, if None, and then the program and the gradients, too.
    digits : int
        Decimals of the printed numbers; ``\approx`` stands where they are rounded.
    standalone : bool
        A whole document; otherwise a fragment, for one that loads amsmath.
    """
    export = LatexExport(trace, Style(digits))
    if standalone:
        yield from PREAMBLE
        yield rf"\section*{{{escape_text(title_of(trace))}}}"
        if steps is None:
            yield from export.source()
    else:
        yield r"% \usepackage{amsmath}"
    yield from export.told(steps)
    if steps is None:
        yield from export.gradients()
    if standalone:
        yield r"\end{document}"


class LatexExport:
    """Writes one trace in one style."""

    def __init__(self, trace: Trace, style: Style) -> None:
        self.trace = trace
        self.style = style
        self.wording = Wording(trace, style)
        self.names = Names()

    def source(self) -> Iterator[str]:
        """Yield the program."""
        if self.trace.program is None:
            return
        yield r"\textbf{Program}\par\medskip"
        yield r"{\scriptsize\ttfamily\raggedright\frenchspacing"
        for line in self.trace.program.lines:
            text = escape_text(line.expandtabs(4))
            yield rf"\mbox{{}}{text.replace('  ', '~~')}\par"
        yield r"}\medskip"

    def told(self, steps: Sequence[int] | None) -> Iterator[str]:
        """Yield steps, with a heading where a phase begins."""
        before: int | None = None
        rows: list[str] = []
        for event in events_of(self.trace, steps):
            heading = self.heading(event.step - 1, before)
            before = event.step - 1
            if heading or len(rows) >= ROWS:
                yield from environment(rows)
                rows = []
            if heading:
                yield rf"\par\medskip\noindent\textbf{{{heading}}}"
            rows += self.step(event)
        yield from environment(rows)

    def heading(self, index: int, before: int | None) -> str:
        """Return the title of the phase that begins with an event; empty where none does."""
        phase = begins(self.trace, index, before)
        number_of_pass, count = self.trace.pass_at(index), len(self.trace.passes)
        if phase == "forward":
            return "Forward" if count == 1 else f"Pass {number_of_pass} of {count}: forward"
        if phase == "backward":
            return f"Backward from ${self.name(self.trace.output_at(index)).text}$"
        return "Updates" if phase else ""

    def step(self, event: Event) -> list[str]:
        """Return the rows of a step, the first with its number."""
        match event:
            case Forward():
                rows = self.forward(event)
            case Seed():
                name = self.name(event.node).text
                rows = self.valued(partial(name, name), "", event.gradient, r"\quad\text{(the seed)}")
            case Backward(local=LinearMap()):
                rows = self.tensor_edge(event)
            case Backward():
                rows = self.scalar_edge(event)
            case Update():
                rows = self.update(event)
            case Print():
                rows = [rf"&\text{{prints: \ttfamily {escape_text(event.text)}}}"]
        if isinstance(event, (Forward, Backward)) and event.note:
            rows.append(rf"&\quad\text{{note: {escape_text(event.note)}}}")
        return [rf"{rows[0]} \tag{{{event.step}}}", *rows[1:]]

    def equation(self, event: Event) -> str:
        """Write the first row of a step as one formula."""
        row = self.step(event)[0].split(" &&")[0].split(r" \tag")[0]
        return re.sub(r"(?<!\\)&", "", row)

    def forward(self, event: Forward) -> list[str]:
        """Write what was computed, with names, then with numbers."""
        name = self.name(event.node).text
        if not event.operands:
            return self.valued(name, "", event.value, rf"\quad\text{{({event.gate.name})}}")
        node = self.trace.node(event.node)
        names = [self.operand(each) for each in event.operands]
        written = tex.expression(event.gate, names, node.params).text
        values = self.trace.operand_values(event)
        if not any(isinstance(each, Tensor) for each in (event.value, *values)):
            numbers = tex.expression(event.gate, [number(each, self.style) for each in values], node.params).text
            middle = f"{self.relation(*values)} {numbers}"
            relation = self.relation(event.value, *values)
            return [f"{name} &= {written} {middle} {relation} {number(event.value, self.style).text}"]
        return self.valued(name, written, event.value)

    def valued(self, left: str, written: str, value: Array, remark: str = "") -> list[str]:
        """Write that a name is a value, and a tensor's shape."""
        relation = self.relation(value)
        first = f"&= {written} {relation}" if written else f"&{relation}"
        return [f"{left} {first} {self.array(value)}{remark}"]

    def scalar_edge(self, event: Backward) -> list[str]:
        """Write an edge between numbers: with names, with numbers in the gate's rule, the product."""
        output, node, operand = self.output(event), self.name(event.node).text, self.name(event.operand).text
        upstream, local = partial(output, node), partial(node, operand)
        becomes = "=" if event.first else r"\mathrel{+}="
        gate, literals = self.trace.node(event.node).gate, self.wording.literals(event)
        rule = gate.local_formula(event.slot, literals)
        given = number(event.upstream, self.style)
        shown = number(event.local, self.style)
        exact = [event.upstream, event.local]
        with_names = ""
        if rule and any(letter in rule for letter in "xyz"):
            with_names = rf"&&\text{{where }} {local} = {tex.formula(rule, self.letters(event)).text}"
            values = self.values(event)
            if "if" not in rule.split():
                shown = tex.formula(rule, {letter: number(each, self.style) for letter, each in values.items()})
                exact = [event.upstream, *(values[letter] for letter in letters_of(rule) if letter in values)]
        product = self.relation(event.upstream, event.local, event.product)
        numbers = rf"{given.text} \cdot {shown.at_least(PRODUCT)}"
        rows = [
            rf"{partial(output, operand)} &{becomes} {upstream} \cdot {local} {self.relation(*exact)} {numbers} "
            rf"{product} {number(event.product, self.style).text} {with_names}".rstrip()
        ]
        return rows if event.first else [*rows, self.added(event, partial(output, operand))]

    def added(self, event: Backward, name: str) -> str:
        """Write the addition where gradients meet."""
        before = self.trace.gradient_at(event.operand, event.step - 1)
        texts = [number(each, self.style) for each in (before, event.product, event.total)]
        left = f"{name} {self.relation(before, event.product)} {texts[0].text} + {texts[1].at_least(PRODUCT)}"
        relation = self.relation(before, event.product, event.total)
        return rf"&\quad\text{{gradients add: }} {left} {relation} {texts[2].text}"

    def tensor_edge(self, event: Backward) -> list[str]:
        """Write an edge between tensors: the rule, then its matrices."""
        output = self.output(event)
        upstream, result = partial(output, self.name(event.node).text), partial(output, self.name(event.operand).text)
        becomes = "=" if event.first else r"\mathrel{+}="
        words, letters = self.rule(event, upstream)
        values = self.values(event)
        names = self.letters(event)
        blocks = [(upstream, event.upstream), *((names[letter].text, values[letter]) for letter in letters)]
        rows = [rf"{result} &{becomes} {words}"]
        line: list[str] = []
        width = 0
        for name, value in blocks:
            width += self.width(value)
            if line and width > WIDE:
                rows.append(rf"&\quad\text{{with }} {COMMA.join(line)}")
                line, width = [], self.width(value)
            line.append(f"{name} {self.relation(value)} {self.array(value)}")
        rows.append(rf"&\quad\text{{with }} {COMMA.join(line)}")
        if event.first:
            return [*rows, f"{result} &{self.relation(event.product)} {self.array(event.product)}"]
        rows.append(rf"&\quad\text{{product}} {self.relation(event.product)} {self.array(event.product)}")
        return [*rows, f"{result} &{self.relation(event.total)} {self.array(event.total)}"]

    def rule(self, event: Backward, upstream: str) -> tuple[str, list[str]]:
        """Write the product of a tensor edge, and list the letters in it."""
        assert isinstance(event.local, LinearMap)
        gate, literals = self.trace.node(event.node).gate, self.wording.literals(event)
        terms = {**self.letters(event), "up": Term(upstream, POWER)}
        if isinstance(gate, Elementwise):
            text = gate.local_formula(event.slot, literals)
            if text in ("1", "-1"):
                return upstream if text == "1" else f"-{upstream}", []
            local = tex.formula(text, terms)
            return rf"{upstream} \odot {local.at_least(POWER)}", letters_of(text)
        words = gate.pulled(event.slot, literals) or event.local.formula
        return tex.pulled(words, terms), [letter for letter in "xyz" if f"{{{letter}}}" in words]

    def update(self, event: Update) -> list[str]:
        """Write an update: old, change and new."""
        name = self.name(event.node).text
        if event.change is None or isinstance(event.new, Tensor):
            return self.valued(name, "", event.new, r"\quad\text{(updated)}")
        texts = [number(each, self.style) for each in (event.old, event.change, event.new)]
        numbers = f"{self.relation(event.old, event.change)} {texts[0].text} + {texts[1].at_least(PRODUCT)}"
        return [f"{name} &{numbers} {self.relation(event.old, event.change, event.new)} {texts[2].text}"]

    def gradients(self) -> Iterator[str]:
        """Yield the gradients of all inputs."""
        swept = next((each for each in reversed(self.trace.passes) if each.value is not None), None)
        if swept is None or not self.trace.inputs:
            return
        output = self.name(self.trace.output_at(swept.steps.stop - 1)).text
        yield rf"\par\medskip\noindent\textbf{{Gradients of ${output}$}}"
        rows: list[str] = []
        for node in self.trace.inputs:
            value = self.trace.gradient(node, len(self.trace))
            rows += self.valued(partial(output, self.name(node).text), "", value)
        for start in range(0, len(rows), ROWS):
            yield from environment(rows[start : start + ROWS])

    # Words

    def name(self, node: int) -> Term:
        """Write a node's name."""
        return self.names.term(self.trace.name(node))

    def operand(self, operand: object) -> Term:
        """Write an operand's name, or a literal."""
        if isinstance(operand, int):
            return self.name(operand)
        if isinstance(operand, Tensor):
            return Term(matrix(operand, self.style))
        return tex.number_term(self.wording.operand(operand))

    def output(self, event: Backward) -> str:
        """Write the name of the output of the event's pass."""
        return self.name(self.trace.output_at(event.step - 1)).text

    def letters(self, event: Backward) -> dict[str, Term]:
        """Return the names that stand for the letters of the gate's formulas."""
        operands = self.trace.node(event.node).operands
        terms = [self.operand(self.trace.index_of(each) if isinstance(each, Node) else each) for each in operands]
        return {**dict(zip(OPERANDS, terms)), "z": self.name(event.node)}

    def values(self, event: Backward) -> dict[str, Array]:
        """Return what the letters are."""
        return {
            **dict(zip(OPERANDS, self.trace.operand_values(event))),
            "z": self.trace.value_at(event.node, event.step),
        }

    def relation(self, *arrays: Array) -> str:
        r"""Write ``=``, or ``\approx`` where a printed number is rounded."""
        rounded = any(self.style.rounded(each) for each in arrays if isinstance(each, Tensor) or not is_short(each))
        return r"\approx" if rounded else "="

    def array(self, value: Array) -> str:
        """Write a number, or a tensor with its shape."""
        if not isinstance(value, Tensor):
            return number(value, self.style).text
        shape = r" \times ".join(map(str, value.shape))
        width, count = self.width(value), min(prod(value.shape[:-2]), MOST_MATRICES) if len(value.shape) > 2 else 1
        high = count > 1 and width * count > WIDER
        written = matrix(value, self.style, high=high, most=MAX_COLUMNS if width <= WIDEST else FEWER)
        if width * (1 if high else count) > WIDE:
            size = "scriptsize" if width > WIDER else "footnotesize"
            written = rf"\text{{\{size}${written}$}}"
        return rf"{written} \;{{\scriptstyle ({shape})}}"

    def width(self, value: Array) -> int:
        """Return about how many signs a value takes across."""
        if not isinstance(value, Tensor) or not value.data:
            return 6
        rows = self.style.rows(value)
        if len(value.shape) == 1:
            return 4 + max(len(self.style.number(each)) for each in value.data[: MAX_ROWS + 1])
        return len(rows[0]) + 2 * min(value.shape[-1], MAX_COLUMNS + 1)


def is_short(value: Array) -> bool:
    """Whether a number is printed without decimals."""
    return isinstance(value, float) and abs(value) < 1e6 and value == int(value)


def letters_of(text: str) -> list[str]:
    """List the letters that stand for operands and the result in a formula.

    >>> letters_of("y*exp(-z)")
    ['y', 'z']
    """
    return [letter for letter in "xyz" if re.search(rf"\b{letter}\b", text)]


def partial(of: str, by: str) -> str:
    """Write a derivative."""
    return rf"\frac{{\partial {of}}}{{\partial {by}}}"


def environment(rows: Sequence[str]) -> Iterator[str]:
    """Yield rows of equations."""
    if not rows:
        return
    yield r"\begin{align*}"
    for k, row in enumerate(rows):
        yield row + (r" \\[4pt]" if k < len(rows) - 1 else "")
    yield r"\end{align*}"
