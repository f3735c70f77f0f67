"""Stencils: what the passes of one pattern have in common in their text, cut at what differs from pass to pass.

A pass is told as every other, once; its lines are cut at their numbers, and all other passes put theirs into the
holes. Of these, the spelling of each variable of the pattern's code is made once a pass. A pass with a number that is
not finite, or with a note, is not told so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise, repeat
from typing import Any

from stepgrad.called import Counted
from stepgrad.columns import Columns, Found, Paths, several
from stepgrad.formats.alike import Distinct, Standing
from stepgrad.formats.spelling import CHECKSUM
from stepgrad.stretches import Placed
from stepgrad.tape import Node
from stepgrad.trace import Trace


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


class Indices(Standing):
    """The texts of the indices of nodes in a pass."""

    def __init__(self, columns: Columns) -> None:
        super().__init__(columns.pattern)
        pattern = columns.pattern
        nodes, _, operands, _ = columns.written.straight.edges
        self.operands: Callable[[Sequence[str]], list[str]] = eval(
            f"lambda t: [{', '.join(map(self.written, pattern.model.nodes))}]"
        )
        assert pattern.model.output is not None
        self.sources = several(list(map(self.place, nodes)))
        self.targets = several(list(map(self.place, operands)))
        self.output = self.place(pattern.model.output)

    def written(self, node: Node) -> str:
        """Write the list of a node's operands."""
        operands = [f"{{t[{self.place(x)}]}}" if isinstance(x, Node) else "null" for x in node.operands]
        return f'f"[{",".join(operands)}]"'

    def texts(self, first: int) -> list[str]:
        """Spell the indices of nodes, given that of the first one that the pass makes."""
        own = map(str, range(first - self.back, first + self.pattern.period))
        return [*own, *[str(node.index) for node in self.others]]


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
    spell : callable
        Spells a number.
    """

    def __init__(
        self, names: Counted, columns: Columns, lines: Sequence[str], keys: Sequence[str], spell: Callable[[Any], str]
    ) -> None:
        self.names = names
        self.spell = spell
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
        self.columns = [several(places) for places in self.numbers.places]
        self.indices = Indices(columns)

    def cut(self, line: str, keys: Iterable[str]) -> Iterator[str]:
        """Cut a line at what some keys hold, and leave out its checksum."""
        done, end = 0, line.rindex(f',"{CHECKSUM}":')
        for key in keys:
            start = line.index(f'"{key}":', done) + len(key) + 3
            yield line[done:start]
            done = line.index(f',"{self.after[key]}":', start)
        yield line[done:end]

    def lines(self, placed: Placed, k: int, number: int, found: Found, paths: Iterable[str]) -> Iterator[str]:
        """Yield the lines of a pass."""
        first_step, seed, tail, end, first_node = placed.bounds(k)
        steps = list(map(str, range(first_step + 1, end + 1)))
        seed, tail = seed - first_step, tail - first_step
        indices, passes = self.indices.texts(first_node), repeat(str(number))
        made = indices[self.indices.back :]
        versions = self.names.versions_in(placed.repeats, k)
        counted = ["null" if version is None else str(version) for version in versions]
        texts = list(map(self.spell, self.numbers.numbers(found)))
        values, uppers, locals_, products, totals, old, changes, after = (pick(texts) for pick in self.columns)
        operands, output = self.indices.operands(indices), indices[self.indices.output]
        sources, targets = self.indices.sources(indices), self.indices.targets(indices)
        return chain(
            self.forwards.filled(steps, passes, made, counted, operands, values, paths),
            self.seed.filled(steps[seed:], passes, [output]),
            self.edges.filled(steps[seed + 1 :], passes, sources, targets, uppers, locals_, products, totals),
            self.updates.filled(steps[tail:], passes, made[seed:], counted[seed:], after, old, changes),
        )


def spelled_paths(trace: Trace, paths: Paths, k: int) -> Iterable[str]:
    """Spell the calls within which the nodes of a pass lie."""
    if not trace.calls:
        return repeat("[]")
    found = list(paths.of(k))
    texts = {path: f"[{','.join(map(str, path))}]" for path in dict.fromkeys(found)}
    return map(texts.__getitem__, found)
