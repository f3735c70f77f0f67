"""The text export: a trace as lines that read like a lecture's derivation.

Columns are laid out by the first events, so that a trace of any length streams line by line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from stepgrad.called import Counted
from stepgrad.events import Backward, Direction, Event, Forward, Print, Seed, Tangent, Update
from stepgrad.extract import begins, events_of
from stepgrad.formats.alike import is_usual, suits
from stepgrad.formats.blocks import INDENT
from stepgrad.formats.plain import Columns, Names, Plain, suffices
from stepgrad.formats.sheets import LONGEST, Sheets
from stepgrad.linear import LinearMap
from stepgrad.repeats import Pattern
from stepgrad.stretch import Stretch
from stepgrad.stretches import Placed
from stepgrad.style import Style, beside, cells, filled, one_line
from stepgrad.tensor import Array, Tensor, shape_of, show_shape
from stepgrad.trace import Trace
from stepgrad.wording import Wording, arriving, backward_title

LAID_OUT = 500  # events that the columns are laid out by


def text(
    trace: Trace,
    *,
    digits: int = 2,
    width: int = 80,
    ascii_only: bool = False,
    steps: Sequence[int] | None = None,
) -> Iterator[str]:
    """Yield the trace as lines.

    Parameters
    ----------
    trace : Trace
    digits : int
        Decimals of the printed numbers; ``≈`` stands where they are rounded.
    width : int
        Columns to fit, from 40 on; a longer step continues on the next line.
    ascii_only : bool
        Spell ``∂ × ≈`` and unnamed nodes in ASCII.
    steps : sequence of int, optional
        The indices of the events to tell; all, if None, and then the gradients, too.
    """
    return TextExport(trace, Style(digits, ascii_only), max(40, width), steps).lines()


class TextExport:
    """Writes one trace in one style."""

    def __init__(self, trace: Trace, style: Style, width: int, steps: Sequence[int] | None = None) -> None:
        self.trace = trace
        self.style = style
        self.width = width
        self.steps = steps
        self.wording = Wording(trace, style)
        self.names = Names(trace, style.ascii_only)
        self.sheets: dict[Pattern, Sheets] = {}
        self.first = first = list(islice(events_of(trace, steps), LAID_OUT))
        forwards = [event for event in first if isinstance(event, Forward)]
        edges = [event for event in first if isinstance(event, (Backward, Tangent)) and is_number(event.local)]
        half = width // 2
        self.step_width = max(4, len(str(len(trace))))
        self.name_width = fitting([cells(self.wording.name(event.node)) for event in forwards], half // 2)
        self.expression_width = fitting([cells(self.wording.expression(event)) for event in forwards], half)
        self.equation_width = fitting([cells(self.wording.equation(event)) for event in edges], half)
        values = [event.value for event in forwards] + [x for e in edges for x in (arriving(e), e.local, e.product)]
        self.number_width = fitting([len(style.number(x)) for x in values if is_number(x)], 12)
        widths = (self.step_width, self.name_width, self.expression_width, self.equation_width, self.number_width)
        self.columns = Columns(*widths, width, style.sign("×"))

    def lines(self) -> Iterator[str]:
        """Yield all lines; where one is too wide, it goes on in the next."""
        return chain.from_iterable(self.parts())

    def parts(self) -> Iterator[Iterable[str]]:
        """Yield all lines as a few iterators: a generator around them all would cost as much again."""
        if self.steps is None and suffices(self.trace):
            yield from self.plain()
        else:
            yield self.fitting(self.by_events())
        if self.steps is None:
            yield self.fitting(self.gradients())

    def fitting(self, lines: Iterable[str]) -> Iterator[str]:
        """Break the lines that are too wide."""
        for line in lines:
            if cells(line) <= self.width:
                yield line
            else:
                yield from broken(line, self.width)

    def by_events(self) -> Iterator[str]:
        """Yield the lines of the events that are told, however wide."""
        before = None
        for event in chain(self.first, islice(events_of(self.trace, self.steps), LAID_OUT, None)):
            phase = begins(self.trace, event.step - 1, before)
            if phase:
                yield from self.heading(phase, event.step - 1, blank=before is not None)
            yield from self.step(event)
            before = event.step - 1

    def plain(self) -> Iterator[Iterable[str]]:
        """Yield the lines of the whole trace, most of them without its events."""
        plain = Plain(self.wording, self.columns, self.names, lambda event: self.fitting(self.step(event)))
        stretches = self.trace.stretches
        for first, part in zip(stretches.numbers, stretches.parts, strict=True):
            if isinstance(part, Placed):
                yield from self.repeated(plain, part, first)
            else:
                yield from self.whole(plain, part, first)

    def whole(self, plain: Plain, stretch: Stretch, number: int) -> Iterator[Iterable[str]]:
        """Yield the lines of a pass, step by step."""
        self.names.go_on(stretch)
        output, keep = stretch.recorded.output, number == self.trace.stretches.last_swept
        yield from self.sections(
            number,
            plain.forward(stretch.before, stretch.first_step + 1) if stretch.seed_step > stretch.first_step else None,
            None if output is None else self.names[output],
            () if output is None else plain.backward(stretch, keep=keep),
            plain.forward(stretch.recorded.tail, stretch.tail_step + 1) if stretch.recorded.tail else None,
        )

    def sections(
        self,
        number: int,
        forward: Iterable[str] | None,
        output: str | None,
        backward: Iterable[str],
        updates: Iterable[str] | None,
    ) -> Iterator[Iterable[str]]:
        """Yield the lines of a pass, a title before each of its parts."""
        if forward is not None:
            title = forward_title(number + 1, len(self.trace.stretches))
            yield self.fitting(["", title] if number else [title])
            yield forward
        if output is not None:
            yield self.fitting(["", backward_title(output)])
            yield backward
        if updates is not None:
            yield ["", "Updates"]
            yield updates

    def repeated(self, plain: Plain, placed: Placed, first: int) -> Iterator[Iterable[str]]:
        """Yield the lines of repeated passes, most of them by sheets."""
        trace, pattern = self.trace, placed.pattern
        columns, written = suits(trace, placed, LONGEST), trace.stretches.written.get(pattern)
        if self.style.ascii_only or not isinstance(trace.called, Counted):
            columns = None
        for k in range(placed.count):
            told, found = None, columns.found(placed, k) if columns is not None else None
            if columns is not None and found is not None and is_usual(found, columns):
                sheets = self.sheets.get(pattern) or self.sheets.setdefault(pattern, Sheets(plain, columns, found))
                told = sheets.lines(placed, k, found)
            if told is None:
                (stretch,) = placed.each(written, [k])
                yield from self.whole(plain, stretch, first + k)
            else:
                forward, output, backward, updates = told
                yield from self.sections(first + k, forward or None, output, backward, updates or None)

    def heading(self, phase: str, index: int, *, blank: bool) -> Iterator[str]:
        """Yield the title of a phase, perhaps with a blank line before it."""
        if blank:
            yield ""
        if phase == "backward":
            yield self.wording.sweep_title(index)
        elif phase == "updates":
            yield "Updates"
        else:
            yield forward_title(self.trace.pass_at(index), len(self.trace.stretches))

    def step(self, event: Event) -> Iterator[str]:
        """Yield the lines of one step."""
        match event:
            case Forward():
                yield from self.forward(event)
            case Seed():
                yield from self.given(event.step, self.wording.seeded(event), event.gradient, "  the seed")
            case Direction():
                yield from self.given(event.step, self.wording.tangent(event.node), event.tangent, "  the direction")
            case Backward(local=LinearMap()) | Tangent(local=LinearMap()):
                yield from self.tensor_edge(event)
            case Backward() | Tangent():
                yield from self.scalar_edge(event)
            case Update():
                yield from self.update(event)
            case Print():
                yield f"{event.step:>{self.step_width}}  prints: {self.style.sign(one_line(event.text))}"
        if isinstance(event, (Forward, Backward, Tangent)) and event.note:
            yield f"{INDENT}note: {self.style.sign(event.note)}"

    def forward(self, event: Forward) -> Iterator[str]:
        """Yield a forward step: its name, its expression, its value."""
        name, expression = self.wording.name(event.node), self.wording.expression(event)
        if event.operands:
            left, remark = f"{filled(name, self.name_width)} = {filled(expression, self.expression_width)}", ""
        else:
            left, remark = filled(name, self.name_width + 3 + self.expression_width), f"  {expression}"
        yield from self.with_value(f"{event.step:>{self.step_width}}  {left}", event.value, remark)

    def with_value(self, left: str, value: Array, remark: str = "") -> Iterator[str]:
        """Yield a line that ends in a number, or that a tensor follows."""
        relation = self.style.equals(value)
        if not isinstance(value, Tensor):
            yield from self.fitted(left, f"{relation} {self.style.number(value):>{self.number_width}}{remark}")
            return
        rows = self.style.lines(value)
        shape = show_shape(value.shape)
        if len(rows) == 1:
            yield from self.fitted(left, f"{relation} {rows[0]}  {shape}{remark}")
            return
        yield from self.fitted(left, f"{relation} {shape}{remark}")
        yield from indented(rows)

    def given(self, step: int, name: str, value: Array, remark: str) -> Iterator[str]:
        """Yield what a sweep begins with: the seed, or a direction."""
        yield from self.with_value(f"{step:>{self.step_width}}  {filled(name, self.equation_width)}", value, remark)

    def scalar_edge(self, event: Backward | Tangent) -> Iterator[str]:
        """Yield an edge between numbers: names, then numbers, then the rule where there is room."""
        upstream, local, product = (f"{x:>{self.number_width}}" for x in self.wording.arithmetic(event))
        factors = self.style.equals(arriving(event), event.local)
        relation = self.style.equals(arriving(event), event.local, event.product)
        numbers = self.style.sign(f"{factors} {upstream} × {local} {relation} {product}")
        if not event.first:
            total = self.style.number(event.total)
            numbers += f", total {'' if self.style.equals(event.total) == '=' else self.style.sign('≈ ')}{total}"
        rule = self.wording.local_rule(event)
        left = f"{event.step:>{self.step_width}}  {filled(self.wording.equation(event), self.equation_width)}"
        whole = f"{left} {numbers}   {rule}"
        if rule and cells(whole) <= self.width:
            yield whole
        else:
            yield from self.fitted(left, numbers)

    def tensor_edge(self, event: Backward | Tangent) -> Iterator[str]:
        """Yield an edge between tensors: the rule, then its matrices side by side, or one below the other."""
        left = f"{event.step:>{self.step_width}}  {self.wording.equation(event)}"
        yield from self.fitted(left, f"  {show_shape(getattr(event.product, 'shape', ()))}")
        yield from self.side_by_side(self.wording.factors(event))

    def update(self, event: Update) -> Iterator[str]:
        """Yield an update: a number with its change, or the tensors before, between and after."""
        step = f"{event.step:>{self.step_width}}  "
        if event.change is not None and is_number(event.change):
            equation = filled(self.wording.updated(event), self.equation_width)
            relation = self.style.equals(event.old, event.change, event.new)
            yield from self.fitted(
                f"{step}{equation}", f"{relation} {self.style.number(event.new):>{self.number_width}}"
            )
            return
        yield f"{step}{self.wording.name(event.node)} updated  {show_shape(shape_of(event.new))}"
        yield from self.side_by_side(self.wording.old_and_new(event))

    def side_by_side(self, blocks: list[tuple[str, list[str]]]) -> Iterator[str]:
        """Yield labelled blocks of lines side by side where there is room, else one below the other."""
        lines = beside(blocks)
        if max(map(cells, lines)) > self.width - len(INDENT) - 2:
            lines = [line for block in blocks for line in beside([block])]
        yield from indented(lines)

    def gradients(self) -> Iterator[str]:
        """Yield the gradients of all inputs, or the tangent of the output."""
        trace = self.trace
        if trace.stretches.last_swept is None and not trace.along:
            return
        node = trace.output_at(len(trace) - 1) if trace.along else trace.index_of(trace.last_pass[1])
        output = self.wording.name(node)
        yield ""
        yield f"{'Tangent' if self.trace.along else 'Gradients'} of {output}"
        if self.trace.along:
            labels = {node: self.wording.tangent(node)}
        else:
            labels = {node: self.wording.partial(output, self.wording.name(node)) for node in self.trace.inputs}
        widest = fitting([cells(label) for label in labels.values()], self.width // 2)
        for node, label in labels.items():
            yield from self.with_value(
                f"{'':>{self.step_width}}  {filled(label, widest)}", self.trace.gradient(node, len(self.trace))
            )

    def fitted(self, left: str, right: str) -> Iterator[str]:
        """Yield one line, or two where one would be too wide."""
        if cells(left) + 1 + cells(right) <= self.width:
            yield f"{left} {right}"
        else:
            yield left.rstrip()
            yield f"{INDENT}  {right}"


def forward_title(number: int, count: int) -> str:
    """Return the title of the forward steps of a pass, counted from 1."""
    return "Forward" if count == 1 else f"Pass {number} of {count}: forward"


def is_number(array: Array) -> bool:
    """Whether it is a number rather than a tensor or a map."""
    return not isinstance(array, (Tensor, LinearMap))


def indented(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines that belong to the step above; blank ones stay empty."""
    return (f"{INDENT}  {line}" if line else "" for line in lines)


def broken(line: str, width: int) -> Iterator[str]:
    """Break a line that is too wide, at blanks where there are any."""
    while cells(line) > width:
        end = next(i for i in range(min(len(line), width), 0, -1) if cells(line[:i]) <= width)
        start = len(line) - len(line.lstrip())
        blank = line.rfind(" ", start + 1, end + 1)
        end = blank if blank > start else end
        yield line[:end].rstrip()
        line = f"{INDENT}    {line[end:].lstrip()}"
    yield line


def fitting(lengths: list[int], most: int) -> int:
    """Return the width of a column: the longest entry, within bounds."""
    return min(max(lengths, default=0), most)
