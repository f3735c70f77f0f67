"""Written: a pattern as straight-line code, for whoever goes through all passes that repeat it.

The code gives all values, locals and totals of a pass at once; from these its nodes are made many times faster than the
engine records them. Where Python's arithmetic raises, the engine itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

from stepgrad.gate import Gate, Params
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.repeats import Pattern, Repeats, copied
from stepgrad.straightline import Page, Straightline, Writer
from stepgrad.tape import More, Node, Pass, Updated


class WithLocals(Writer):
    """Writes a pass out so that the local of every edge is returned, too."""

    def __init__(self, number: NumberType, givens: Sequence[Node]) -> None:
        super().__init__(number, givens)
        self.used: dict[Page, list[str]] = {}

    def write_edge(self, node: Node, slot: int, operand: Node) -> str:
        """Write what an edge sends, and let its local be returned."""
        total = super().write_edge(node, slot, operand)
        self.used.setdefault(self.pages[-1], []).append(self.use(self.locals[node, slot]))
        return total

    def source(self, page: Page) -> str:
        """Return the source of a function."""
        return f"{super().source(page).rstrip()}, [{', '.join(self.used.get(page, ()))}]\n"


class Numbers(NamedTuple):
    """What was computed in a pass.

    Attributes
    ----------
    values, totals, locals : list
        The value of every node; the total and the local of every edge.
    """

    values: list[Any]
    totals: list[Any]
    locals: list[Any]


class Template(NamedTuple):
    """What a node is made of, in every pass.

    Attributes
    ----------
    operands, locals : tuple of int
        Where these stand among those that are known; for the first two slots at least.
    total : int
        The edge that brings it its last total; -1 for the seed, -2 for none.
    """

    kind: type[Node]
    gate: Gate
    operands: tuple[int, ...]
    locals: tuple[int, ...]
    total: int
    params: Params | None


class Written:
    """A pattern, written out.

    Attributes
    ----------
    straight : Straightline
    givens : list of Node
        What the code is given: inputs and constants, whatever pass made them.
    """

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        self.straight = Straightline(pattern.model, FLOAT)
        self.givens = self.straight.givens
        writer = WithLocals(FLOAT, self.givens).write_all(self.straight)
        self.functions: list[Callable[[list[Any]], Any]] = list(writer.compiled())
        self.room = [None] * (len(writer.places) - len(self.givens))
        self.literals: list[Any] = []
        self.slots = {node: slot for slot, node in enumerate((*pattern.outside, *pattern.model.nodes), 1)}
        self.edges = {each: edge for edge, each in enumerate(zip(*self.straight.edges[:2]))}
        taken = {
            (node, slot) for node in pattern.model.nodes for slot, local in enumerate(node.locals) if local is not None
        }
        self.is_whole = taken == self.edges.keys()  # else locals are missing to which no gradient came
        self.templates = [self.template(node) for node in pattern.model.nodes]

    def template(self, node: Node) -> Template:
        """Return what a node is made of."""
        operands = (*map(self.slot, node.operands), 0, 0)
        locals_ = (*(self.edges.get((node, slot), -1) for slot in range(len(node.operands))), -1, -1)
        more = max(len(node.operands), 2)
        params = None if node.more is None else node.params
        return Template(type(node), node.gate, operands[:more], locals_[:more], self.arrived(node), params)

    def arrived(self, node: Node) -> int:
        """Return the edge that brings a node its last total; -1 for the output's seed, -2 where nothing comes."""
        return (self.straight.edges.arrivals.get(node, [-2]) or [-1])[-1]

    def slot(self, operand: Any) -> int:
        """Return where an operand stands: literals are counted from the end."""
        if isinstance(operand, Node):
            return self.slots[operand]
        self.literals.append(operand)
        return -len(self.literals)

    def given(self, before: Sequence[Any]) -> list[Any]:
        """Return what the code is given, from what the updates of the pass before gave."""
        moving = self.pattern.update_of
        return [before[moving[each]] if each in moving else each.value for each in self.givens]

    def numbers(self, given: Sequence[Any]) -> Numbers | None:
        """Return what is computed in a pass; None where Python's arithmetic raises."""
        found = Numbers([], [], [])
        store = [*given, *self.room]
        try:
            for function in self.functions:
                for column, part in zip(found, function(store), strict=True):
                    column += part
        except (ArithmeticError, ValueError):
            return None
        return found

    def recall(self, repeats: Repeats, k: int) -> Pass:
        """Make a pass again."""
        before = repeats.given(k - 1)
        numbers = self.numbers(self.given(before)) if self.is_whole else None
        return repeats.recall(k) if numbers is None else self.made(repeats, k, before, numbers)

    def made(self, repeats: Repeats, k: int, before: Sequence[Any], numbers: Numbers) -> Pass:
        """Make a pass of what was computed in it."""
        pattern, model, new = self.pattern, self.pattern.model, object.__new__
        found, slots = Pass(), self.slots
        home, locals_, totals = found.number, [*numbers.locals, None], [*numbers.totals, None, model.seed]
        known: list[Any] = [None, *repeats.leaves(k, before), *([None] * len(model.nodes)), *reversed(self.literals)]
        first = found.first_index = repeats.first_index + k * pattern.period
        last = 1 + len(pattern.outside)
        for index, value, template in zip(count(first), numbers.values, self.templates):
            kind, gate, operands, local, total, params = template
            node = known[last] = new(kind)
            last += 1
            node.value, node.gate, node.home, node.index, node.total = value, gate, home, index, totals[total]
            node.a, node.b, node.da, node.db = (
                known[operands[0]],
                known[operands[1]],
                locals_[local[0]],
                locals_[local[1]],
            )
            node.more = (
                params
                if params is None
                else More(
                    tuple([known[each] for each in operands[2:]]), tuple([locals_[each] for each in local[2:]]), params
                )
            )
        found.nodes = known[1 + len(pattern.outside) : last]
        found.leaves = [known[slots[leaf]] for leaf in model.leaves]
        for leaf, made in zip(model.leaves, found.leaves, strict=True):
            made.home, made.total = home, totals[self.arrived(leaf)]
        assert model.output is not None
        found.output, found.seed, found.totals = known[slots[model.output]], model.seed, numbers.totals
        found.tail = list(self.updates(repeats.given(k), known, first + len(found.nodes), home))
        return found

    def updates(self, values: Sequence[Any], known: list[Any], index: int, home: int) -> Iterator[Updated]:
        """Yield the updates of a pass."""
        fresh: dict[Node, Node] = {}
        for leaf, old, value in zip(self.pattern.fresh, self.pattern.replaced, values, strict=True):
            before = fresh[old] if old in fresh else known[self.slots[old]]
            made = fresh[leaf] = copied(leaf)
            made.value, made.index, made.home, made.total = value, index, home, before.total
            index += 1
            yield Updated(made, before.value, value)
