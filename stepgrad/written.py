"""Written: a pattern as straight-line code, for whoever goes through all passes that repeat it.

The code gives all values, locals and totals of a pass at once; from these its nodes are made many times faster than the
engine records them. Where Python's arithmetic raises, the engine itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from itertools import count
from typing import Any, NamedTuple

from stepgrad.gate import Gate, Params
from stepgrad.numeric import FLOAT
from stepgrad.repeats import Pattern, Repeats, copied
from stepgrad.straightline import Straightline
from stepgrad.tape import More, Node, Pass, Updated
from stepgrad.writer import Page, Slot, Writer, depending


class WithLocals(Writer):
    """Writes a pattern out so that locals are returned, too; what no update changes is not computed again.

    Parameters
    ----------
    pattern : Pattern
    givens : sequence of Node
    """

    def __init__(self, pattern: Pattern, givens: Sequence[Node]) -> None:
        super().__init__(FLOAT, givens)
        self.used: dict[Page, list[str]] = {}
        self.varying = depending(pattern.model.nodes, pattern.update_of)

    def write_gate(self, node: Node, wanted: Set[Slot]) -> None:
        """Write what computes a node, or what it holds in every pass."""
        if node in self.varying:
            super().write_gate(node, wanted)
            return
        self.names[node] = self.literal(node.value)
        self.locals |= {
            (node, slot): self.literal(local) for slot, local in enumerate(node.locals) if local is not None
        }

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
    a, b : int
        Where its first two operands stand among all that is known.
    da, db : int
        Which edges have their locals; -1 for none.
    total : int
        The edge that brings it its last total; -1 for the seed, -2 for none.
    more : tuple or None
        The same of further operands, and the parameters.
    """

    kind: type[Node]
    gate: Gate
    a: int
    b: int
    da: int
    db: int
    total: int
    more: tuple[Sequence[int], Sequence[int], Params] | None


class Written:
    """A pattern, written out.

    Attributes
    ----------
    straight : Straightline
    givens : list of Node
        What the code is given: inputs and constants, whatever pass made them.
    variables : Numbers
        Of what the code returns, the variables or literals: the same one always holds the same number.
    names : dict
        The variable that holds the value of a node.
    """

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        self.straight = Straightline(pattern.model, FLOAT)
        self.givens = self.straight.givens
        writer = WithLocals(pattern, self.givens)
        writer.write_all(self.straight.recorded, self.straight.edges)
        pages = writer.pages
        self.variables = Numbers(
            [name for page in pages for name in page.values],
            [name for page in pages for name in page.totals],
            [name for page in pages for name in writer.used.get(page, ())],
        )
        self.names = writer.names
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
        self.empty = [None] * len(self.templates)
        self.leaves = [self.slots[leaf] for leaf in pattern.model.leaves]
        self.last_of_leaves = list(map(self.arrived, pattern.outside))
        fresh = {node: ~place for place, node in enumerate(pattern.fresh)}
        self.replaced = [fresh[node] if node in fresh else self.slots[node] for node in pattern.replaced]
        assert pattern.model.output is not None
        self.output = self.slots[pattern.model.output]

    def template(self, node: Node) -> Template:
        """Return what a node is made of."""
        a, b, *operands = (*map(self.slot, node.operands), 0, 0)
        da, db, *locals_ = (*(self.edges.get((node, slot), -1) for slot in range(len(node.operands))), -1, -1)
        beyond = max(len(node.operands) - 2, 0)
        more = None if node.more is None else (operands[:beyond], locals_[:beyond], node.params)
        return Template(type(node), node.gate, a, b, da, db, self.arrived(node), more)

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
        model, start, found = self.pattern.model, 1 + len(self.pattern.outside), Pass()
        found.first_index = repeats.first_index + k * self.pattern.period
        found.seed, found.totals, totals = model.seed, numbers.totals, [*numbers.totals, None, model.seed]
        known: list[Any] = [None, *repeats.leaves(k, before), *self.empty, *reversed(self.literals)]
        for leaf, total in zip(known[1:start], self.last_of_leaves, strict=True):
            leaf.home, leaf.total = found.number, totals[total]
        self.fill(known, numbers, totals, found)
        found.nodes = known[start : start + len(model.nodes)]
        found.leaves = [known[place] for place in self.leaves]
        found.output = known[self.output]
        found.tail = list(self.updates(repeats.given(k), known, found))
        return found

    def fill(self, known: list[Any], numbers: Numbers, totals: Sequence[Any], found: Pass) -> None:
        """Make the nodes of a pass in their places among what is known."""
        new, home, locals_ = object.__new__, found.number, [*numbers.locals, None]
        places, indices = count(1 + len(self.pattern.outside)), count(found.first_index)
        for place, index, value, template in zip(places, indices, numbers.values, self.templates):
            kind, gate, a, b, da, db, total, more = template
            node = known[place] = new(kind)
            node.value = value
            node.gate = gate
            node.a = known[a]
            node.b = known[b]
            node.da = locals_[da]
            node.db = locals_[db]
            node.home = home
            node.index = index
            node.total = totals[total]
            node.more = None
            if more is not None:
                operands, edges, params = more
                node.more = More(tuple([known[each] for each in operands]), tuple([locals_[e] for e in edges]), params)

    def updates(self, values: Sequence[Any], known: list[Any], found: Pass) -> Iterator[Updated]:
        """Yield the updates of a pass."""
        fresh: list[Node] = []
        first, home = found.first_index + len(self.pattern.model.nodes), found.number
        for index, leaf, replaced, value in zip(count(first), self.pattern.fresh, self.replaced, values):
            old = fresh[~replaced] if replaced < 0 else known[replaced]
            made = copied(leaf)
            made.value, made.index, made.home, made.total = value, index, home, old.total
            fresh.append(made)
            yield Updated(made, old.value, value)
