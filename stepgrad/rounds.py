"""Rounds: a loop that does the same round after round goes on as straight-line code.

A round is one time through a loop's body: refrains, and between them a sweep. What a round does is watched while it is recorded; once it has
done the same twice, with what the round before had left in the same places, it is written out (see
:mod:`stepgrad.shortcut`), and from then on only the numbers are computed that the updates give. The trace keeps
these, and records a pass again when somebody looks at it.

The last round is put off: it is recorded, with what has been done since, when the program comes to anything that is
neither part of the round nor *quiet* (see :mod:`stepgrad.repeatable`), and so could see what it leaves behind.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, NamedTuple

from stepgrad.bindings import Bindings
from stepgrad.literals import OffTape
from stepgrad.numeric import FLOAT
from stepgrad.readings import UnfitError
from stepgrad.refrains import Refrain, Verse
from stepgrad.repeats import Pattern, Repeats
from stepgrad.scopes import Act, Scope
from stepgrad.shortcut import Carried, Part, Shortcut
from stepgrad.tape import Node, Pass, Scalar, Updated

WORTH = 24  # rounds that are left, or were seen, make it worth while to write one out
PATIENCE = 24  # rounds that may be watched in vain
MARGIN = 10_000  # steps that must be left, or every round is recorded, so that the limit is met where it is

Key = tuple[Verse, ...]


class Sweep(NamedTuple):
    """A statement that goes backward from a name, and does nothing else."""

    act: Act

    def __call__(self) -> str | None:
        return self.act()


class Seen(NamedTuple):
    """What a round did when it was first seen.

    Attributes
    ----------
    sources : list
        Where everything came from that its refrains were given.
    pattern : Pattern
    steps : int
        How many its refrains and its sweep took.
    """

    sources: list[Any]
    pattern: Pattern
    steps: int


class Ahead(NamedTuple):
    """A round that was computed and is to be recorded.

    Attributes
    ----------
    key : Key
    before, after : list
        What it started from, and what it left: the updated inputs, what is carried off the tape, and the output.
    literals : dict
        What the names of literals that it read stood for.
    """

    key: Key
    before: list[Any]
    after: list[Any]
    literals: dict[str, Any]


class Rounds:
    """The body of a loop of the program itself.

    Attributes
    ----------
    acts : sequence
        Its refrains, its sweep, and other statements.
    left : int
        How many rounds are left, as far as is known.
    """

    def __init__(self, machine: Bindings, acts: Sequence[tuple[Act, Act]], whole: Act) -> None:
        self.machine = machine
        self.acts = acts  # each with the block that executes and pays for it
        self.whole = whole  # executes all of them
        for act, _ in acts:
            if isinstance(act, Refrain):
                act.fewest = 0
        self.patience = PATIENCE
        self.left = self.count = 0
        self.seen: dict[Key, Seen] = {}
        self.shortcuts: dict[Key, Shortcut] = {}
        self.carried: list[Carried] | None = None
        self.follows: set[tuple[Key, Key]] = set()
        self.key: Key | None = None  # of the last round, if it was watched
        self.live: list[Node] = []
        self.state: list[Any] = []
        self.ahead: Ahead | None = None
        self.kept: list[Repeats] = []
        self.position = 0
        self.names: dict[str, None] = {}  # that are read, and stand for no literals
        self.found: list[Any] | None = None

    def __call__(self) -> str | None:
        """Go one round."""
        self.left -= 1
        if self.machine.pending is self:
            return self.go_on()
        if self.machine.pending is not None:
            self.machine.pending.settle()
        if not self.patience:
            return self.whole()
        self.look_again()
        return self.watch()

    def record(self, first: int) -> str | None:
        """Execute the statements from one on."""
        self.key = None
        for act, block in self.acts[first:]:
            ended = block() if isinstance(act, (Refrain, Sweep)) else self.interfered(block)
            if ended is not None:
                return ended
        return None

    # What others do

    def interfered(self, block: Act) -> str | None:
        """Execute a statement that may change what the rounds are given."""
        self.found = self.given_now()
        ended = block()
        self.look_again()
        return ended

    def given_now(self) -> list[Any]:
        """Return what tells that nothing but the rounds themselves has changed what they are given."""
        machine, get = self.machine, self.machine.scope.get
        return [machine.mutations, len(machine.newer), *[id(get(name)) for name in self.names]]

    def look_again(self) -> None:
        """Forget what the rounds did, if something else than they changed what they are given."""
        if self.found is not None and self.found != self.given_now():
            self.forget()
        self.found = None

    def forget(self) -> None:
        """Forget what the rounds did."""
        self.seen.clear()
        self.shortcuts.clear()
        self.follows.clear()
        self.names.clear()
        self.carried = None

    # Watching

    def watch(self) -> str | None:
        """Execute a round, and see what it does."""
        machine, recording = self.machine, self.machine.recording
        before, first, call = updated_in(recording.last), recording.node_count, len(machine.calls)
        clean, spent, key, self.key = recording.current.is_empty, 0, self.key, None
        off = {id(made): (number, slot, 1) for number, slot, made in self.made_off(key or ())}
        for act, block in self.acts:
            own, steps = isinstance(act, (Refrain, Sweep)), machine.steps_left
            ended = block() if own else self.interfered(block)
            if ended is not None:
                return ended
            if own:
                spent += steps - machine.steps_left
        self.patience -= 1
        verses = [act.repeated for act, _ in self.acts if isinstance(act, Refrain)]
        recorded = recording.last
        if clean and None not in verses and recorded is not None and is_plain(recorded, first, recording.node_count):
            if recording.current.is_empty:
                try:
                    self.take_note(key, tuple(verses), recorded, before, off, call, spent)
                except UnfitError:
                    pass
        return None

    def take_note(
        self,
        last: Key | None,
        key: Key,
        recorded: Pass,
        before: Sequence[Node],
        off: dict[int, tuple[int, int, int]],
        call: int,
        steps: int,
    ) -> None:
        """Take note of a round; if it has done the same before, and it is worth while, go on without recording."""
        self.key = key
        if last in self.seen:
            self.follows.add((last, key))
        self.count += 1
        parts = self.parts(key, recorded, before, off)
        sources = [part.sources for part in parts]
        seen = self.seen.get(key)
        if seen is None or seen.sources != sources:
            replaced = replaced_by(parts)
            if [id(each) for each in before] != [id(each) for each in replaced]:
                return
            pattern = pattern_of(self.machine, recorded, before, replaced, call)
            if seen is not None:
                self.forget()
            self.seen[key] = Seen(sources, pattern, steps)
            self.names |= dict.fromkeys(each.name for verse in key for each in verse.readings if not each.is_literal)
            return
        worth = max(self.left, self.count) >= WORTH * len(self.seen)
        if not worth:
            self.patience = PATIENCE
        if key not in self.shortcuts and worth:
            carried = sorted({source[1:3] for given in sources for source in given if source[0] == "off" and source[3]})
            if self.carried is not None and self.carried != carried:
                self.patience = 0
                return
            self.carried = carried
            self.shortcuts[key] = Shortcut(recorded, before, parts, carried)
        if key in self.shortcuts and all(next_ in self.shortcuts for last, next_ in self.follows if last == key):
            self.start(recorded, before)

    def parts(
        self, key: Key, recorded: Pass, before: Sequence[Node], off: dict[int, tuple[int, int, int]]
    ) -> list[Part]:
        """Return what each refrain did in a round."""
        made = {node: ("made", place) for place, node in enumerate((*recorded.nodes, *updated_in(recorded)))}
        origins: dict[Node, tuple[Any, ...]] = {node: ("moving", place) for place, node in enumerate(before)} | made
        found, verses, before_sweep = [], iter(key), True
        for act, _ in self.acts:
            if isinstance(act, Sweep):
                before_sweep = False
            elif isinstance(act, Refrain):
                verse = next(verses)
                sources = [source_of(each, origins, off) for each in verse.given]
                off |= {id(each): (len(found), slot, 0) for each, slot in verse.off_again}
                found.append(Part(verse, before_sweep, verse.given, verse.slots, sources))
        return found

    def made_off(self, key: Key) -> list[tuple[int, int, OffTape]]:
        """List what the refrains of the last round left off the tape: which one, in which of its slots."""
        return [(number, slot, made) for number, verse in enumerate(key) for made, slot in verse.off_again]

    # Going on without recording

    def start(self, recorded: Pass, before: Sequence[Node]) -> None:
        """From here on, compute only what the updates give."""
        assert self.key is not None and self.carried is not None and recorded.output is not None
        self.live = updated_in(recorded)
        self.from_before = [node.value for node in before]
        self.output = recorded.output.value
        slots = [verse.slots for verse in self.key]
        self.state = [node.value for node in self.live] + [slots[number][slot] for number, slot in self.carried]
        self.machine.pending = self

    def go_on(self) -> str | None:
        """Go a round of which only the updates are computed, and put off recording it."""
        machine, verses, literals = self.machine, [], dict[str, Any]()
        for place, (act, block) in enumerate(self.acts):
            self.position = place
            if isinstance(act, Refrain):
                verse = self.next_verse(len(verses), literals)
                if verse is None:
                    self.settle()
                    return self.record(place)
                verses.append(verse)
            elif not isinstance(act, Sweep):
                ended = block()
                if ended is not None:
                    if machine.pending is self:
                        self.settle()
                    return ended
                if machine.pending is not self:
                    self.look_again()
                    return self.record(place + 1)
        self.position = len(self.acts)
        self.go_ahead(tuple(verses), literals)
        return None

    def next_verse(self, part: int, literals: dict[str, Any]) -> Verse | None:
        """Return the only verse of a refrain, of those seen, that fits the literals it reads; and write these down."""
        scope = self.machine.scope
        fitting = {key[part]: None for key in self.shortcuts if key[part].fits_literals(scope)}
        if len(fitting) != 1:
            return None
        (verse,) = fitting
        literals.update({each.name: scope[each.name] for each in verse.read_literals if each.name in scope})
        return verse

    def go_ahead(self, key: Key, literals: dict[str, Any]) -> None:
        """Compute a round; record it, and what was put off, if that cannot be."""
        last = self.key if self.ahead is None else self.ahead.key
        assert last is not None
        shortcut = self.shortcuts.get(key)
        if shortcut is not None and (last, key) in self.follows:
            if self.machine.steps_left >= MARGIN + self.seen[key].steps + self.seen[last].steps:
                try:
                    after = shortcut.run(self.state)
                except (ArithmeticError, ValueError):
                    pass  # the engine goes on with IEEE values
                else:
                    if self.ahead is not None:
                        self.keep(self.ahead)
                    self.ahead = Ahead(key, self.state, after, literals)
                    self.state, self.position = after[:-1], 0
                    return
        self.settle()

    def keep(self, ahead: Ahead) -> None:
        """Keep a round in the trace by what its updates gave."""
        machine, pattern = self.machine, self.seen[ahead.key].pattern
        self.patience = PATIENCE
        if not self.kept:
            self.fold()
        last = self.kept[-1]
        if last.pattern is not pattern:
            last = Repeats(pattern, last.end, ahead.before[: len(self.live)])
            self.kept.append(last)
        updates = ahead.after[: len(self.live)]
        last.values.extend(updates if pattern.width == len(updates) else pattern.flattened(updates))
        last.outputs.append(ahead.after[-1])
        machine.steps_left -= self.seen[ahead.key].steps
        machine.passed_over += pattern.period
        machine.recording.node_count_closed += pattern.period

    def fold(self) -> None:
        """Keep the last round that was recorded in the same way."""
        machine, recorded = self.machine, self.machine.recording.passes.pop()
        assert self.key is not None
        pattern = self.seen[self.key].pattern
        updates = pattern.flattened([node.value for node in self.live])
        self.kept = [Repeats(pattern, recorded.first_index, self.from_before, updates, [self.output])]
        for node in recorded.nodes:
            machine.names.pop(node, None)
        del machine.spans[-pattern.period :]
        machine.paid = len(machine.spans)
        while machine.calls and machine.calls[-1].start >= recorded.first_index:
            machine.calls.pop()
        machine.passed_over += pattern.period

    def settle(self) -> None:
        """Record the round that was put off, and what has been done of the next one."""
        machine, done, ahead, kept = self.machine, self.position, self.ahead, self.kept
        machine.pending, self.ahead, self.kept, self.position = None, None, [], 0
        machine.recording.passes.extend(kept)
        if ahead is not None:
            if kept:
                first = kept[-1].end - len(self.live)
                for index, (node, value) in enumerate(zip(self.live, ahead.before), first):
                    node.value, node.index = value, index
                assert self.carried is not None
                carried = dict(zip(self.carried, ahead.before[len(self.live) :], strict=True))
                for number, slot, made in self.made_off(self.key or ()):
                    if (number, slot) in carried:
                        made.value = carried[number, slot]
            now = {name: machine.scope[name] for name in ahead.literals}
            machine.scope.update(ahead.literals)
            self.repeat(len(self.acts))
            machine.scope.update(now)
            if kept:
                for node in self.live:
                    machine.names.pop(node, None)
            self.key = ahead.key
        self.live = []
        self.repeat(done)
        self.found = self.given_now()

    def repeat(self, count: int) -> None:
        """Execute the first of the refrains and the sweep."""
        for act, block in self.acts[:count]:
            if isinstance(act, (Refrain, Sweep)):
                block()


def updated_in(recorded: Pass | None) -> list[Node]:
    """Return the leaves made by updates after a sweep."""
    return [] if recorded is None else [each.node for each in recorded.tail if isinstance(each, Updated)]


def is_plain(recorded: Pass, first: int, end: int) -> bool:
    """Whether a pass began at a node and ended before another, in nothing but updates, and computed all that it swept."""
    output = recorded.output
    return (
        recorded.first_index == first
        and not (recorded.earlier or recorded.marks)
        and all(isinstance(each, Updated) for each in recorded.tail)
        and first + len(recorded.nodes) + len(recorded.tail) == end
        and output is not None
        and output.__class__ is Scalar
        and output.value.__class__ is FLOAT.kind
        and recorded.nodes[-1:] != []
        and output.index >= first
    )


def source_of(given: Any, origins: dict[Node, tuple[Any, ...]], off: dict[int, tuple[int, int, int]]) -> Any:
    """Say where something comes from that a refrain is given.

    Raises
    ------
    UnfitError
        If it is a node that an earlier round computed.
    """
    if isinstance(given, OffTape):
        return ("off", *off[id(given)]) if id(given) in off else ("fixed", given)
    if given in origins:
        return origins[given]
    if given.operands:
        raise UnfitError
    return ("fixed", given)


def replaced_by(parts: Sequence[Part]) -> list[Any]:
    """Return what the updates of a round took the place of, in order."""
    return [part.slots[at[0]] for part in parts for way, _, at in part.verse.ways if way == "update"]


def pattern_of(machine: Bindings, recorded: Pass, before: Sequence[Node], replaced: Sequence[Node], call: int) -> Pattern:
    """Return what a round has in common with others that do the same."""
    made = [*recorded.nodes, *updated_in(recorded)]
    places = {node: place for place, node in enumerate(made)}
    names = {places[node]: name for node, (_, name) in machine.names.items() if node in places}
    first = recorded.first_index
    calls = [
        each._replace(
            caller=None if each.caller is None else each.caller - call, start=each.start - first, stop=each.stop - first
        )
        for each in machine.calls[call:]
    ]
    taking_part = set(recorded.leaves)
    moving = [(node, place) for place, node in enumerate(before) if node in taking_part]
    return Pattern(recorded, moving, replaced, machine.spans[-len(made) :], names, calls)
