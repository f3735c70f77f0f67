"""The journal of a stretch of a program: what it did that the tape does not tell.

The tape has every gate that was recorded. What a stretch of a program read and assigned, computed off the tape and
updated, is written down here while it runs once, so that it can be repeated without being interpreted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import ref

from stepgrad.gate import Elementwise
from stepgrad.literals import OffTape
from stepgrad.recording import Recording
from stepgrad.scopes import MISSING, Function, Scope
from stepgrad.source import Span
from stepgrad.tape import Node, Pass

Doing = Callable[..., Any]  # do(pass, *operands): what gives the result again
Way = Elementwise | str | None  # of getting a result: by a gate's formula, or one of these; None: by doing it
RECORD, UPDATE, GRADIENT, DATA = "record", "update", "gradient", "data"
TAKEN: Mapping[tuple[bool, bool], Callable[[Callable[[Any, Any], Any]], Doing]] = {  # by which operands are nodes
    (False, False): lambda compute: lambda _, x, y: compute(x, y),
    (False, True): lambda compute: lambda _, x, y: compute(x, y.value),
    (True, False): lambda compute: lambda _, x, y: compute(x.value, y),
    (True, True): lambda compute: lambda _, x, y: compute(x.value, y.value),
}


class Entry(NamedTuple):
    """Something that was computed off the tape, or updated.

    Attributes
    ----------
    made : int
        How many nodes had been recorded by then.
    result : Node or OffTape
    do : callable
        ``do(pass, *operands)`` does it again; what is off the tape is given and returned as the plain number or tensor.
    operands : tuple
    span : Span or None
        Where the program says so, for its errors; None if it cannot fail.
    way : Way
        How it comes about, for whoever writes it out.
    """

    made: int
    result: Any
    do: Doing
    operands: tuple[Any, ...]
    span: Span | None
    way: Way


class WatchedScope(Scope):
    """A scope that notes which names are read before they are written, and which are looked for in vain.

    A scope turns into one by its ``__class__``, while a journal is kept: functions and names hold the scope itself.
    """

    journal: Journal

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        self.journal.note_read(name, value)
        return value

    def __contains__(self, name: object) -> bool:
        found = super().__contains__(name)
        if not found:
            self.journal.note_read(str(name), MISSING)
        return found

    def __setitem__(self, name: str, value: Any) -> None:
        self.journal.written.setdefault(name)
        super().__setitem__(name, value)


class Journal:
    """What a stretch of a program does while it runs once.

    Attributes
    ----------
    scope : Scope
        The program's.
    heed : callable
        Is told of every name that is read before it is written, and of what it stands for; says whether that can
        be repeated.
    read, written : dict of str to None
        These names, and those that were given something.
    entries : list of Entry
    reached : list of (Node, bool)
        Of which nodes it was asked whether the last sweep had reached them, and the answer.
    spoiled : bool
        Whether something happened that cannot be repeated.
    """

    def __init__(self, recording: Recording, scope: Scope, heed: Callable[[str, Any], bool]) -> None:
        self.recording = recording
        self.scope = scope
        self.heed = heed
        self.read: dict[str, None] = {}
        self.written: dict[str, None] = {}
        self.entries: list[Entry] = []
        self.reached: list[tuple[Node, bool]] = []
        self.spoiled = False
        self.first = recording.node_count
        self.last = recording.last

    def __enter__(self) -> Journal:
        self.scope.__class__ = WatchedScope
        self.scope.journal = self  # type: ignore[attr-defined]
        return self

    def __exit__(self, *exception: object) -> None:
        del self.scope.journal  # type: ignore[attr-defined]
        self.scope.__class__ = Scope

    def note_read(self, name: str, value: Any) -> None:
        """Take note of a name that is read."""
        if name not in self.written and name not in self.read:
            self.read[name] = None
            if not self.heed(name, value):
                self.spoiled = True

    def note_followers(self, old: Node, holders: Iterable[tuple[ref[Scope], str]]) -> None:
        """Take note of the program's names that follow an update: what they stand for decides on that."""
        for reference, name in holders:
            if reference() is self.scope and self.scope.get(name) is old:
                self.note_read(name, old)

    def note_call(self, function: Function) -> None:
        """Take note of a call: what a function sees besides its arguments must be the program's own names."""
        plain = all(each is None or isinstance(each, (int, float, str)) for each in function.defaults.values())
        if not (function.is_repeatable and plain and function.outer is self.scope):
            self.spoiled = True

    def note(self, result: Any, do: Doing, *operands: Any, span: Span | None = None, way: Way = None) -> None:
        """Write down what was computed off the tape, or updated."""
        self.entries.append(Entry(self.recording.node_count, result, do, operands, span, way))

    def note_gradient(self, result: Any, node: Node) -> None:
        """Write down that a gradient was read, which must be there again."""
        self.reached.append((node, True))
        self.spoiled = self.spoiled or node.total is None
        self.note(result, lambda _, given: given.total, node, way=GRADIENT)

    def note_computed(
        self, result: OffTape, gate: Elementwise, compute: Callable[[Any, Any], Any], *operands: Any, span: Span
    ) -> None:
        """Write down that a gate's formula gave a number off the tape."""
        left, right = operands
        do = TAKEN[isinstance(left, Node), isinstance(right, Node)](compute)
        self.note(result, do, left, right, span=span, way=gate)

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that have been made, in order: those of the open pass, and those of the tail of the last."""
        count = self.recording.node_count - self.first
        made = self.recording.current.nodes
        if len(made) < count:
            made = [*tail_of(self.last, count), *made]
        return made[len(made) - count :]


def tail_of(last: Pass | None, most: int) -> list[Node]:
    """Return the last nodes that were made in the tail of a pass."""
    return [] if last is None else last.tail_nodes[-most:]
