"""Stencils: what the passes of one pattern have in common in their text, cut at what differs from pass to pass.

A pass is told as every other, once; its lines are cut at their numbers, and all other passes put theirs into the
holes. Of these, the spelling of each variable of the pattern's code is made once a pass. A pass with a number that is
not finite, or with a note, is not told so.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, pairwise, repeat
from typing import Any, NamedTuple

from stepgrad.called import Counted
from stepgrad.columns import Columns, Found, Paths, several
from stepgrad.numeric import FLOAT
from stepgrad.stretches import Placed
from stepgrad.tape import Node
from stepgrad.trace import Trace

LONGEST = 10_000  # steps of a pass: the pieces of its lines are kept


class Spelled(NamedTuple):
    """The numbers of a pass, spelled; for every number that can differ from pass to pass."""

    values: Sequence[Any]
    uppers: Sequence[Any]
    locals: Sequence[Any]
    products: Sequence[Any]
    totals: Sequence[Any]
    old: Sequence[Any]
    changes: Sequence[Any]
    after: Sequence[Any]


class Distinct:
    """Spells the numbers of a pass, those that are the same in every pass once."""

    def __init__(self, columns: Columns) -> None:
        variables, pattern, names = columns.written.variables, columns.pattern, columns.written.names
        fresh: dict[Node, Hashable] = {node: ("after", place) for place, node in enumerate(pattern.fresh)}
        arrived: list[Hashable] = ["seed", *variables.totals]
        uppers = [arrived[place] for place in columns.arriving]
        keys: list[list[Hashable]] = [
            [*variables.values],
            uppers,
            [*variables.locals],
            [
                total if is_first else upper if local == "1.0" else ("product", edge)
                for edge, (total, is_first, upper, local) in enumerate(
                    zip(variables.totals, columns.firsts, uppers, variables.locals)
                )
            ],
            [*variables.totals],
            [fresh[node] if node in fresh else names[node] for node in pattern.replaced],
            [("change", place) for place in range(len(fresh))],
            [*fresh.values()],
        ]
        every = list(chain.from_iterable(keys))
        rank = {key: number for number, key in enumerate(dict.fromkeys(every))}
        place = {key: at for at, key in reversed(list(enumerate(every)))}
        self.own = several([place[key] for key in rank])
        self.all = several([rank[key] for key in every])
        self.stretches = list(pairwise(accumulate(map(len, keys), initial=0)))

    def spelled(self, found: Found, spell: Callable[[Any], Any]) -> Spelled:
        """Spell the numbers of a pass."""
        values, uppers, locals_, products, totals, _, old, changes, after = found
        numbers = [*values, *uppers, *locals_, *products, *totals, *old, *changes, *after]
        texts = self.all(list(map(spell, self.own(numbers))))
        return Spelled(*[texts[start:end] for start, end in self.stretches])


class Stencil:
    """Lines of one kind with the same number of holes.

    Parameters
    ----------
    rows : iterable of iterable of str
        Of every line, what stands before, between and behind its holes.
    known : dict
        Pieces that are met again are kept once.
    """

    def __init__(self, rows: Iterable[Iterable[str]], known: dict[str, str]) -> None:
        self.pieces = [tuple([known.setdefault(each, each) for each in column]) for column in zip(*rows)]

    def filled(self, *holes: Iterable[str]) -> Iterator[str]:
        """Yield the lines, the columns of texts put into the holes."""
        if not self.pieces:
            return iter(())
        columns = chain.from_iterable(zip(self.pieces, holes, strict=False))
        return map("".join, zip(*columns, self.pieces[-1]))


class Indices:
    """The texts of the indices of nodes in a pass."""

    def __init__(self, columns: Columns) -> None:
        self.pattern = pattern = columns.pattern
        self.back = len(pattern.fresh)
        nodes, _, operands, _ = columns.written.straight.edges
        self.others: dict[Node, str] = {}
        self.operands: Callable[[Sequence[str]], list[str]] = eval(
            f"lambda t: [{', '.join(map(self.written, pattern.model.nodes))}]"
        )
        assert pattern.model.output is not None
        self.sources = several(list(map(self.place, nodes)))
        self.targets = several(list(map(self.place, operands)))
        self.output = self.place(pattern.model.output)

    def place(self, node: Node) -> int:
        """Return where the index of a node stands: after those of the last updates and of what is made, the others."""
        pattern, back = self.pattern, self.back
        if node in pattern.place_of:
            return back + pattern.place_of[node]
        if node in pattern.update_of:
            return pattern.update_of[node]
        self.others.setdefault(node, str(node.index))
        return back + pattern.period + list(self.others).index(node)

    def written(self, node: Node) -> str:
        """Write the list of a node's operands."""
        operands = [f"{{t[{self.place(x)}]}}" if isinstance(x, Node) else "null" for x in node.operands]
        return f'f"[{",".join(operands)}]"'

    def texts(self, first: int) -> list[str]:
        """Spell the indices of nodes, given that of the first one that the pass makes."""
        return [*map(str, range(first - self.back, first + self.pattern.period)), *self.others.values()]


class Stencils:
    """Tells the passes of one pattern as JSON Lines.

    Parameters
    ----------
    names : Counted
    columns : Columns
    lines : sequence of str
        One of the passes, told.
    keys : sequence of str
        Those of every line, in order.
    """

    def __init__(self, names: Counted, columns: Columns, lines: Sequence[str], keys: Sequence[str]) -> None:
        self.names = names
        self.after = dict(pairwise(keys))
        pattern, known = columns.pattern, dict[str, str]()
        seed, tail = pattern.before, pattern.before + pattern.swept
        every = "step", "pass", "node"
        self.forwards, self.seed, self.edges, self.updates = (
            Stencil([self.cut(line, [*every, *more]) for line in part], known)
            for part, more in (
                (lines[:seed], ("version", "operands", "value", "path")),
                (lines[seed : seed + 1], ()),
                (lines[seed + 1 : tail], ("operand", "upstream", "local", "product", "total")),
                (lines[tail:], ("version", "value", "old", "change")),
            )
        )
        self.numbers = Distinct(columns)
        self.indices = Indices(columns)

    def cut(self, line: str, keys: Iterable[str]) -> Iterator[str]:
        """Cut a line at what some keys hold."""
        done = 0
        for key in keys:
            start = line.index(f'"{key}":', done) + len(key) + 3
            yield line[done:start]
            done = line.index(f',"{self.after[key]}":', start)
        yield line[done:]

    def lines(self, placed: Placed, k: int, number: int, found: Found, paths: Iterable[str]) -> Iterator[str]:
        """Yield the lines of a pass."""
        first_step, seed, tail, end, first_node = placed.bounds(k)
        steps = list(map(str, range(first_step + 1, end + 1)))
        seed, tail = seed - first_step, tail - first_step
        indices, passes = self.indices.texts(first_node), repeat(str(number))
        made = indices[self.indices.back :]
        versions = self.names.versions_in(placed.repeats, k)
        counted = ["null" if version is None else str(version) for version in versions]
        values, uppers, locals_, products, totals, old, changes, after = self.numbers.spelled(found, repr)
        operands, output = self.indices.operands(indices), indices[self.indices.output]
        sources, targets = self.indices.sources(indices), self.indices.targets(indices)
        return chain(
            self.forwards.filled(steps, passes, made, counted, operands, values, paths),
            self.seed.filled(steps[seed:], passes, [output]),
            self.edges.filled(steps[seed + 1 :], passes, sources, targets, uppers, locals_, products, totals),
            self.updates.filled(steps[tail:], passes, made[seed:], counted[seed:], after, old, changes),
        )


def suits(trace: Trace, placed: Placed) -> Columns | None:
    """Return the columns of a pattern if stencils can tell its passes: it has numbers, none of them changed later."""
    pattern, is_plain = placed.pattern, trace.number is FLOAT and trace.shift == 0 and not trace.changes
    if not is_plain or pattern.steps > LONGEST or any(type(node.value) is not float for node in pattern.made):
        return None
    columns = trace.columns.get(pattern)
    return None if columns is None or columns.has_tensors else columns


def is_usual(found: Found, columns: Columns) -> bool:
    """Whether all numbers of a pass are finite, and there is no note."""
    return found.notes is columns.no_notes and all(map(columns.is_finite, found.changes))


def spelled_paths(trace: Trace, paths: Paths, k: int) -> Iterable[str]:
    """Spell the calls within which the nodes of a pass lie."""
    if not trace.calls:
        return repeat("[]")
    found = list(paths.of(k))
    texts = {path: f"[{','.join(map(str, path))}]" for path in dict.fromkeys(found)}
    return map(texts.__getitem__, found)
