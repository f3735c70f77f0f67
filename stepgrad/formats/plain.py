"""Plain steps: those of numbers without a note, which is nearly all of a long trace, told without making their events.

They are told as :class:`~stepgrad.formats.text.TextExport` tells an event, in its columns; the tests compare the two.
What would be put together anew at every step is remembered as long as there is room: names, numbers, and how
the expressions and the rules of gates are written. A step that is not plain is left to the export.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from stepgrad.events import unnamed
from stepgrad.formula import spell
from stepgrad.notes import Doubts
from stepgrad.numeric import FLOAT
from stepgrad.stretch import Edge, Stretch
from stepgrad.style import LARGE, cells, escaped, literal_text, printed
from stepgrad.tape import Mark, Node, Updated
from stepgrad.trace import Trace
from stepgrad.wording import Wording

MANY = 20_000  # that are remembered of each kind
HOLES = ("\ue000", "\ue001", "\ue002")  # where names will stand in a text that is made once
INDENT = " " * 6
BELOW = f"{INDENT}  "  # what stands before the second half of a line
LEAST_RULE = len("   ∂f/∂x = 1")


class Columns(NamedTuple):
    """How wide the parts of a line are, and the line, and the sign between factors."""

    step: int
    name: int
    expression: int
    equation: int
    number: int
    line: int
    times: str


class Remembered(dict[Any, Any]):
    """What is made when first asked for, and remembered as long as there is room."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, key: Any) -> Any:
        if len(self) >= MANY:
            self.clear()
        found = self[key] = self.make(key)
        return found


class Numbers(dict[Any, tuple[str, bool]]):
    """Printed numbers, filled up to the width of their column, and whether they are rounded."""

    def __init__(self, digits: int, width: int) -> None:
        super().__init__()
        self.digits = digits
        self.template = f"%{width}.{digits}f"
        self.exponent = f"%{width}.{digits}e"
        self.least, self.lost = 10.0**-digits, 0.4 * 10.0**-digits  # what is surely not, and surely, printed as 0
        self.width = width

    def __missing__(self, number: Any) -> tuple[str, bool]:
        if self.least < number < LARGE or -LARGE < number < -self.least:
            text = self.template % number
        elif number and -self.lost < number < self.lost:
            text = self.exponent % number
        else:
            text = printed(number, self.digits).rjust(self.width)
            if not number:  # as a key, -0.0 is 0.0
                return text, False
        if len(self) >= MANY:
            self.clear()
        found = self[number] = text, float(text) != number == number
        return found


class Names(dict[Any, str]):
    """The names of nodes."""

    def __init__(self, trace: Trace, ascii_only: bool) -> None:
        super().__init__()
        self.called = trace.called
        self.shift = trace.shift or 0
        self.ascii_only = ascii_only

    def __missing__(self, node: Any) -> str:
        name = self.called.get(node.index)
        if name is None:
            text = unnamed(node.index + self.shift, self.ascii_only)
        else:
            text = escaped(name.shown(True)) if self.ascii_only else name.shown()
        if len(self) >= MANY:
            self.clear()
        self[node] = text
        return text


class Written(NamedTuple):
    """A text with holes for names, and what picks these from those of ``x``, ``y`` and ``z``; None: it has no holes."""

    text: str
    pick: Callable[[tuple[str, str, str]], Any] | None


def suffices(trace: Trace) -> bool:
    """Whether steps can be plain: floats that nobody changed, counted without gaps, with names of narrow letters."""
    return (
        not trace.along
        and trace.number is FLOAT
        and trace.shift is not None
        and not trace.changes
        and all(name.isidentifier() and cells(name) == len(name) for name in trace.versions)
    )


class Plain:
    """Tells the steps of a trace.

    Parameters
    ----------
    wording : Wording
    columns : Columns
    told : callable
        Yields the lines of an event, where a step is not plain.
    """

    def __init__(self, wording: Wording, columns: Columns, told: Callable[[Any], Iterable[str]]) -> None:
        self.wording = wording
        self.trace = trace = wording.trace
        self.columns = columns
        self.told = told
        self.names = Names(trace, wording.style.ascii_only)
        self.numbers = Numbers(wording.style.digits, columns.number)
        self.literals = Remembered(literal_text)
        self.expressions = Remembered(self.expression)
        self.of_one = Remembered(lambda gate: self.expression((gate, False, "")))
        self.of_two = Remembered(lambda gate: self.expression((gate, False, False)))
        self.rules = Remembered(self.rule)
        self.doubts = Doubts(trace.number)
        sign = wording.style.sign
        self.by, self.dot, self.equal, self.about = sign("∂"), sign("·"), ("=", sign("≈")), sign("≈ ")

    # How a gate is written, with holes for the names

    def holed(self, text: str, holes: Iterable[str], *, signed: bool) -> Written:
        """Make a template of a text with holes."""
        known = {hole: place for place, hole in enumerate(holes)}
        parts = re.split(f"({'|'.join(map(re.escape, known))})", text)
        order = [known[part] for part in parts[1::2]]
        sign = self.wording.style.sign if signed else str
        parts[::2] = [sign(part).replace("%", "%%" if order else "%") for part in parts[::2]]
        parts[1::2] = ["%s"] * len(order)
        return Written("".join(parts), itemgetter(*order) if order else None)

    def expression(self, key: tuple[Any, ...]) -> Written:
        """Write what a gate computes of one operand or two: each is a hole, that of a negative literal with a sign."""
        gate, *below = key
        holes = [("-" if each else "") + hole for hole, each in zip(HOLES, below) if each != ""]
        return self.holed(gate.written(holes, {}), holes, signed=True)

    def rule(self, key: tuple[Any, ...]) -> Written:
        """Write the local of a slot, the gate's literals put in."""
        gate, slot, *literals = key
        given = {place: literal for place, literal in enumerate(literals) if literal is not None}
        text = gate.local_formula(slot, given)
        spelled = spell(text, dict(zip("xyz", HOLES)), ascii_only=self.wording.style.ascii_only)
        return self.holed(spelled, HOLES, signed=False)

    # The steps

    def forward(self, entries: Iterable[Any], first: int) -> Iterator[str]:
        """Yield the lines of what is neither a seed nor an edge, from a step on."""
        names, numbers, literals, expressions = self.names, self.numbers, self.literals, self.expressions
        of_one, of_two = self.of_one, self.of_two
        equal, width, steps = self.equal, self.columns.line, self.columns.step
        of_name, of_expression = self.columns.name, self.columns.expression
        of_both = of_name + 3 + of_expression
        for step, entry in enumerate(entries, first):
            if not isinstance(entry, Node):
                line = self.updated(entry, step)
                if line:
                    yield line
                else:
                    yield from self.told(self.trace.event_of_entry(entry, step))
                continue
            value, a, b = entry.value, entry.a, entry.b
            if type(value) is not float or value - value or entry.more is not None:
                yield from self.told(self.trace.event_of_entry(entry, step))
                continue
            number, rounded = numbers[value]
            name = names[entry]
            if a is None:
                line = f"{str(step).rjust(steps)}  {name.ljust(of_both)} {equal[rounded]} {number}  {entry.gate.name}"
            else:
                if not isinstance(a, Node):
                    x, y = literals[a], names[b] if isinstance(b, Node) else "" if b is None else literals[b]
                    text, pick = expressions[entry.gate, x[0] == "-", y and y[0] == "-"]
                elif isinstance(b, Node):
                    x, y = names[a], names[b]
                    text, pick = of_two[entry.gate]
                elif b is None:
                    x, y = names[a], ""
                    text, pick = of_one[entry.gate]
                else:
                    x, y = names[a], literals[b]
                    text, pick = expressions[entry.gate, False, y[0] == "-"]
                shown = (text % pick((x, y))).ljust(of_expression)
                line = f"{str(step).rjust(steps)}  {name.ljust(of_name)} = {shown} {equal[rounded]} {number}"
            if len(line) <= width:
                yield line
            else:
                yield from self.told(self.trace.event_of_entry(entry, step))

    def updated(self, mark: Mark, step: int) -> str:
        """Return the line of an update of a number; empty where it does not fit, or something else was marked."""
        if not isinstance(mark, Updated) or not type(mark.old) is type(mark.new) is float:
            return ""
        before: Any
        after: Any
        node, before, after = mark
        (old, a), (change, b), (new, c) = self.numbers[before], self.numbers[after - before], self.numbers[after]
        added = change.lstrip()
        equation = f"{self.names[node]} = {old.lstrip()} + {f'({added})' if added[0] == '-' else added}"
        left = f"{str(step).rjust(self.columns.step)}  {equation.ljust(self.columns.equation)}"
        line = f"{left} {self.equal[a or b or c]} {new}"
        return line if len(line) <= self.columns.line else ""

    def backward(self, stretch: Stretch, *, keep: bool) -> Iterator[str]:
        """Yield the lines of the seed and the edges of a pass."""
        names, numbers, doubts, equal = self.names, self.numbers, self.doubts, self.equal
        by, dot, times, steps, width = self.by, self.dot, self.columns.times, self.columns.step, self.columns.line
        filled = steps + 2 + self.columns.equation
        upstream: Any
        recorded, last = stretch.recorded, None
        assert recorded.output is not None
        of = f"{by}{names[recorded.output]}/{by}"
        yield from self.seed(f"{of}{names[recorded.output]}", stretch)
        for step, edge in enumerate(stretch.taken(keep=keep), stretch.seed_step + 2):
            node, slot, operand, upstream, local, total, first = edge
            product: Any = total if first else upstream * local
            if (
                not isinstance(local, float)
                or product - product
                or upstream - upstream  # a closed gate lets nothing through, not even nan
                or (doubts[node.gate] is not None and self.is_noted(edge, product))
            ):
                yield from self.told(self.trace.event_of_edge(edge, step))
                continue
            if node is not last:
                last, n, (up, a) = node, names[node], numbers[upstream]
                chain = f"{of}{n} {dot} {by}{n}/{by}"
            o, (factor, b), (result, c) = names[operand], numbers[local], numbers[product]
            left = f"{str(step).rjust(steps)}  {of}{o} {'=' if first else '+='} {chain}{o}"
            right = f"{equal[a or b]} {up} {times} {factor} {equal[a or b or c]} {result}"
            if not first:
                number, rounded = numbers[total]
                right = f"{right}, total {self.about if rounded else ''}{number.lstrip()}"
            room = width - 1 - len(right)
            if len(left) > room or filled > room:
                if len(left) > width or len(right) > width - len(BELOW):
                    yield from self.told(self.trace.event_of_edge(edge, step))
                else:
                    yield left
                    yield f"{BELOW}{right}"
                continue
            line = f"{left.ljust(filled)} {right}"
            rule = self.rule_of(node, slot, n) if len(line) + LEAST_RULE <= width else ""
            if rule and len(whole := f"{line}   {by}{n}/{by}{o} = {rule}") <= width:
                yield whole
            else:
                yield line

    def seed(self, seeded: str, stretch: Stretch) -> Iterable[str]:
        """Return the line of a seed."""
        seed = stretch.recorded.seed
        if not isinstance(seed, float):
            return self.told(self.trace[stretch.seed_step])
        number, rounded = self.numbers[seed]
        left = f"{str(stretch.seed_step + 1).rjust(self.columns.step)}  {seeded.ljust(self.columns.equation)}"
        line = f"{left} {self.equal[rounded]} {number}  the seed"
        return [line] if len(line) <= self.columns.line else self.told(self.trace[stretch.seed_step])

    def is_noted(self, edge: Edge, product: Any) -> bool:
        """Whether there is a note on an edge between numbers."""
        node, slot, _, upstream, local, *_ = edge
        return self.doubts.about(node, slot) and bool(self.trace.note_of_edge(node, slot, upstream, local, product))

    def rule_of(self, node: Node, slot: int, name: str) -> Any:
        """Write the local of a slot; empty where only words say it."""
        a, b = node.a, node.b
        a_node, b_node = isinstance(a, Node), isinstance(b, Node)
        text, pick = self.rules[node.gate, slot, None if a_node else a, None if b_node else b]
        if pick is None:
            return text
        x = self.names[a] if a_node else ""
        y = self.names[b] if b_node else ""
        return text % pick((x, y, name))
