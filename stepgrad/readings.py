"""Readings: the names that a refrain reads, and what must stay the same of what they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from math import copysign
from typing import Any

from stepgrad.bindings import Bindings
from stepgrad.literals import OffTape
from stepgrad.ops import INPUT
from stepgrad.scopes import Scope
from stepgrad.tape import Node, Scalar
from stepgrad.tensor import Tensor

MOST_ENTRIES = 100_000  # of the lists under one name


class UnfitError(Exception):
    """What was done cannot be repeated."""


def kind_of(value: Any, names: Mapping[Node, tuple[int, str]]) -> tuple[Any, ...]:
    """Return what decides how a value is treated, besides the number that it holds."""
    if isinstance(value, Scalar):
        return (Scalar, value.gate is INPUT, names.get(value))
    if not isinstance(value, (Node, OffTape)):
        return ()
    held = value.value
    shape = held.shape if isinstance(held, Tensor) else held.__class__
    if isinstance(value, Node):
        return (value.__class__, value.gate is INPUT, names.get(value), shape, value.flows)
    return (OffTape, shape)


def same_literal(one: Any, other: Any) -> bool:
    """Whether two literals are the same in every bit."""
    if one is other:
        return True
    if one.__class__ is not other.__class__:
        return False
    if isinstance(one, float):
        return (one == other and copysign(1.0, one) == copysign(1.0, other)) or (one != one and other != other)
    if isinstance(one, range):  # two that count nothing are equal, and spelled differently
        return repr(one) == repr(other)
    return isinstance(one, (int, str)) and bool(one == other)


class Reading:
    """A name that a refrain reads, and what must stay the same of what it stands for.

    Attributes
    ----------
    name : str
    root : Any
        What it stood for when last looked at.
    held : bool
        Whether it followed updates in place.
    parts : list of (int or None, int, Any)
        It and what stands in it, list by list: for each the number of the list that holds it, its place there, and
        what stood there.
    places : list of int
        Which of the parts are nodes, or numbers off the tape.
    """

    def __init__(self, name: str, value: Any, machine: Bindings, scope: Scope) -> None:
        self.name, self.root, self.machine = name, value, machine
        if machine.newest(value) is not value:
            raise UnfitError  # the name keeps what was updated in place, and functions see the newest
        self.held = machine.is_held(name, value, scope)
        self.mutations = machine.mutations
        self.parts = list(islice(self.parts_of(value), MOST_ENTRIES))
        if len(self.parts) == MOST_ENTRIES:
            raise UnfitError
        self.places = [i for i, (_, _, part) in enumerate(self.parts) if isinstance(part, (Node, OffTape))]
        self.kinds = [kind_of(self.parts[i][2], machine.names) for i in self.places]
        self.find_holders()

    def parts_of(self, value: Any) -> Iterator[tuple[int | None, int, Any]]:
        """Yield a value and what stands in it, breadth first."""
        newest = self.machine.newest
        lists = [value] if isinstance(value, (list, tuple)) else []
        yield None, 0, newest(value)
        for number, each in enumerate(lists):
            for index, part in enumerate(each):
                yield number, index, newest(part)
                if isinstance(part, (list, tuple)):
                    lists.append(part)

    def find_holders(self) -> None:
        """Note for every place the list that holds it."""
        lists = self.lists = [part for _, _, part in self.parts if isinstance(part, (list, tuple))]
        parts = (self.parts[place] for place in self.places)
        self.holders = [([self.root], 0) if number is None else (lists[number], index) for number, index, _ in parts]

    @property
    def is_single(self) -> bool:
        """Whether it is a node, or a number off the tape, and no list of them."""
        return isinstance(self.root, (Node, OffTape))

    @property
    def is_literal(self) -> bool:
        """Whether it is neither a node, nor off the tape, nor a list."""
        return not isinstance(self.root, (Node, OffTape, list, tuple))

    def given(self, value: Any) -> list[Any] | None:
        """Return what stands at the places of a list, or of a literal; None if it does not fit."""
        if isinstance(self.root, (list, tuple)):
            if value is not self.root or self.mutations != self.machine.mutations:
                found = list(islice(self.parts_of(value), len(self.parts) + 1))
                self.machine.walked += len(found)
                if len(found) != len(self.parts) or not all(map(alike, self.parts, found)):
                    return None
                self.root, self.mutations, self.parts = value, self.machine.mutations, found
                self.find_holders()
            newer, newest = self.machine.newer, self.machine.newest
            given = [holder[index] for holder, index in self.holders]
            given = [newest(each) if each in newer else each for each in given]
        else:
            return [] if same_literal(value, self.root) else None
        names = self.machine.names
        kinds = [
            (Scalar, each.gate is INPUT, names.get(each)) if each.__class__ is Scalar else kind_of(each, names)
            for each in given
        ]
        return given if kinds == self.kinds else None


def alike(one: tuple[int | None, int, Any], other: tuple[int | None, int, Any]) -> bool:
    """Whether two parts stand at the same place, and are the same if they are literals."""
    before, now = one[2], other[2]
    if one[:2] != other[:2]:
        return False
    if isinstance(before, (Node, OffTape, list, tuple)):
        return before.__class__ is now.__class__
    return same_literal(before, now)
