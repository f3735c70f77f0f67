"""Plain steps: those without a note, which is nearly all of a long trace, told without making their events.

They are told as :class:`~stepgrad.formats.text.TextExport` tells an event, in its columns; the tests compare the two.
What would be put together anew at every step is remembered as long as there is room: names, numbers, tensors as
blocks of lines, and how the expressions and the rules of gates are written. A step that is not plain is left to the
export.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from stepgrad.called import Counted
from stepgrad.contents import Told
from stepgrad.events import unnamed
from stepgrad.formats.blocks import BELOW, Block, Blocks, beside
from stepgrad.formats.phrases import MANY, Phrases, Remembered
from stepgrad.linear import LinearMap
from stepgrad.notes import Doubts
from stepgrad.numeric import FLOAT
from stepgrad.steps import change_of
from stepgrad.stretch import Edge, Stretch
from stepgrad.stretches import Placed
from stepgrad.style import LARGE, cells, escaped, printed
from stepgrad.tape import Mark, Node, Updated
from stepgrad.tensor import Array, Tensor
from stepgrad.trace import Trace
from stepgrad.wording import Wording

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


Spelled: TypeAlias = tuple[str, bool]  # a printed number, and whether it is rounded


class Numbers(dict[Any, Spelled]):
    """Printed numbers, filled up to the width of their column, and whether they are rounded."""

    def __init__(self, digits: int, width: int) -> None:
        super().__init__()
        self.digits = digits
        self.template = f"%{width}.{digits}f"
        self.exponent = f"%{width}.{digits}e"
        self.least, self.lost = 10.0**-digits, 0.4 * 10.0**-digits  # what is surely not, and surely, printed as 0
        self.width = width

    def __missing__(self, number: Any) -> Spelled:
        size = abs(number)
        if self.least < size < LARGE:
            text = self.template % number
        elif not number:  # as a key, -0.0 is 0.0
            return self.template % number, False
        elif size < self.lost:
            text = self.exponent % number
        else:
            text = printed(number, self.digits).rjust(self.width)
        if len(self) >= MANY:
            self.clear()
        found = self[number] = text, float(text) != number == number
        return found


class Names(dict[Any, str]):
    """The names of nodes, most often of those that the stretch at hand makes."""

    told: Told
    first = end = 0

    def __init__(self, trace: Trace, ascii_only: bool) -> None:
        super().__init__()
        self.trace = trace
        self.called = trace.called
        self.ascii_only = ascii_only

    def go_on(self, stretch: Stretch) -> None:
        """Go on to the nodes that a stretch makes."""
        together = self.together(stretch)
        if together is not None:
            if len(self) >= MANY:
                self.clear()
            self.update(zip(stretch.made, together, strict=True))
            self.first = self.end = 0
            return
        self.told = self.trace.told_in(stretch)
        self.first = stretch.recorded.first_index
        self.end = self.first + len(stretch.made)

    def together(self, stretch: Stretch) -> list[str] | None:
        """Spell the names of a repeated pass together, if they are not too many; None for any other."""
        which, k = self.trace.stretches.part_of(stretch.first_step)
        part = self.trace.stretches.parts[which]
        if not isinstance(part, Placed) or not isinstance(self.called, Counted) or part.shift:
            return None
        return None if self.ascii_only or len(stretch.made) > MANY else self.called.shown_in(part.repeats, k)

    def __missing__(self, node: Any) -> str:
        name = (self.told.name if self.first <= node.index < self.end else self.called.get)(node.index)
        if name is None:
            text = unnamed(self.trace.index_of(node), self.ascii_only)
        else:
            text = escaped(name.shown(True)) if self.ascii_only else name.shown()
        if len(self) >= MANY:
            self.clear()
        self[node] = text
        return text


def suffices(trace: Trace) -> bool:
    """Whether steps can be plain: those of a backward sweep, of floats, with names of narrow letters."""
    return (
        not trace.along
        and trace.number is FLOAT
        and all(name.isidentifier() and cells(name) == len(name) for name in trace.versions)
    )


def update_equation(name: str, old: str, change: str) -> str:
    """Write what an update of a number adds."""
    return f"{name} = {old} + ({change})" if change[0] == "-" else f"{name} = {old} + {change}"


class Plain:
    """Tells the steps of a trace.

    Parameters
    ----------
    wording : Wording
    columns : Columns
    names : dict
    told : callable
        Yields the lines of an event, where a step is not plain.
    """

    def __init__(
        self, wording: Wording, columns: Columns, names: dict[Any, str], told: Callable[[Any], Iterable[str]]
    ) -> None:
        self.wording = wording
        self.trace = trace = wording.trace
        self.columns = columns
        self.room = columns.line - len(BELOW)
        self.told = told
        self.names = names
        self.numbers: dict[Any, Spelled] = Numbers(wording.style.digits, columns.number)
        self.literals = Remembered(wording.operand)
        self.blocks = Blocks(wording.style)
        self.phrases = Phrases(wording.style)
        self.doubts = Doubts(trace.number)
        self.moved = {node for _, node, _ in trace.changes}  # they hold another value than when they were computed
        sign = wording.style.sign
        self.by, self.dot, self.equal, self.about = sign("∂"), sign("·"), ("=", sign("≈")), sign("≈ ")

    def forward(self, entries: Iterable[Any], first: int) -> Iterator[str]:
        """Yield the lines of what is neither a seed nor an edge, from a step on."""
        names, numbers, literals, expressions = self.names, self.numbers, self.literals, self.phrases.expressions
        of_one, of_two = self.phrases.of_one, self.phrases.of_two
        equal, width, steps = self.equal, self.columns.line, self.columns.step
        of_name, of_expression, moved = self.columns.name, self.columns.expression, self.moved
        for step, entry in enumerate(entries, first):
            if not isinstance(entry, Node):
                yield from self.updated(entry, step) or self.told(self.trace.event_of_entry(entry, step))
                continue
            value, a, b = entry.value, entry.a, entry.b
            if (
                type(value) is not float
                or value - value
                or not isinstance(a, Node)
                or entry.more is not None
                or (moved and entry in moved)
            ):
                yield from self.computed(entry, step) or self.told(self.trace.event_of_entry(entry, step))
                continue
            if isinstance(b, Node):
                text, pick = of_two[entry.gate]
                shown = text % pick((names[a], names[b]))
            elif b is None:
                text, pick = of_one[entry.gate]
                shown = text % pick((names[a],))
            else:
                y = literals[b]
                text, pick = expressions[entry.gate, False, y[0] == "-"]
                shown = text % pick((names[a], y))
            number, rounded = numbers[value]
            left = f"{str(step).rjust(steps)}  {names[entry].ljust(of_name)} = {shown.ljust(of_expression)}"
            line = f"{left} {equal[rounded]} {number}"
            if len(line) <= width:
                yield line
            else:
                yield from self.computed(entry, step) or self.told(self.trace.event_of_entry(entry, step))

    def computed(self, node: Node, step: int) -> Sequence[str]:
        """Return the lines of a forward step; none where it may have a note, or they do not fit."""
        columns, value, block = self.columns, self.trace.saw(node, node), None
        if type(value) is float and not value - value:  # it is 0 unless inf or nan
            number, rounded = self.numbers[value]
            right = f"{self.equal[rounded]} {number}"
        elif isinstance(value, Tensor) and (block := self.blocks[value]).is_finite:
            right = block.after
        else:
            return []
        name = self.names[node]
        if node.a is None:
            left, right = name.ljust(columns.name + 3 + columns.expression), f"{right}  {node.gate.name}"
        else:
            expression = self.phrases.application(node.gate, self.operands(node), node.params)
            left = f"{name.ljust(columns.name)} = {expression.ljust(columns.expression)}"
        return self.fit(f"{str(step).rjust(columns.step)}  {left}", right, block)

    def fit(self, left: str, right: str, block: Block | None) -> Sequence[str]:
        """Set a value behind its name, or on the next line, and its rows below; none where there is no room."""
        below = block.below if block else []
        if len(left) > self.columns.line or max(len(right), block.width if block else 0) > self.room:
            return []
        if len(left) + 1 + len(right) <= self.columns.line:
            return [f"{left} {right}", *below]
        return [left.rstrip(), f"{BELOW}{right}", *below]

    def beside(self, blocks: Sequence[tuple[str, Block]]) -> list[str]:
        """Set named blocks side by side, or else one below the other; none where one is too wide."""
        return beside(blocks, self.room)

    def operands(self, node: Node) -> tuple[str, ...]:
        """Return the names of a node's operands, literals written out."""
        return tuple([self.names[x] if isinstance(x, Node) else self.literals[x] for x in node.operands])

    def updated(self, mark: Mark, step: int) -> Sequence[str]:
        """Return the lines of an update; none where they do not fit, or something else was marked."""
        if not isinstance(mark, Updated):
            return []
        node, before, after = mark
        if type(before) is type(after) is float:
            old, change, new = self.numbers[before], self.numbers[after - before], self.numbers[after]
            return self.updated_number(self.names[node], old, change, new, step)
        if not (isinstance(before, Tensor) and isinstance(after, Tensor) and before.shape == after.shape):
            return []
        if len(before.shape) > 2:
            return []
        return self.updated_tensor(self.names[node], (before, change_of(before, after), after), step)

    def updated_tensor(self, name: str, arrays: Sequence[Array], step: int) -> Sequence[str]:
        """Return the lines of the update of a tensor: old, change, new; none where they do not fit."""
        blocks = [self.blocks[each] for each in arrays]
        line = f"{str(step).rjust(self.columns.step)}  {name} updated  {blocks[2].shape}"
        lines = self.beside(list(zip(("old", "change", "new"), blocks)))
        return [line, *lines] if lines and len(line) <= self.columns.line else []

    def updated_number(self, name: str, old: Spelled, change: Spelled, new: Spelled, step: int) -> Sequence[str]:
        """Return the line of an update of a number; none where it does not fit."""
        columns, equation = self.columns, update_equation(name, old[0].lstrip(), change[0].lstrip())
        left = f"{str(step).rjust(columns.step)}  {equation.ljust(columns.equation)}"
        line = f"{left} {self.equal[old[1] or change[1] or new[1]]} {new[0].rjust(columns.number)}"
        return [line] if len(line) <= columns.line else []

    def backward(self, stretch: Stretch, *, keep: bool) -> Iterator[str]:
        """Yield the lines of the seed and the edges of a pass."""
        names, numbers, doubts, equal = self.names, self.numbers, self.doubts, self.equal
        by, dot, times, steps, width = self.by, self.dot, self.columns.times, self.columns.step, self.columns.line
        filled = steps + 2 + self.columns.equation
        upstream: Any
        recorded, last, is_number = stretch.recorded, None, False
        assert recorded.output is not None
        of = f"{by}{names[recorded.output]}/{by}"
        yield from self.seed(f"{of}{names[recorded.output]}", stretch)
        for step, edge in enumerate(stretch.taken(keep=keep), stretch.seed_step + 2):
            node, slot, operand, upstream, local, total, first = edge
            product: Any = total if first else upstream * local
            if node is not last:
                last, n, doubtful = node, names[node], doubts[node.gate] is not None
                is_number = type(upstream) is float and not upstream - upstream  # it is 0 unless inf or nan
                if is_number:
                    chain, (up, a) = f"{of}{n} {dot} {by}{n}/{by}", numbers[upstream]
            if (
                not is_number  # a closed gate lets nothing through, not even nan
                or not isinstance(local, float)
                or product - product
                or (doubtful and self.is_noted(edge, product))
            ):
                yield from self.carried(edge, product, of, step) or self.told(self.trace.event_of_edge(edge, step))
                continue
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

    def carried(self, edge: Edge, product: Array, of: str, step: int) -> Sequence[str]:
        """Return the lines of an edge between tensors; none where it has a note, or they do not fit."""
        node, slot, operand, upstream, local, total, first = edge
        if not isinstance(local, LinearMap):
            return []
        arriving, sent = self.blocks[upstream], self.blocks[product]
        if not (arriving.is_finite and sent.is_finite) or (
            self.doubts[node.gate] is not None and self.is_noted(edge, product)
        ):
            return []
        (x, a, known_x), (y, b, known_y) = self.factor(node, node.a), self.factor(node, node.b)
        z = self.trace.value_at(self.trace.index_of(node), step) if node in self.moved else node.value
        names = f"{of}{self.names[node]}", x, y, self.names[node]
        written, factors = self.phrases.product(node.gate, slot, (known_x, known_y), local.formula)
        result = f"{of}{self.names[operand]}"
        left = f"{str(step).rjust(self.columns.step)}  {result} {'=' if first else '+='} {written.filled(names)}"
        shown = [(names[0], arriving), *[(names[k], self.blocks[(None, a, b, z)[k]]) for k in factors]]
        if first:
            shown.append((result, sent))
        else:
            shown += [("product", sent), (result, self.blocks[total])]
        lines = self.beside(shown)
        if not lines or len(left) > self.columns.line:
            return []
        if len(left) + 3 + len(sent.shape) <= self.columns.line:
            return [f"{left}   {sent.shape}", *lines]
        return [left.rstrip(), f"{BELOW}  {sent.shape}", *lines]

    def factor(self, node: Node, operand: Any) -> tuple[str, Array, Any]:
        """Return what an operand is called, what the node saw there, and the number that it is if it is a literal."""
        if isinstance(operand, Node):
            return self.names[operand], self.trace.saw(node, operand), None
        if operand is None:
            return "", None, None
        return self.literals[operand], operand, None if isinstance(operand, Tensor) else operand

    def is_noted(self, edge: Edge, product: Any) -> bool:
        """Whether there is a note on an edge; of what was changed since, this is not told apart so easily."""
        node, slot, _, upstream, local, *_ = edge
        if self.moved.isdisjoint((node, node.a, node.b)) and not self.doubts.about(node, slot):
            return False
        return bool(self.trace.note_of_edge(node, slot, upstream, local, product))

    def rule_of(self, node: Node, slot: int, name: str) -> Any:
        """Write the local of a slot; empty where only words say it."""
        a, b = node.a, node.b
        a_node, b_node = isinstance(a, Node), isinstance(b, Node)
        text, pick = self.phrases.rules[node.gate, slot, None if a_node else a, None if b_node else b]
        if pick is None:
            return text
        x = self.names[a] if a_node else ""
        y = self.names[b] if b_node else ""
        return text % pick((x, y, name))
