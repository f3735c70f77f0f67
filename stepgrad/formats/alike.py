"""Alike: what stands where in the text of passes that repeat one pattern, whatever its form.

The numbers of a pass are spelled once each, if they are the same in every pass wherever they stand. Nodes stand in one
order: first those of the last updates, then what the pass makes, then all others that take part.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import chain
from typing import NamedTuple

from stepgrad.columns import Columns, Found, several
from stepgrad.numeric import FLOAT
from stepgrad.repeats import Pattern
from stepgrad.stretches import Placed
from stepgrad.tape import Node
from stepgrad.trace import Trace


class Places(NamedTuple):
    """Which of the distinct numbers of a pass stand in its columns: see :class:`stepgrad.columns.Found`."""

    values: Sequence[int]
    uppers: Sequence[int]
    locals: Sequence[int]
    products: Sequence[int]
    totals: Sequence[int]
    old: Sequence[int]
    changes: Sequence[int]
    after: Sequence[int]


class Distinct:
    """The numbers of a pass, each once that is the same in every pass wherever it stands."""

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
        first = {key: at for at, key in reversed(list(enumerate(every)))}
        self.own = several([first[key] for key in rank])
        self.places = Places(*[[rank[key] for key in column] for column in keys])

    def numbers(self, found: Found) -> Sequence[float]:
        """Return these of a pass."""
        values, uppers, locals_, products, totals, _, old, changes, after = found
        numbers: Sequence[float] = self.own([*values, *uppers, *locals_, *products, *totals, *old, *changes, *after])
        return numbers


class Standing:
    """Where what is said of a node stands.

    Attributes
    ----------
    back : int
        How many nodes of the last updates come first.
    others : dict
        What takes part besides these and what the pass makes: its place among the others.
    """

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        self.back = len(pattern.fresh)
        self.others: dict[Node, int] = {}

    def place(self, node: Node) -> int:
        """Return the place of a node."""
        pattern, back = self.pattern, self.back
        if node in pattern.place_of:
            return back + pattern.place_of[node]
        if node in pattern.update_of:
            return pattern.update_of[node]
        return back + pattern.period + self.others.setdefault(node, len(self.others))


def suits(trace: Trace, placed: Placed, longest: int) -> Columns | None:
    """Return the columns of a pattern if its passes can be told together: none of its numbers was changed later.

    They may have so many steps, since what their lines are made of is kept.
    """
    is_plain = trace.number is FLOAT and trace.shift == 0 and not trace.changes
    return trace.columns.get(placed.pattern) if is_plain and placed.pattern.steps <= longest else None


def is_usual(found: Found, columns: Columns) -> bool:
    """Whether all numbers of a pass are finite, and there is no note."""
    return found.notes is columns.no_notes and all(map(columns.is_finite, found.changes))
