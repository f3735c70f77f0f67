"""Refrains: what a loop does again and again is interpreted once, and then repeated from a list.

The statements of a loop's body that no value can steer (see :mod:`stepgrad.repeatable`) record the same
gates whenever they are given the same structure: the same literals, lists as long as before, nodes of
the same kinds. So a journal is kept while they are interpreted; the next time, if what they read fits,
their gates are applied one after the other. The trace is the same in every bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from stepgrad.bindings import Bindings
from stepgrad.errors import GateError, ProgramError
from stepgrad.journal import RECORD, Journal, Way
from stepgrad.literals import OffTape
from stepgrad.ops import CONSTANT, INPUT
from stepgrad.readings import Reading, UnfitError, kind_of, same_literal
from stepgrad.recording import Recording
from stepgrad.scopes import MISSING, Act, Scope
from stepgrad.source import Span
from stepgrad.tape import Node, Scalar

MOST_VERSES = 64  # of one refrain: as many samples as a loop may go over whose numbers are literals
PATIENCE = 8  # verses that are learned on trial, and for every one that is repeated
CREDIT = 128  # how often it may be looked in vain for a verse that fits: looking takes time, too
WALK = 200  # entries of lists that take, where they are looked at in vain, as much credit as a verse that does not fit
FEWEST = 24  # operations: fewer are interpreted in the time that it takes to see whether they can be repeated

Slots = list[Any]
Operation = tuple[Callable[..., Any], int, int]  # of two slots, of one (the second is -1), or of all (both are)
Recipe = Callable[[Slots, list[Any]], Any]  # finds a value among the slots, or among the lists that were made


class Step(NamedTuple):
    """Something that a verse does: what came of it, how to do it again, and with what."""

    result: Any
    do: Callable[..., Any]
    operands: Sequence[Any]
    span: Span | None
    way: Way


class Verse:
    """What a refrain did once, ready to be done again with other numbers.

    What it is given stands in the first slots, then come the literals, and each operation fills the next one. What is
    off the tape stands there as the plain number or tensor.

    Attributes
    ----------
    usable : bool
        Whether it can be done again.
    readings : list of Reading
        The names that it reads; those of ``single`` nodes, or numbers off the tape, come first.
    operations : list of Operation
    given : list
        What it was given when it was last repeated.
    slots : list
        What its slots held in the end.
    off_again : list of (OffTape, int)
        What it then made that is off the tape, and the slot of each.
    literals_bound : dict
        The literals that it gives names; MISSING for what is none.
    """

    def __init__(self, machine: Bindings, execute: Act) -> None:
        self.given: Slots = []
        self.slots: Slots = []
        self.off_again: list[tuple[OffTape, int]] = []
        self.machine, self.scope, self.off = machine, machine.scope, machine.off
        self.readings: list[Reading] = []
        self.operations: list[Operation] = []
        self.first_span, self.first_call = len(machine.spans), len(machine.calls)
        names, last = len(machine.names), machine.last
        self.unpaid, steps = self.first_span - machine.paid, machine.steps_left
        with Journal(machine.recording, machine.scope, self.reads) as journal:
            machine.journal = journal
            try:
                execute()
            finally:
                machine.journal = None
        self.steps = steps - machine.steps_left
        self.usable = not journal.spoiled
        try:
            if self.usable:
                self.learn_steps(journal)
                self.learn_traces(journal, names, last)
        except UnfitError:
            self.usable = False

    def reads(self, name: str, value: Any) -> bool:
        """Take note of what a name stands for when it is first read; say whether that can be done."""
        try:
            self.readings.append(Reading(name, value, self.machine, self.scope))
        except UnfitError:
            return False
        return True

    # Learning

    def learn_steps(self, journal: Journal) -> None:
        """Give every value its slot, and list what fills the slots."""
        steps = list(self.steps_of(journal))
        self.readings.sort(key=lambda each: (len(each.parts), not each.places))  # what is soon looked at first
        self.single = [each.name for each in self.readings if each.is_single]
        self.kinds = [each.kinds[0] for each in self.readings if each.is_single]
        self.others = [each for each in self.readings if not each.is_single]
        self.read_literals = [each for each in self.readings if each.is_literal]
        slots: dict[int, int] = {}
        self.same: list[tuple[int, int]] = []  # places where one and the same thing stood
        older = {id(entry.result): entry.operands[0] for entry in journal.entries if isinstance(entry.result, Node)}
        given = [reading.parts[place][2] for reading in self.readings for place in reading.places]
        for number, value in enumerate(given):
            while id(value) in older:  # it was updated before it was read
                value = given[number] = older[id(value)]
        for number, value in enumerate(given):
            first = slots.setdefault(id(value), number)
            if first != number:
                self.same.append((first, number))
        self.distinct = len(slots)
        literals = {id(x): x for step in steps for x in step.operands if not isinstance(x, (Node, OffTape))}
        self.literals = list(literals.values())
        filled = [*literals, *(id(step.result) for step in steps)]
        slots |= {key: number for number, key in enumerate(filled, len(given))}
        self.slot_numbers = slots
        self.holding = [(reading.name, reading.held) for reading in self.readings if older]
        self.ways = [(step.way, step.do, tuple(map(self.slot_of, step.operands))) for step in steps]
        self.operations = [self.operation(do, at) for _, do, at in self.ways]
        self.places = [step.span for step in steps]
        self.off_tape = [number for number, value in enumerate(given) if isinstance(value, OffTape)]
        asked = [(self.slot_of(node), answer) for node, answer in journal.reached]
        self.asked = [slot for slot, _ in asked if slot < len(given)]
        self.answers = [answer for slot, answer in asked if slot < len(given)]

    def slot_of(self, value: Any) -> int:
        """Return in which slot a value stands."""
        try:
            return self.slot_numbers[id(value)]
        except KeyError:
            raise UnfitError from None

    def steps_of(self, journal: Journal) -> Iterator[Step]:
        """Yield what was done, in order: what the tape has of it, and what the journal has."""
        updates = {id(entry.result): entry for entry in journal.entries if isinstance(entry.result, Node)}
        others = [entry for entry in journal.entries if not isinstance(entry.result, Node)]
        others.reverse()
        nodes = journal.nodes()
        if len(nodes) != len(self.machine.spans) - self.first_span:
            raise UnfitError
        for count, node in enumerate(nodes, journal.first):
            while others and others[-1].made <= count:
                yield Step(*others.pop()[1:])
            yield (
                Step(*updates[id(node)][1:])
                if id(node) in updates
                else self.step_of(node, self.machine.spans[count - self.machine.passed_over])
            )
        for entry in reversed(others):
            yield Step(*entry[1:])

    def step_of(self, node: Node, span: Span | None) -> Step:
        """Return how to record a node again."""
        recording, gate, value, params = self.machine.recording, node.gate, node.value, node.params
        operands = node.operands
        if not operands and gate in (INPUT, CONSTANT):
            return Step(node, lambda _: recording.leaf(value, gate), (), span, RECORD)
        record = recording.recorders[(gate, *map(type, operands))] if len(operands) <= 2 else None
        if record is not None:
            return Step(node, partial(record, params=params) if params else record, operands, span, RECORD)
        return Step(node, lambda _, *given: recording.apply_row(gate, given, params), operands, span, RECORD)

    def operation(self, do: Callable[..., Any], at: Sequence[int]) -> Operation:
        """Return what fills the slot of a step that takes its operands from these slots."""
        if 1 <= len(at) <= 2:
            return do, at[0], at[1] if len(at) == 2 else -1
        recording = self.machine.recording
        return (lambda slots: do(recording.current, *[slots[each] for each in at])), -1, -1

    def learn_traces(self, journal: Journal, names: int, last: Any) -> None:
        """List what is left behind besides nodes: spans, calls, names, and what is bound to them."""
        machine = self.machine
        self.spans = machine.spans[self.first_span :]
        self.first_node = journal.first
        self.calls = [
            (call, None if call.result is None else self.slot_of(call.result))
            for call in machine.calls[self.first_call :]
        ]
        self.names = [(self.slot_of(node), name) for node, name in islice(machine.names.items(), names, None)]
        if any(machine.names.get(node) != name for node, name in self.named_before()):
            raise UnfitError  # a call gave a node a name that counts for more
        self.builders: list[Callable[[Slots, list[Any]], Any]] = []
        self.made: dict[int, int] = {}  # the lists that were made, by id
        self.lists = [(id(part), reading, i) for reading in self.readings for i, part in enumerate(reading.lists)]
        given = [(name, self.scope[name]) for name in journal.written]
        self.bound = [(name, self.recipe(value), machine.is_held(name, value, self.scope)) for name, value in given]
        self.literals_bound = {
            name: MISSING if isinstance(value, (Node, OffTape, list, tuple)) else value for name, value in given
        }
        self.last = (
            None if machine.last is last or machine.last is None else (self.recipe(machine.last[0]), machine.last[1])
        )

    def named_before(self) -> Iterator[tuple[Node, Any]]:
        """Yield the nodes that are given and have a name, with the name."""
        for reading in self.readings:
            for place, kind in zip(reading.places, reading.kinds):
                if kind[0] is not OffTape and kind[2] is not None:
                    yield reading.parts[place][2], kind[2]

    def recipe(self, value: Any) -> Recipe:
        """Return how to find a value again that a name was given."""
        if isinstance(value, (Node, OffTape)):
            slot = self.slot_of(value)
            on_tape = isinstance(value, Node)
            return lambda slots, made: slots[slot] if on_tape else self.taken_off(slots, slot)
        if not isinstance(value, (list, tuple)):
            return lambda slots, made: value
        found = [(reading, number) for key, reading, number in self.lists if key == id(value)]
        if len(found) > 1:
            raise UnfitError  # the next time these may be several lists
        if found:
            ((reading, number),) = found
            return lambda slots, made: reading.lists[number]
        if id(value) not in self.made:
            kind, parts = type(value), list(map(self.recipe, value))
            self.made[id(value)] = len(self.builders)
            self.builders.append(lambda slots, made: kind([part(slots, made) for part in parts]))
        place = self.made[id(value)]
        return lambda slots, made: made[place]

    def taken_off(self, slots: Slots, slot: int) -> OffTape:
        """Return what is off the tape, made again."""
        made = OffTape(slots[slot])
        self.off_again.append((made, slot))
        return made

    # Repeating

    def fitting(self) -> Slots | None:
        """Return what the verse is given now; None if it cannot be repeated with that."""
        machine = self.machine
        unpaid = len(machine.spans) - machine.paid
        if machine.off != self.off or unpaid != self.unpaid or machine.steps_left < self.steps:
            return None
        found = self.given_now()
        if found is None:
            return None
        if any(machine.is_held(name, self.scope.get(name), self.scope) is not held for name, held in self.holding):
            return None
        if len(set(map(id, found))) != self.distinct or any(found[i] is not found[j] for i, j in self.same):
            return None
        swept = machine.swept
        reached = [found[slot].total is not None and found[slot].home >= swept > 0 for slot in self.asked]
        if reached != self.answers:
            return None
        return found

    def given_now(self) -> Slots | None:
        """Return what stands now where the verse reads; None if that has another structure."""
        machine, names, get = self.machine, self.machine.names, self.machine.scope.get
        found = [get(name, MISSING) for name in self.single]
        kinds = [
            (Scalar, each.gate is INPUT, names.get(each)) if each.__class__ is Scalar else kind_of(each, names)
            for each in found
        ]
        if kinds != self.kinds or not machine.newer.keys().isdisjoint(found):
            return None
        for reading in self.others:
            given = reading.given(get(reading.name, MISSING))
            if given is None:
                return None
            found += given
        return found

    def fits_literals(self, scope: Scope) -> bool:
        """Whether the literals that it reads are the same."""
        return all(same_literal(scope.get(each.name, MISSING), each.root) for each in self.read_literals)

    def repeat(self, slots: Slots) -> None:
        """Do it again, with other numbers in the first slots."""
        machine, recording = self.machine, self.machine.recording
        first_node, first_call, first_span = recording.node_count, len(machine.calls), len(machine.spans)
        self.given, self.slots, self.off_again = list(slots), slots, []
        for slot in self.off_tape:
            slots[slot] = slots[slot].value
        slots += self.literals
        self.operate(slots, recording)
        machine.steps_left -= self.steps
        machine.spans[first_span:] = self.spans
        machine.paid = len(machine.spans)
        nodes, calls = first_node - self.first_node, first_call - self.first_call
        for call, result in self.calls:
            machine.calls.append(
                call._replace(
                    caller=None if call.caller is None else call.caller + calls,
                    start=call.start + nodes,
                    stop=call.stop + nodes,
                    result=None if result is None else slots[result],
                )
            )
        for slot, called in self.names:
            machine.names.pop(slots[slot], None)  # what was updated has its name, and their order counts versions
            machine.names[slots[slot]] = called
        made: list[Any] = []
        for build in self.builders:
            made.append(build(slots, made))
        for name, recipe, held in self.bound:
            machine.call_again(name, recipe(slots, made), held=held)
        if self.last is not None:
            machine.last = (self.last[0](slots, made), self.last[1])

    def operate(self, slots: Slots, recording: Recording) -> None:
        """Fill the slots of the results."""
        fill, first = slots.append, len(slots)
        try:
            for do, i, j in self.operations:
                if j >= 0:
                    fill(do(recording.current, slots[i], slots[j]))
                elif i >= 0:
                    fill(do(recording.current, slots[i]))
                else:
                    fill(do(slots))
        except GateError as error:
            span = self.places[len(slots) - first]
            raise ProgramError(str(error), self.machine.program, span or Span(1, 1, 1, 1)) from None


class Refrain:
    """Statements of a loop that no value can steer.

    Attributes
    ----------
    verses : list of Verse
        What they did, for each structure of what they were given.
    next : int
        The verse that is likely to be repeated next: loops go round.
    tries : int
        How many more verses may be learned: a few, and more with every one that is repeated.
    credit : int
        What is left of ``CREDIT``; every verse that is repeated restores some.
    fewest : int
        How many operations make it worth while to learn a verse.
    repeated : Verse or None
        The one that was repeated this time.
    """

    def __init__(self, machine: Bindings, execute: Act) -> None:
        self.machine, self.execute = machine, execute
        self.fewest = FEWEST
        self.repeated: Verse | None = None
        self.verses: list[Verse] = []
        self.next = 0
        self.tries = PATIENCE
        self.credit = CREDIT

    def __call__(self) -> str | None:
        """Repeat a verse that fits; else interpret the statements, and learn one if it makes sense."""
        machine, self.repeated = self.machine, None
        if machine.pending is not None:
            machine.pending.settle()
        if machine.journal is not None or machine.under_way or self.credit <= 0:
            return self.execute()
        walked = machine.walked
        for place in (*range(self.next, len(self.verses)), *range(self.next)):
            slots = self.verses[place].fitting()
            if slots is not None:
                self.repeated = self.verses[place]
                self.repeated.repeat(slots)
                self.next = place + 1
                self.tries = min(self.tries + PATIENCE, MOST_VERSES - len(self.verses))
                self.credit = min(self.credit + 2, CREDIT)
                return None
        if not self.tries or machine.operations_left <= 0:
            self.credit -= 1 + (machine.walked - walked) // WALK
            return self.execute()
        self.learn()
        return None

    def learn(self) -> None:
        """Interpret the statements, and learn a verse from it."""
        self.tries -= 1
        verse = Verse(self.machine, self.execute)
        if verse.usable and len(verse.operations) >= self.fewest:
            self.verses.append(verse)
            self.next = 0
            self.machine.operations_left -= len(verse.operations)
