"""Rounds: a loop that does the same round after round goes on as straight-line code.

A round is one time through a loop's body: refrains, and among them a sweep. What a round does is watched while it is
recorded (see :mod:`stepgrad.watched`); once it has done the same twice, or is going to, it is written out (see
:mod:`stepgrad.shortcut`), and from then on only the numbers are computed that the updates give. The trace keeps these,
and records a pass again when somebody looks at it.

The last round is put off: it is recorded, with what has been done since, when the program comes to anything that is
neither part of the round nor *quiet* (see :mod:`stepgrad.quiet`), and so could see what it leaves behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from contextlib import suppress
from itertools import chain
from typing import Any

from stepgrad.bindings import Bindings
from stepgrad.late import PATIENCE, Ahead, Appending, Late, Seen, Sweep
from stepgrad.readings import UnfitError, same_literal
from stepgrad.refrains import Refrain, Verse
from stepgrad.scopes import MISSING, Act
from stepgrad.shortcut import Shortcut
from stepgrad.watched import Before, Key, Watched, is_number

WORTH = 24  # rounds that are left, or were seen, make it worth while to write one out
MARGIN = 10_000  # steps that must be left, or every round is recorded, so that the limit is met where it is


class Rounds(Late):
    """The body of a loop of the program itself.

    Parameters
    ----------
    machine : Bindings
    acts : sequence
        Its refrains, its sweep, and other statements, each with what executes and pays for it.
    whole : callable
        Executes and pays for all of them.
    compared : sequence of set of str
        The names that quiet statements among them compare.

    Attributes
    ----------
    left : int
        How many rounds are left, as far as is known.
    shortcuts : dict
        The rounds that are written out.
    choices : list of list of Verse
        What each refrain does in them.
    follows : set of (Key, Key)
        Which were seen to follow which.
    told : list of str or None
        The names that stand for numbers that conditions compare.
    bound : dict
        The names that refrains give something, which is out of date while they are put off; and what they give, if
        that is always the same literal, else MISSING.
    """

    def __init__(
        self, machine: Bindings, acts: Sequence[tuple[Act, Act]], whole: Act, compared: Iterable[Set[str]]
    ) -> None:
        super().__init__(machine, acts)
        self.whole = whole
        self.compared = frozenset(chain.from_iterable(compared))
        for act, _ in acts:
            if isinstance(act, Refrain):
                act.fewest = 0
        self.left = self.count = 0
        self.shortcuts: dict[Key, Shortcut] = {}
        self.choices: list[list[Verse]] = []
        self.follows: set[tuple[Key, Key]] = set()
        self.told: list[str] | None = None
        self.bound: dict[str, Any] = {}

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

    # What others do

    def interfered(self, act: Act, block: Act) -> str | None:
        """Execute a statement that may change what the rounds are given."""
        self.given = self.given_now()
        ended = block()
        if isinstance(act, Appending) and not self.sees(self.machine.scope.get(act.name)):
            self.given[0] = self.machine.mutations
        self.look_again()
        return ended

    def look_again(self) -> None:
        """Forget what the rounds did, if something else than they changed what they are given."""
        if self.given is not None and self.given != self.given_now():
            self.forget()
        self.given = None

    def gives(self, names: Iterable[str]) -> bool:
        """Whether a round gives something to one of these names, which are to be read."""
        return not self.bound.keys().isdisjoint(names)

    def minds(self, names: Iterable[str]) -> bool:
        """Whether a round sees, other than as a literal, or gives something to one of these, which are to be bound."""
        return not (self.bound.keys().isdisjoint(names) and self.names.keys().isdisjoint(names))

    def sees(self, entries: Any) -> bool:
        """Whether a round is given this list, or a list with it."""
        readings = (reading for key in self.seen for verse in key for reading in verse.readings)
        return any(entries is each for reading in readings for each in reading.lists)

    def forget(self) -> None:
        """Forget what the rounds did."""
        for each in (self.seen, self.shortcuts, self.follows, self.names, self.bound):
            each.clear()
        self.carried = self.told = None

    # Watching

    def watch(self) -> str | None:
        """Execute a round, and see what it does."""
        machine, key, self.key = self.machine, self.key, None
        before, spent, before_sweep, is_own = Before(machine, key), 0, True, True
        verses: list[tuple[Verse | None, bool]] = []
        get = machine.scope.get
        compared: dict[str, set[int]] = {name: set() for name in self.compared}
        for act, block in self.acts:
            if not isinstance(act, (Refrain, Sweep)):
                for name, nodes in compared.items():
                    nodes.add(id(get(name)))
            own, steps = isinstance(act, (Refrain, Sweep)), machine.steps_left
            traces = None if own else traces_of(machine)
            ended = block() if own else self.interfered(act, block)
            if ended is not None:
                return ended
            if own:
                spent += steps - machine.steps_left
            else:
                is_own = is_own and traces == traces_of(machine)
            if isinstance(act, Refrain):
                verses.append((act.repeated, before_sweep))
            before_sweep = before_sweep and not isinstance(act, Sweep)
        self.patience -= 1
        if not is_own:
            return None
        with suppress(UnfitError):
            watched = Watched(machine, before, verses)
            watched.told = {name: get(name) for name, nodes in compared.items() if nodes <= {id(get(name))}}
            self.take_note(key, watched, spent)
        return None

    def take_note(self, last: Key | None, watched: Watched, steps: int) -> None:
        """Take note of a round; if it has done the same before, and it is worth while, go on without recording."""
        key = self.key = watched.key
        self.count += 1
        if key in self.seen and self.seen[key].sources != watched.sources:
            self.forget()
        if last in self.seen:
            self.follows.add((last, key))
        if key not in self.seen:
            self.remember(watched, steps)
            if self.has_several_verses or not watched.goes_on():
                return
            self.follows.add((key, key))
        if max(self.left, self.count) < WORTH * len(self.seen):
            self.patience = PATIENCE
        else:
            self.write_out(watched)
            known = all(following in self.shortcuts for first, following in self.follows if first == key)
            if known and self.machine.steps_left >= MARGIN:
                self.start(watched)

    @property
    def has_several_verses(self) -> bool:
        """Whether its refrains have done several things: then it must be seen what follows what."""
        return any(isinstance(act, Refrain) and len(act.verses) > 1 for act, _ in self.acts)

    def remember(self, watched: Watched, steps: int) -> None:
        """Take note of what a round did that was not seen before."""
        key = watched.key
        self.seen[key] = Seen(watched.sources, watched.pattern(self.machine), steps)
        readings = [each for verse in key for each in verse.readings]
        self.names |= dict.fromkeys(each.name for each in readings if not each.is_literal or each.root is MISSING)
        for name, value in [each for verse in key for each in verse.literals_bound.items()]:
            self.bound[name] = value if same_literal(self.bound.get(name, value), value) else MISSING

    def write_out(self, watched: Watched) -> None:
        """Write a round out, unless it is."""
        if watched.key not in self.shortcuts:
            carried = watched.carried()
            told = {name: node for name, node in watched.told.items() if is_number(node) and node in watched.made}
            if self.carried not in (None, carried) or self.told not in (None, [*told]):
                raise UnfitError
            self.carried, self.told = carried, [*told]
            self.shortcuts[watched.key] = Shortcut(
                watched.recorded, watched.before.updated, watched.parts, carried, [*told.values()]
            )
            self.choices = [list(dict.fromkeys(part)) for part in zip(*self.shortcuts)]

    # Going on without recording

    def start(self, watched: Watched) -> None:
        """From here on, compute only what the updates give."""
        slots = [part.slots for part in watched.parts]
        self.last = watched
        self.state = [node.value for node in watched.fresh] + [
            slots[number][slot] for number, slot in self.carried or ()
        ]
        self.first = self.state
        self.machine.pending = self

    def go_on(self) -> str | None:
        """Go a round of which only the updates are computed, and put off recording it."""
        machine, self.literals = self.machine, {}
        verses: list[Verse] = []
        for place, (act, block) in enumerate(self.acts):
            self.position = place
            if isinstance(act, Refrain):
                verse = self.next_verse(len(verses))
                if verse is None or (self.early is not None and verse is not self.early.key[len(verses)]):
                    self.settle()
                    return self.record(place)
                verses.append(verse)
            elif not isinstance(act, Sweep):
                ended = block()
                if ended is not None:
                    return ended
                if machine.pending is not self:
                    self.look_again()
                    return self.record(place + 1)
        self.position = len(self.acts)
        ahead = self.early or self.computed(tuple(verses))
        if ahead is None:
            self.settle()
            return None
        if self.ahead is not None:
            self.keep(self.ahead)
        self.ahead, self.early = ahead, None
        self.state, self.position, self.literals = ahead.after[: len(self.state)], 0, {}
        machine.steps_left -= self.seen[ahead.key].steps  # an error at the limit has the same place
        return None

    def next_verse(self, part: int) -> Verse | None:
        """Return the only verse of a refrain, of those seen, that fits the literals it reads; and write these down."""
        scope, bound, literals = self.machine.scope, self.bound, self.literals
        fitting = [each for each in self.choices[part] if not each.read_literals or each.fits_literals(scope)]
        if len(fitting) != 1:
            return None
        (verse,) = fitting
        for reading in verse.read_literals:
            name, value = reading.name, reading.root
            if name in bound and not same_literal(bound[name], value):
                return None  # a round that was put off may have changed it
            if name in scope and not same_literal(literals.setdefault(name, scope[name]), scope[name]):
                return None  # it was counted since it was read in this round
        return verse

    def computed(self, key: Key) -> Ahead | None:
        """Compute a round; None if that cannot be done."""
        last = self.ahead.key if self.ahead is not None else self.last.key
        if key not in self.shortcuts or (last, key) not in self.follows:
            return None
        if self.machine.steps_left < MARGIN + self.seen[key].steps:
            return None
        try:
            return Ahead(key, self.state, self.shortcuts[key].run(self.state), self.literals)
        except (ArithmeticError, ValueError):
            return None  # the engine goes on with IEEE values

    def tells(self, name: str) -> bool:
        """Let a name's node hold the number that it would; say whether that is known."""
        if self.told is None or name not in self.told:
            return False
        ahead = self.ahead
        if self.position:  # the round under way has computed it
            ahead = self.early = self.early or self.computed_early()
            if ahead is None:
                return False
        if ahead is not None:
            node = self.machine.scope[name]
            self.held.setdefault(node, node.value)
            node.value = ahead.after[len(self.state) + self.told.index(name)]
        return True

    def computed_early(self) -> Ahead | None:
        """Compute the round under way before its end is reached."""
        refrains = [act for act, _ in self.acts if isinstance(act, Refrain)]
        verses = [self.next_verse(part) for part in range(len(refrains))]
        return None if None in verses else self.computed(tuple(filter(None, verses)))

    def record(self, first: int) -> str | None:
        """Execute the statements from one on."""
        self.key = None
        for act, block in self.acts[first:]:
            ended = block() if isinstance(act, (Refrain, Sweep)) else self.interfered(act, block)
            if ended is not None:
                return ended
        return None


def traces_of(machine: Bindings) -> list[Any]:
    """Return what tells whether a statement has left something in the pass of a round: nodes, names, calls."""
    recording = machine.recording
    nodes = chain(recording.last.nodes if recording.last else (), recording.current.nodes)
    return [recording.node_count, len(machine.calls), *map(machine.names.get, nodes)]
