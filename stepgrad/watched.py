"""Watched: what a round of a loop did while it was recorded, and where all came from that it was given.

Two rounds do the same if their refrains repeat the same verses and are given what comes from the same places: the same
inputs, the same updates of the round before, the same results of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from stepgrad.bindings import Bindings
from stepgrad.journal import UPDATE
from stepgrad.literals import OffTape
from stepgrad.numeric import FLOAT
from stepgrad.readings import UnfitError
from stepgrad.refrains import Verse
from stepgrad.repeats import Pattern
from stepgrad.tape import Node, Pass, Scalar, Updated

Key = tuple[Verse, ...]  # what the refrains of a round repeat
Place = tuple[int, int]  # of a number off the tape: which refrain of the round made it, and in which slot


class Part(NamedTuple):
    """What one refrain did in a round.

    Attributes
    ----------
    verse : Verse
    before_sweep : bool
    given, slots : list
        What it was given, and what its slots held in the end.
    sources : list
        Where what it was given came from, as :func:`source_of` says.
    """

    verse: Verse
    before_sweep: bool
    given: list[Any]
    slots: list[Any]
    sources: list[Any]


class Before:
    """What there is before a round.

    Parameters
    ----------
    machine : Bindings
    last : Key or None
        What the round before repeated, if it was watched.

    Attributes
    ----------
    updated : list of Node
        The leaves that it made by updates.
    off : dict
        Where the numbers off the tape were made that it left, by id: refrain, slot, and that it was one round ago.
    """

    def __init__(self, machine: Bindings, last: Key | None) -> None:
        recording = machine.recording
        self.updated = updated_in(recording.last)
        self.off = {id(made): (*place, 1) for place, made in left_off(last or ())}
        self.index, self.call = recording.node_count, len(machine.calls)
        follows = not self.updated or self.updated[0].index == self.index - len(self.updated)
        self.is_clean = recording.current.is_empty and follows


class Watched:
    """A round that was recorded.

    Attributes
    ----------
    recorded : Pass
    key : Key
    parts : list of Part
    fresh : list of Node
        The leaves made by its updates.
    output : float
        From where it went backward.
    sources : list
        Where everything came from that its refrains were given.
    told : dict
        What names stand for that conditions compare, at the end as whenever they did.
    made : dict of Node to (str, int)
        The nodes that it made, with their places.

    Raises
    ------
    UnfitError
        If it did something that cannot be done again without being recorded.
    """

    def __init__(self, machine: Bindings, before: Before, verses: Sequence[tuple[Verse | None, bool]]) -> None:
        last, recording = machine.recording.last, machine.recording
        if last is None or not (before.is_clean and recording.current.is_empty):
            raise UnfitError
        if not is_plain(last, before.index, recording.node_count):
            raise UnfitError
        self.before, self.recorded = before, last
        self.output: Any = last.output and last.output.value
        self.parts: list[Part] = []
        self.fresh = updated_in(last)
        self.told: dict[str, Any] = {}
        self.made = {node: ("made", place) for place, node in enumerate((*last.nodes, *self.fresh))}
        made = {node: ("moving", place) for place, node in enumerate(before.updated)} | self.made
        off = dict(before.off)
        for number, (verse, before_sweep) in enumerate(verses):
            if verse is None:
                raise UnfitError
            sources = [source_of(each, made, off) for each in verse.given]
            off |= {id(each): (number, slot, 0) for each, slot in verse.off_again}
            self.parts.append(Part(verse, before_sweep, verse.given, verse.slots, sources))
        self.key: Key = tuple(part.verse for part in self.parts)
        self.sources = [part.sources for part in self.parts]
        replaced = self.replaced()
        if len(replaced) != len(before.updated) or any(x is not y for x, y in zip(replaced, before.updated)):
            raise UnfitError  # it updates others than the round before

    def replaced(self) -> list[Node]:
        """Return what the updates took the place of, in order."""
        return [part.slots[at[0]] for part in self.parts for way, _, at in part.verse.ways if way == UPDATE]

    def goes_on(self) -> bool:
        """Whether another round that did the same would be given all from the same places again.

        What the round itself makes before it reads it comes from there in any case.
        """
        moving = {node: ("moving", place) for place, node in enumerate(self.fresh)}
        off = {id(made): (*place, 1) for place, made in left_off(self.key)}
        for part in self.parts:
            given = part.verse.given_now()
            if given is None:
                return False
            for each, source in zip(given, part.sources):
                own = source[0] == "made" or (source[0] == "off" and not source[3])
                if not own and source_of(each, moving, off) != source:
                    return False
        return True

    def carried(self) -> list[Place]:
        """Return what it was given that the round before had left off the tape."""
        sources = (source for given in self.sources for source in given)
        return sorted({source[1:3] for source in sources if source[0] == "off" and source[3]})

    def pattern(self, machine: Bindings) -> Pattern:
        """Return what it has in common with others that do the same."""
        recorded, first, first_call = self.recorded, self.recorded.first_index, self.before.call
        made = [*recorded.nodes, *self.fresh]
        places = {node: place for place, node in enumerate(made)}
        names = dict(named_at(places, machine.names))
        calls = [
            each._replace(
                caller=None if each.caller is None else each.caller - first_call,
                start=each.start - first,
                stop=each.stop - first,
            )
            for each in machine.calls[first_call:]
        ]
        leaves = set(recorded.leaves)
        moving = [(node, place) for place, node in enumerate(self.before.updated) if node in leaves]
        return Pattern(recorded, moving, self.replaced(), machine.spans[-len(made) :], names, calls)


def updated_in(recorded: Pass | None) -> list[Node]:
    """Return the leaves made by updates after a sweep."""
    return [] if recorded is None else [each.node for each in recorded.tail if isinstance(each, Updated)]


def named_at(places: Mapping[Node, int], names: dict[Node, tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield which of a round's places have names, in the order in which they were given: no others came later."""
    latest = ((places[node], name) for node, (_, name) in reversed(names.items()) if node in places)
    yield from reversed([*islice(latest, sum(node in names for node in places))])


def left_off(key: Key) -> list[tuple[Place, OffTape]]:
    """List what the refrains of a round left off the tape."""
    return [((number, slot), made) for number, verse in enumerate(key) for made, slot in verse.off_again]


def is_number(node: Any) -> bool:
    """Whether this is a node that holds a number, and has a gradient."""
    return node.__class__ is Scalar


def is_plain(recorded: Pass, first: int, end: int) -> bool:
    """Whether a pass began at a node and ended before another, in updates alone, and made all that it swept."""
    output = recorded.output
    return (
        output is not None
        and is_number(output)
        and output.value.__class__ is FLOAT.kind
        and output.index >= first == recorded.first_index
        and not (recorded.earlier or recorded.marks)
        and all(isinstance(each, Updated) for each in recorded.tail)
        and first + len(recorded.nodes) + len(recorded.tail) == end
    )


def source_of(given: Any, made: dict[Node, tuple[str, int]], off: dict[int, tuple[int, int, int]]) -> tuple[Any, ...]:
    """Say where something comes from that a refrain is given.

    Raises
    ------
    UnfitError
        If it is a node that an earlier round computed.
    """
    if isinstance(given, OffTape):
        return ("off", *off[id(given)]) if id(given) in off else ("fixed", given)
    if given not in made and given.operands:
        raise UnfitError
    return made.get(given, ("fixed", given))
