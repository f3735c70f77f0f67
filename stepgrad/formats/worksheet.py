"""Worksheets: backpropagation by hand, with a blank for every number of the backward steps, and the answer key.

The circuit and the forward values of one pass are given; the chain rule is given with names, and its numbers are to be
filled in. The key is the same sheet with the blanks filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from stepgrad.errors import FormatError, nearest
from stepgrad.events import Backward, Forward, Seed
from stepgrad.formats.graph import graph_of, nodes_of, pass_of
from stepgrad.formats.latex import PREAMBLE
from stepgrad.formats.markdown import escaped_markup, fenced
from stepgrad.formats.mermaid import flowchart
from stepgrad.formats.tex import escape_text
from stepgrad.gate import in_parentheses
from stepgrad.linear import LinearMap
from stepgrad.style import Style, one_line
from stepgrad.tensor import Array, Tensor, shape_of, show_shape
from stepgrad.trace import Trace
from stepgrad.wording import Wording

BLANK = "______"


def worksheet(
    trace: Trace,
    *,
    format: str = "markdown",
    key: bool = False,
    pass_number: int | None = None,
    digits: int = 2,
    ascii_only: bool = False,
) -> Iterator[str]:
    """Yield a worksheet, or its answer key.

    Parameters
    ----------
    trace : Trace
    format : str
        A key of ``SHEETS``.
    key : bool
        Whether the blanks are filled in.
    pass_number : int, optional
        Which pass, counted from 1; the last that was swept, if None.
    digits : int
        Decimals of the printed numbers.
    ascii_only : bool
        Spell mathematical signs and names in ASCII.

    Raises
    ------
    FormatError
        If there is no such format or pass, or if nothing goes backward in it.
    """
    if format not in SHEETS:
        raise FormatError(
            f"there is no worksheet in {format!r}; use one of {', '.join(SHEETS)}{nearest(format, SHEETS)}"
        )
    yield from SHEETS[format](Sheet(trace, key, pass_number, Style(digits, ascii_only)))


class Sheet:
    """What a worksheet asks, and what the answers are, in plain words.

    Parameters
    ----------
    trace : Trace
    key : bool
        Whether the blanks are filled in.
    pass_number : int or None
    style : Style
    """

    def __init__(self, trace: Trace, key: bool, pass_number: int | None, style: Style) -> None:
        self.trace = trace
        self.key = key
        self.pass_number = pass_number
        self.style = style
        self.wording = Wording(trace, style)
        self.told = pass_of(trace, pass_number)
        if not self.told.backward:
            raise FormatError(f"nothing goes backward in pass {self.told.number}; a worksheet needs a backward sweep")
        self.output = trace.output_at(self.told.backward.start)

    @property
    def title(self) -> str:
        """The title: what the sheet is about."""
        passes = len(self.trace.passes)
        of_pass = "" if passes == 1 else f", pass {self.told.number} of {passes}"
        kind = "answer key" if self.key else "worksheet"
        return f"Backpropagation by hand: {one_line(self.wording.name(self.output))}{of_pass} ({kind})"

    def forward(self) -> Iterator[tuple[str, str, Array]]:
        """Yield the name of every value, how it is computed, and the value."""
        for node in nodes_of(self.trace, self.told, whole=False):
            event = self.trace[self.trace.forward_index(node)]
            expression = self.wording.expression(event) if isinstance(event, Forward) else "input"
            value = self.trace.value_at(node, self.told.backward.start)
            yield one_line(self.wording.name(node)), one_line(expression), value

    def backward(self) -> Iterator[tuple[int, str, str, str]]:
        """Yield for every backward step its number, its chain rule, the numbers with blanks, and the rule."""
        for number, index in enumerate(self.told.backward, 1):
            event = self.trace[index]
            if isinstance(event, Seed):
                seed = f"{self.style.equals(event.gradient)} {self.blank(event.gradient)}"
                yield number, one_line(self.wording.seeded(event)), seed, "the seed"
            elif isinstance(event, Backward):
                yield number, one_line(self.wording.equation(event)), self.arithmetic(event), self.rule(event)

    def arithmetic(self, event: Backward) -> str:
        """Write the numbers of an edge, blank or filled in."""
        numbers = [event.upstream, event.local] if not isinstance(event.local, LinearMap) else []
        equals = self.style.equals(*numbers, event.product) if self.key else "="
        factors = [self.blank(numbers[0]), in_parentheses(self.blank(numbers[1]))] if numbers else []
        product = self.style.sign(f"{' × '.join(factors)} {equals} {self.blank(event.product)}".strip())
        if event.first:
            return product
        return f"{product}, total {self.style.equals(event.total) if self.key else '='} {self.blank(event.total)}"

    def rule(self, event: Backward) -> str:
        """Return the rule of the gate, which the key tells and the sheet asks for."""
        return one_line(self.wording.local_rule(event)) if self.key else ""

    def gradients(self) -> Iterator[tuple[str, str]]:
        """Yield the label of the gradient of every input, and the number or a blank."""
        happened, output = self.told.steps.stop, self.wording.name(self.output)
        for node in nodes_of(self.trace, self.told, whole=False):
            if self.trace.node(node).gate.name == "input":
                gradient = self.trace.gradient(node, happened)
                equals = self.style.equals(gradient) if self.key else "="
                label = one_line(self.wording.partial(output, self.wording.name(node)))
                yield label, f"{equals} {self.blank(gradient)}"

    def blank(self, array: Array) -> str:
        """Write a number where the blanks are filled in; else a blank, with the shape of a tensor."""
        if not self.key:
            return f"{BLANK} {show_shape(array.shape)}" if isinstance(array, Tensor) else BLANK
        return self.number(array)

    def number(self, array: Array) -> str:
        """Write a number, or a tensor on one line."""
        if not isinstance(array, Tensor):
            return self.style.number(array)
        rows = self.style.rows(array)
        return rows[0] if len(shape_of(array)) == 1 else f"[{', '.join(rows)}]"


def as_text(sheet: Sheet) -> Iterator[str]:
    """Yield the sheet as plain text."""
    yield from [sheet.title, "=" * len(sheet.title), "", "Forward"]
    for name, expression, value in sheet.forward():
        yield f"  {name} = {expression} {sheet.style.equals(value)} {sheet.number(value)}"
    asked = "" if sheet.key else ": fill in upstream × local = product"
    yield from ["", sheet.style.sign(f"Backward{asked}")]
    for number, equation, numbers, rule in sheet.backward():
        yield f"  {number:>3}. {equation}"
        yield f"         {numbers}{f'   ({rule})' if rule else ''}"
    yield from ["", "Gradients"]
    for label, gradient in sheet.gradients():
        yield f"  {label} {gradient}"


def as_markdown(sheet: Sheet) -> Iterator[str]:
    """Yield the sheet as Markdown, with the circuit where Mermaid can draw it."""
    yield f"# {escaped_markup(sheet.title)}"
    if sheet.trace.program is not None:
        yield ""
        yield from fenced(sheet.trace.program.text, "python", ascii_only=sheet.style.ascii_only)
    nodes, output = graph_of(sheet.wording, sheet.pass_number)
    try:
        circuit = flowchart(nodes, output, ascii_only=sheet.style.ascii_only, gradients=sheet.key)
        yield from ["", "## Circuit", "", "```mermaid", *circuit, "```"]
    except FormatError:  # too large to be drawn; the table says the same
        pass
    yield from ["", "## Forward", "", "| value | computed as | is |", "| --- | --- | ---: |"]
    for name, expression, value in sheet.forward():
        shown = f"{sheet.style.equals(value)} {code(sheet, value)}"
        yield f"| {escaped_markup(name)} | {escaped_markup(expression)} | {shown} |"
    yield from ["", "## Backward", ""]
    yield sheet.style.sign("Fill in the numbers: upstream × local = product.") if not sheet.key else "The answers:"
    heading = "| | chain rule | upstream × local = product |"
    yield from ["", sheet.style.sign(heading + (" rule |" if sheet.key else ""))]
    yield "| ---: | --- | --- |" + (" --- |" if sheet.key else "")
    for number, equation, numbers, rule in sheet.backward():
        told = f" {escaped_markup(rule)} |" if sheet.key else ""
        yield f"| {number} | {escaped_markup(equation)} | {with_blanks(numbers)} |{told}"
    yield from ["", "## Gradients", "", "| gradient | is |", "| --- | --- |"]
    for label, gradient in sheet.gradients():
        yield f"| {escaped_markup(label)} | {with_blanks(gradient)} |"


def with_blanks(text: str) -> str:
    """Spell numbers and blanks; blanks stand by themselves, so that Markdown leaves them as they are."""
    return BLANK.join(map(escaped_markup, text.split(BLANK)))


def code(sheet: Sheet, value: Array) -> str:
    """Write a value in a cell: a number, or a tensor row by row."""
    if not isinstance(value, Tensor):
        return sheet.style.number(value)
    return "<br>".join(f"`{line}`" for line in sheet.style.lines(value) if line)


def as_latex(sheet: Sheet) -> Iterator[str]:
    """Yield the sheet as a document of its own, in tables that go on over pages."""
    yield from PREAMBLE[:-1]
    yield from [r"\usepackage{longtable}", PREAMBLE[-1], rf"\section*{{{escape_text(sheet.title)}}}"]
    yield r"\subsection*{Forward}"
    forward = (
        [name, expression, f"{sheet.style.equals(x)} {sheet.number(x)}"] for name, expression, x in sheet.forward()
    )
    yield from longtable("llr", forward)
    yield r"\subsection*{Backward}"
    asked = "The answers:" if sheet.key else "Fill in the numbers: upstream × local = product."
    yield escape_text(asked)
    backward = (
        [f"{k}", equation, numbers, *([rule] if sheet.key else [])] for k, equation, numbers, rule in sheet.backward()
    )
    yield from longtable("rp{6cm}p{6cm}p{3cm}" if sheet.key else "rp{8cm}p{7cm}", backward)
    yield r"\subsection*{Gradients}"
    yield from longtable("ll", map(list, sheet.gradients()))
    yield r"\end{document}"


def longtable(columns: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table; a blank becomes a rule to write on."""
    yield rf"\begin{{longtable}}[l]{{{columns}}}"
    for row in rows:
        cells = (r"\underline{\hspace{3.5em}}".join(map(escape_text, text.split(BLANK))) for text in row)
        yield " & ".join(f"{{{text}}}" for text in cells) + r" \\[4pt]"  # in braces: a [ after \\ is an option
    yield r"\end{longtable}"


SHEETS: Mapping[str, Callable[[Sheet], Iterator[str]]] = {"markdown": as_markdown, "latex": as_latex, "text": as_text}
ENDINGS: Mapping[str, str] = {".md": "markdown", ".markdown": "markdown", ".tex": "latex", ".txt": "text"}
