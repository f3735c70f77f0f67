"""Markdown: the trace as tables that render on GitHub, a row a step.

Whatever comes from the program is escaped, so that no name ends a cell or becomes markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stepgrad.events import Backward, Direction, Event, Forward, Print, Seed, Tangent, Update
from stepgrad.extract import begins, events_of
from stepgrad.gate import in_parentheses
from stepgrad.linear import LinearMap
from stepgrad.style import Style, one_line
from stepgrad.tensor import Array, Tensor, show_shape
from stepgrad.trace import Trace
from stepgrad.wording import Wording

MARKUP = re.compile(r"[\\`*_{}\[\]<>|~&#!^]")

CHAIN_RULE = (
    "```math",
    r"\underbrace{\frac{\partial f}{\partial x}}_{\text{product}}"
    r" = \underbrace{\frac{\partial f}{\partial z}}_{\text{upstream}}"
    r" \cdot \underbrace{\frac{\partial z}{\partial x}}_{\text{local}}",
    "```",
)
HEADINGS = {  # by the kind of row: the columns, and their alignment
    "forward": ("| step | value | computed as | is | note |", "| ---: | --- | --- | ---: | --- |"),
    "backward": (
        "| step | chain rule | upstream × local = product | total | rule of the gate |",
        "| ---: | --- | ---: | ---: | --- |",
    ),
    "update": ("| step | input | old | change | new |", "| ---: | --- | ---: | ---: | ---: |"),
}


def markdown(
    trace: Trace, *, steps: Sequence[int] | None = None, digits: int = 2, ascii_only: bool = False
) -> Iterator[str]:
    """Yield the trace as GitHub's Markdown.

    Parameters
    ----------
    trace : Trace
    steps : sequence of int, optional
        The indices of the events to tell; all, if None, and then the program and the gradients, too.
    digits : int
        Decimals of the printed numbers; ``≈`` stands where they are rounded.
    ascii_only : bool
        Spell mathematical signs and names in ASCII.
    """
    export = MarkdownExport(trace, Style(digits, ascii_only))
    if steps is None:
        yield from export.preface()
    yield from export.told(steps)
    if steps is None:
        yield from export.gradients()


class MarkdownExport:
    """Writes one trace in one style."""

    def __init__(self, trace: Trace, style: Style) -> None:
        self.trace = trace
        self.style = style
        self.wording = Wording(trace, style)

    def preface(self) -> Iterator[str]:
        """Yield the title and the program."""
        known = self.trace.node_count > 0
        output = escaped_markup(self.wording.name(self.trace.output_at(len(self.trace) - 1))) if known else ""
        yield f"# Backpropagation of {output}, step by step" if output else "# Backpropagation, step by step"
        if self.trace.program is not None:
            yield ""
            yield from fenced(self.trace.program.text, "python", ascii_only=self.style.ascii_only)

    def told(self, steps: Sequence[int] | None) -> Iterator[str]:
        """Yield the tables, each under its heading: a new one where a phase begins, or rows are of another kind."""
        before, table = None, ""
        explained = False
        for event in events_of(self.trace, steps):
            phase = begins(self.trace, event.step - 1, before)
            if phase:
                yield from ["", *self.heading(phase, event.step - 1)]
                table = ""
                if phase == "backward" and not explained and not self.trace.along:
                    yield from ["", *CHAIN_RULE]
                    explained = True
            kind = kind_of(event)
            if kind != table:
                yield from ["", *map(self.style.sign, HEADINGS.get(kind, ()))]
                table = kind
            yield self.row(event)
            before = event.step - 1

    def heading(self, phase: str, index: int) -> Iterator[str]:
        """Yield the title of a phase."""
        number, count = self.trace.pass_at(index), len(self.trace.passes)
        of_pass = "" if count == 1 else f"Pass {number} of {count}: "
        sweep = escaped_markup(self.wording.sweep_title(index))
        titles = {"forward": "forward", "updates": "updates", "backward": sweep[0].lower() + sweep[1:]}
        title = f"{of_pass}{titles[phase]}"
        yield f"## {title[0].upper()}{title[1:]}"

    def row(self, event: Event) -> str:
        """Return the row of an event; for what was printed, an item of a list."""
        match event:
            case Forward():
                return self.forward(event)
            case Seed():
                seed, total = escaped_markup(self.wording.seeded(event)), self.number(event.gradient)
                return row(event.step, seed, "", total, "the seed")
            case Direction():
                name, total = escaped_markup(self.wording.tangent(event.node)), self.number(event.tangent)
                return row(event.step, name, "", total, "the direction")
            case Backward() | Tangent():
                return self.backward(event)
            case Update():
                numbers = [self.number(each) for each in (event.old, event.change, event.new)]
                return row(event.step, escaped_markup(self.wording.name(event.node)), *numbers)
            case Print():
                return f"{event.step}. prints: {escaped_markup(self.style.sign(one_line(event.text)))}"

    def forward(self, event: Forward) -> str:
        """Return the row of a forward step."""
        told = map(escaped_markup, (self.wording.name(event.node), self.wording.expression(event)))
        return row(event.step, *told, self.number(event.value), self.note(event))

    def backward(self, event: Backward | Tangent) -> str:
        """Return the row of an edge."""
        equation = escaped_markup(self.wording.equation(event))
        rule = escaped_markup(self.wording.local_rule(event))
        told = "; ".join(filter(None, [rule, self.note(event)]))
        product, total = self.number(event.product), self.number(event.total)
        if not isinstance(event.local, LinearMap):
            upstream, local, _ = self.wording.arithmetic(event)
            product = self.style.sign(f"{upstream} × {in_parentheses(local)} {product}")
        return row(event.step, equation, product, total, told)

    def note(self, event: Forward | Backward | Tangent) -> str:
        """Return what is remarkable about a step."""
        return f"*{escaped_markup(self.style.sign(event.note))}*" if event.note else ""

    def number(self, array: Array) -> str:
        """Write a number with its sign of equality, or a tensor row by row, as wide as it is."""
        if array is None:
            return "none"
        if not isinstance(array, Tensor):
            return f"{self.style.equals(array)} {self.style.number(array)}"
        rows = "<br>".join(f"`{line}`" for line in self.style.lines(array) if line)
        return f"{self.style.equals(array)} {show_shape(array.shape)}<br>{rows}"

    def gradients(self) -> Iterator[str]:
        """Yield the gradients of all inputs."""
        swept = next((each for each in reversed(self.trace.passes) if each.backward), None)
        if swept is None:
            return
        output = self.wording.name(self.trace.output_at(swept.steps.stop - 1))
        yield from ["", f"## Gradients of {escaped_markup(output)}", "", "| gradient | is |", "| --- | ---: |"]
        for node in self.trace.inputs:
            label = escaped_markup(self.wording.partial(output, self.wording.name(node)))
            yield f"| {label} | {self.number(self.trace.gradient(node, len(self.trace)))} |"


def kind_of(event: Event) -> str:
    """Return in which kind of table an event has its row."""
    return {Forward: "forward", Update: "update", Print: "print"}.get(type(event), "backward")


def row(*cells: object) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def escaped_markup(text: str) -> str:
    r"""Spell a text so that Markdown shows it as it is.

    >>> print(escaped_markup("a|b_c"), escaped_markup("<b>$x$"))
    a\|b\_c \<b\><span>$</span>x<span>$</span>
    """
    return MARKUP.sub(r"\\\g<0>", one_line(text)).replace("$", "<span>$</span>")


def fenced(text: str, language: str, *, ascii_only: bool = False) -> Iterator[str]:
    """Yield a text as a block of code, the fence longer than any run of backticks in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{language}"
    for line in text.strip("\n").split("\n"):
        shown = "".join(sign if sign.isprintable() or sign == "\t" else "�" for sign in line)
        yield shown.encode("ascii", "backslashreplace").decode() if ascii_only else shown
    yield fence
