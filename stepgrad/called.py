"""Called: what nodes are called, by their indices on the tape, and which versions a name has.

A version counts the nodes that got the same name before. It is counted when somebody asks: those of kept passes one by
one; those of repeated passes by arithmetic, since each pass gives a name to as many nodes as the one before it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, TypeAlias

from stepgrad.events import DIGITS, Name, Partial, spelled, unnamed_ones
from stepgrad.repeats import Repeats
from stepgrad.sequences import Made
from stepgrad.tape import Node, Pass

SHOWN = re.compile(r"(.+?)(?:#([1-9][0-9]{0,14})|([₁-₉][₀-₉]{0,14}))")  # a name with its version

new_name = tuple.__new__  # what a NamedTuple's own call does, without a step through Python for each


class Versions(Made[int]):
    """The indices of all versions of a name, in order."""

    has = "the name has {} versions"

    def __init__(self, parts: Iterable[Sequence[int]]) -> None:
        self.parts = list(parts)
        self.ends = list(accumulate(map(len, self.parts)))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def at(self, position: int) -> int:
        """Return the index of a version, counted from 0."""
        number = bisect_right(self.ends, position)
        return self.parts[number][position - (self.ends[number - 1] if number else 0)]

    def __iter__(self) -> Iterator[int]:
        for part in self.parts:
            yield from part


class Periodic(Made[int]):
    """The indices of the nodes at some places in each of the passes that repeat a pattern, in order."""

    def __init__(self, repeats: Repeats, places: Sequence[int]) -> None:
        self.repeats = repeats
        self.places = places

    def __len__(self) -> int:
        return self.repeats.count * len(self.places)

    def at(self, position: int) -> int:
        """Return the index of one of these nodes."""
        k, number = divmod(position, len(self.places))
        return self.repeats.first_index + k * self.repeats.pattern.period + self.places[number]


class Counted(Mapping[int, Name]):
    """The names that a program gives its nodes.

    Parameters
    ----------
    given : mapping
        For every node of the passes that are kept, how deep in calls it was named, and its name; in order of naming.
    passes : sequence of Pass or Repeats
    """

    def __init__(self, given: Mapping[Node, tuple[int, str]], passes: Iterable[Pass | Repeats]) -> None:
        self.given = given
        self.repeats = [each for each in passes if isinstance(each, Repeats)]
        self.firsts = [each.first_index for each in self.repeats]
        self.ends = [each.end for each in self.repeats]
        self.here: tuple[int, int, Sequence[Any], Sequence[int]] = (0, 0, (), ())  # looked at last: others are near

    def in_order(self) -> Iterator[tuple[int, str] | Repeats]:
        """Yield what names were given, those of repeated passes together, even where one of their nodes is at hand."""
        waiting = self.repeats[::-1]
        for node, (_, text) in self.given.items():
            index = node.index
            while waiting and index >= waiting[-1].first_index:
                yield waiting.pop()
            if self.among(index) is None:
                yield index, text
        yield from reversed(waiting)

    def among(self, index: int) -> int | None:
        """Return the number of the repeated passes that made a node; None if it was another that did."""
        number = bisect_right(self.firsts, index) - 1
        return number if number >= 0 and index < self.ends[number] else None

    @cached_property
    def counted(self) -> tuple[dict[int, Name], list[list[int]]]:
        """The names of kept nodes; and for all repeated passes, how many nodes had got each of their names before."""
        counts: dict[str, int] = {}
        kept: dict[int, Name] = {}
        before: list[list[int]] = []
        for entry in self.in_order():
            if isinstance(entry, Repeats):
                places = entry.pattern.places
                before.append([counts.get(text, 0) for text in places])
                counts |= {text: n + entry.count * len(places[text]) for text, n in zip(places, before[-1])}
            else:
                index, text = entry
                version = counts[text] = counts.get(text, 0) + 1
                kept[index] = Name(text, version)
        return kept, before

    @cached_property
    def get(self) -> Callable[..., Any]:
        """As a mapping's; at the speed of a dict's where no passes are repeated."""
        return self.found if self.repeats else self.counted[0].get

    def found(self, index: int, default: Any = None) -> Any:
        """Return the name of a node."""
        first, end, rows, before = self.here
        if not first <= index < end:
            number = self.among(index)
            if number is None:
                return self.counted[0].get(index, default)
            first, rows, before = self.firsts[number], self.repeats[number].pattern.rows, self.counted[1][number]
            self.here = first, self.ends[number], rows, before
        k, place = divmod(index - first, len(rows))
        named = rows[place]
        if named is None:
            return default
        text, which, rank, times = named
        return new_name(Name, (text, before[which] + k * times + rank))

    def named_in(self, repeats: Repeats, k: int) -> dict[int, Name]:
        """Return the names that one of the repeated passes gives, by the indices of its nodes."""
        pattern, before = repeats.pattern, self.counted[1][bisect_right(self.firsts, repeats.first_index) - 1]
        first = repeats.first_index + k * pattern.period
        return {
            first + place: new_name(Name, (text, before[which] + k * times + rank))
            for place, (text, which, rank, times) in pattern.numbered.items()
        }

    def shown_in(self, repeats: Repeats, k: int) -> list[str]:
        """Spell how all nodes are called that one of the repeated passes makes."""
        first, rows = repeats.first_index + k * repeats.pattern.period, repeats.pattern.rows
        named = zip(rows, self.versions_in(repeats, k), unnamed_ones(range(first, first + len(rows))))
        return [bare if row is None or version is None else spelled(row[0], version) for row, version, bare in named]

    def versions_in(self, repeats: Repeats, k: int) -> list[int | None]:
        """Return the versions of all nodes that one of the repeated passes makes; None for one without a name."""
        before = self.counted[1][bisect_right(self.firsts, repeats.first_index) - 1]
        return [before[row[1]] + k * row[3] + row[2] if row else None for row in repeats.pattern.rows]

    @cached_property
    def versions(self) -> dict[str, Sequence[int]]:
        """The indices of every version, by the bare name."""
        found: dict[str, list[Any]] = {}
        for entry in self.in_order():
            if isinstance(entry, Repeats):
                for text, places in entry.pattern.places.items():
                    found.setdefault(text, []).append(Periodic(entry, places))
                continue
            index, text = entry
            parts = found.setdefault(text, [[]])
            if not isinstance(parts[-1], list):
                parts.append([])
            parts[-1].append(index)
        return {text: Versions(parts) for text, parts in found.items()}

    def __getitem__(self, index: int) -> Name:
        name: Name | None = self.get(index)
        if name is None:
            raise KeyError(index)
        return name

    def __iter__(self) -> Iterator[int]:
        for entry in self.in_order():
            if isinstance(entry, Repeats):
                yield from Periodic(entry, list(entry.pattern.names))
            else:
                yield entry[0]

    def __len__(self) -> int:
        return len(self.given) + sum(each.count * len(each.pattern.names) for each in self.repeats)


Called: TypeAlias = Mapping[int, Name | Partial]


def versions_of(called: Called) -> Mapping[str, Sequence[int]]:
    """Return the indices of every version, by the bare name."""
    if isinstance(called, Counted):
        return called.versions
    found: dict[str, list[int]] = {}
    for index, name in called.items():
        found.setdefault(name.text, []).append(index)
    return found


class Spelled(Mapping[str, int]):
    """The index for every spelling of a name: ``c₂``, ``c#2``; the last version for the bare ``c``."""

    def __init__(self, versions: Mapping[str, Sequence[int]]) -> None:
        self.versions = versions

    def __getitem__(self, name: str) -> int:
        if name in self.versions:
            return self.versions[name][-1]
        shown = SHOWN.fullmatch(name)
        versions = self.versions.get(shown[1], ()) if shown else ()
        version = int((shown[2] or shown[3]).translate(DIGITS)) if shown else 0
        if not 1 < version <= len(versions):
            raise KeyError(name)
        return versions[version - 1]

    def __iter__(self) -> Iterator[str]:
        yield from self.versions
        for text, versions in self.versions.items():
            for version in range(2, len(versions) + 1):
                yield Name(text, version).shown()
                yield Name(text, version).shown(True)

    def __len__(self) -> int:
        return sum(2 * len(each) - 1 for each in self.versions.values())


class Shown(Mapping[int, str]):
    """The names of nodes as they are spelled."""

    def __init__(self, called: Counted) -> None:
        self.called = called

    def __getitem__(self, index: int) -> str:
        return self.called[index].shown()

    def __iter__(self) -> Iterator[int]:
        return iter(self.called)

    def __len__(self) -> int:
        return len(self.called)
