"""Late: what a loop has put off recording: its last round, and what has been done of the next one.

What names stand for meanwhile is what they stood for after the last round that was recorded; it differs from what they
would stand for in numbers alone. So when these are put in, the last round can be recorded by the ordinary way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stepgrad.bindings import Bindings
from stepgrad.refrains import Refrain
from stepgrad.repeats import Pattern, Repeats
from stepgrad.scopes import Act
from stepgrad.tape import Node
from stepgrad.watched import Key, Place, Watched, left_off

PATIENCE = 24  # rounds that may be watched in vain


class Sweep:
    """A statement that goes backward from a name, and does nothing else."""

    def __init__(self, act: Act) -> None:
        self.act = act

    def __call__(self) -> str | None:
        """Execute it."""
        return self.act()


class Appending:
    """A statement that appends a number to a list, and does nothing else."""

    def __init__(self, act: Act, name: str) -> None:
        self.act, self.name = act, name

    def __call__(self) -> str | None:
        """Execute it."""
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
        What it started from, and what it left: the updated inputs, what is carried off the tape; then what is told,
        and the output.
    literals : dict
        What the names of literals that it read stood for.
    """

    key: Key
    before: list[Any]
    after: list[Any]
    literals: dict[str, Any]


class Late:
    """What a loop has put off recording.

    Parameters
    ----------
    machine : Bindings
    acts : sequence
        The loop's refrains, its sweep, and other statements, each with what executes and pays for it.

    Attributes
    ----------
    patience : int
        How many more rounds may be watched in vain.
    seen : dict
        What rounds did.
    key : Key or None
        What the last round that was recorded repeated, if it was watched.
    last : Watched
        The one after which recording was put off.
    first : list
        What ``state`` was then.
    carried : list of Place or None
        What a round leaves off the tape for the next one.
    state : list
        What the updated inputs hold now, and what is carried.
    ahead, early : Ahead or None
        The last round, and the one under way if a condition had to know its numbers.
    held : dict of Node to number
        What nodes hold that were given numbers for a condition.
    kept : list of Repeats
        The rounds before that, back to the last one recorded, as the trace keeps them.
    position : int
        How many statements of the round under way have been put off.
    literals : dict
        What the names of literals stood for that were read in the round under way.
    names : dict of str to None
        The names that are read, and stand for no literals.
    given : list or None
        What told, before another statement, that nothing but the rounds themselves has changed what they are given.
    """

    last: Watched
    first: list[Any]

    def __init__(self, machine: Bindings, acts: Sequence[tuple[Act, Act]]) -> None:
        self.machine, self.acts = machine, acts
        self.patience = PATIENCE
        self.seen: dict[Key, Seen] = {}
        self.key: Key | None = None
        self.carried: list[Place] | None = None
        self.state: list[Any] = []
        self.ahead: Ahead | None = None
        self.early: Ahead | None = None
        self.held: dict[Node, Any] = {}
        self.kept: list[Repeats] = []
        self.position = 0
        self.literals: dict[str, Any] = {}
        self.names: dict[str, None] = {}
        self.given: list[Any] | None = None

    def given_now(self) -> list[Any]:
        """Return what tells that nothing but the rounds themselves has changed what they are given."""
        machine, get = self.machine, self.machine.scope.get
        return [machine.mutations, len(machine.newer), *[id(get(name)) for name in self.names]]

    def keep(self, ahead: Ahead) -> None:
        """Keep a round in the trace by what its updates gave."""
        machine, pattern, count = self.machine, self.seen[ahead.key].pattern, len(self.last.fresh)
        self.patience = PATIENCE
        if not self.kept:
            self.fold()
        last = self.kept[-1]
        if last.pattern is not pattern:
            last = Repeats(pattern, last.end, ahead.before[:count])
            self.kept.append(last)
        last.values.extend(pattern.flattened(ahead.after[:count]))
        last.outputs.append(ahead.after[-1])
        machine.passed_over += pattern.period
        machine.recording.node_count_closed += pattern.period

    def fold(self) -> None:
        """Keep the last round that was recorded in the same way."""
        machine, last = self.machine, self.last
        recorded, pattern = last.recorded, self.seen[last.key].pattern
        machine.recording.passes.pop()
        repeats = Repeats(pattern, recorded.first_index, [node.value for node in last.before.updated])
        repeats.values.extend(pattern.flattened(self.first[: len(last.fresh)]))
        repeats.outputs.append(last.output)
        self.kept = [repeats]
        for node in recorded.nodes:
            machine.names.pop(node, None)
        del machine.spans[-pattern.period :], machine.calls[last.before.call :]
        machine.paid = len(machine.spans)
        machine.passed_over += pattern.period

    def finish(self) -> None:
        """Let the trace keep the last round, too, where the program ends: nothing can see what it leaves."""
        if self.ahead is None or self.position:
            self.settle()
            return
        self.take_back()
        self.keep(self.ahead)
        self.hand_over()

    def take_back(self) -> None:
        """Let nodes hold again what they held before conditions were answered."""
        for node, value in self.held.items():
            node.value = value
        self.held.clear()

    def hand_over(self) -> None:
        """Leave to the trace what has been kept, and put nothing off."""
        passes: list[Any] = self.machine.recording.passes  # nobody but the trace looks at these
        passes.extend(self.kept)
        self.machine.pending, self.ahead, self.early, self.kept, self.position = None, None, None, [], 0

    def settle(self) -> None:
        """Record the round that was put off, and what has been done of the next one."""
        machine, done, ahead, kept = self.machine, self.position, self.ahead, self.kept
        self.take_back()
        self.hand_over()
        self.key = self.last.key
        if kept:
            assert ahead is not None, "a round is kept when the next one is ahead"
            self.catch_up(ahead.before, kept[-1].end)
        if ahead is not None:
            machine.steps_left += self.seen[ahead.key].steps
            self.repeat(len(self.acts), ahead.literals)
            self.key = ahead.key
        self.repeat(done, self.literals)
        self.given = self.given_now()

    def catch_up(self, state: list[Any], end: int) -> None:
        """Let what the last recorded round left stand for what the last kept one did: it differs in numbers alone."""
        fresh, carried = self.last.fresh, self.carried or ()
        for index, (node, value) in enumerate(zip(fresh, state), end - len(fresh)):
            node.value, node.index = value, index
        values = dict(zip(carried, state[len(fresh) :], strict=True))
        for place, made in left_off(self.last.key):
            made.value = values.get(place, made.value)

    def repeat(self, count: int, literals: Mapping[str, Any]) -> None:
        """Execute the refrains and the sweep among the first statements, with the literals that were read then."""
        scope = self.machine.scope
        now = {name: scope[name] for name in literals}
        scope.update(literals)
        for act, block in self.acts[:count]:
            if isinstance(act, (Refrain, Sweep)):
                block()
        scope.update(now)
