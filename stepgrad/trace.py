"""The trace: what happened, step by step, as an immutable sequence of events.

Nothing is stored as events. The tape has the nodes with their locals, the sweep wrote down the
totals; an event is put together from these when somebody looks at it, in any order.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from math import isfinite, sqrt
from typing import Any, NamedTuple, NoReturn

from stepgrad.columns import Columns, tell
from stepgrad.equality import same
from stepgrad.errors import InputError
from stepgrad.events import Event
from stepgrad.ops import INPUT
from stepgrad.repeats import Pattern
from stepgrad.sequences import Made
from stepgrad.steps import Steps
from stepgrad.straightline import Straightline
from stepgrad.stretch import PassSummary, Stretch
from stepgrad.stretches import Placed, Summaries
from stepgrad.tape import Node, Printed
from stepgrad.tensor import flat, nested


class Losses(NamedTuple):
    """The outputs of the passes of which they are numbers.

    Attributes
    ----------
    numbers : array of int
        Those of the passes, counted from 1.
    values : array of float
    low, high : float
        The least and the largest that is finite.
    """

    numbers: array[int]
    values: array[float]
    low: float
    high: float


class Trace(Steps, Made[Event]):
    """An immutable sequence of events, with its program.

    ``len``, indexing, slicing and iteration work as for a list; ``str`` is the text export. Two traces are equal
    if they have the same program and all their numbers are equal to the bit, nan being equal to nan. What it is made
    of, and what is known at a step, :class:`stepgrad.contents.Contents` and :class:`stepgrad.steps.Steps` tell.
    """

    has = "the trace has {} events"
    along = ""  # by what tangents are derivatives, in a trace that ends in a forward-mode sweep

    def __len__(self) -> int:
        return self._length

    def at(self, index: int) -> Event:
        """Return the event with an index from 0 on."""
        return self._event(index)

    def __iter__(self) -> Iterator[Event]:
        for part in self.stretches.parts:
            if isinstance(part, Stretch):
                yield from self.told(part)
            else:
                columns = self.columns.get(part.pattern)
                each = chain.from_iterable(map(self.told, part.each(None, range(part.count))))
                yield from each if columns is None else tell(self, part, columns)

    def __copy__(self) -> Trace:
        return self

    def __deepcopy__(self, memo: object) -> Trace:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a trace cannot be pickled; stepgrad.save(trace, 'FILE.jsonl') keeps every bit of it")

    def __contains__(self, event: object) -> bool:
        # An event knows its step, so it is looked for there; nan is equal to nan.
        return isinstance(event, Event) and 0 < event.step <= len(self) and same(self[event.step - 1], event)

    def index(self, event: object, start: int = 0, stop: int | None = None) -> int:
        """Return the index of an event, where it lies between ``start`` and ``stop``.

        Raises
        ------
        ValueError
            If it does not, or is no event of this trace.
        """
        if isinstance(event, Event) and event.step - 1 in range(len(self))[start:stop] and event in self:
            return event.step - 1
        raise ValueError("this is no event of the trace, or not where it is looked for")

    def count(self, event: object) -> int:
        """Return how many times an event is in the trace: once, or not at all."""
        return int(event in self)

    @cached_property
    def columns(self) -> dict[Pattern, Columns]:
        """What tells all passes of a pattern, where that is written out."""
        return {pattern: Columns(written) for pattern, written in self.stretches.written.items()}

    def __str__(self) -> str:
        from stepgrad.formats.text import text

        return "\n".join(text(self))

    def __repr__(self) -> str:
        return f"<Trace of {len(self)} events>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        if self is other:
            return True
        outside = [(each.program, each.number, len(each), each.node_count, each.output) for each in (self, other)]
        return (
            outside[0] == outside[1]
            and all(map(same, self._outline(), other._outline()))
            and all(self._name_of(index) == other._name_of(index) for index in range(self.node_count))
            and all(same(x.params, y.params) for x, y in zip(self.nodes(), other.nodes(), strict=True))
            and all(map(same, self, other))
        )

    def __hash__(self) -> int:
        return hash((self.program, len(self)))

    def _outline(self) -> Iterator[Any]:
        # What neither events nor nodes tell: where passes begin and end, the calls, the result.
        yield len(self.stretches), len(self.calls), None if self.result is None else self.index_of(self.result)
        yield from map(self.stretches.bounds, range(len(self.stretches)))
        yield from ((*call[:-1], self.returned(number)) for number, call in enumerate(self.bare_calls))

    @property
    def output(self) -> str:
        """The name of the last output."""
        return self.output_name()

    def output_name(self, *, ascii_only: bool = False) -> str:
        """Return the name of the last output, without its version; empty for an empty trace."""
        return "" if self.result is None else self.bare_name(self.index_of(self.result), ascii_only=ascii_only)

    @property
    def value(self) -> Any:
        """The value of the last output: a number, or nested lists."""
        return None if self.result is None else nested(self._value(self.result, self.result.index))

    @property
    def grads(self) -> dict[str, Any]:
        """The gradients that the last backward sweep found, by name, of every input.

        Numbers or nested lists; 0 where the output does not depend on the input.
        """
        found = zip(self.input_names(), self.inputs, strict=True)
        return {name: nested(self.gradient(index, len(self))) for name, index in found}

    def input_names(self, *, ascii_only: bool = False) -> list[str]:
        """Return the names of ``inputs``, without their versions where that is clear."""
        bare = [self.bare_name(index, ascii_only=ascii_only) for index in self.inputs]
        shown = [self.name(index, ascii_only=ascii_only) for index in self.inputs]
        times = Counter(bare)
        return [text if times[text] == 1 else name for text, name in zip(bare, shown, strict=True)]

    @cached_property
    def inputs(self) -> list[int]:
        """The indices of the inputs, in order: of one with several versions, those that the last sweep reached.

        If it reached none of them, the last one.
        """
        last: dict[object, int] = {}
        several = set()
        for index in self._given():
            key = self.text_of(index) or index
            if key in last:
                several.add(key)
            last[key] = index
        reached: dict[object, list[int]] = {}
        for index in self._taking_part_at_the_end() if several else ():
            if self.text_of(index) in several and self.gradient_at(index, len(self)) is not None:
                reached.setdefault(self.text_of(index), []).append(index)
        return [each for key, index in last.items() for each in reached.get(key, [index])]

    def _given(self) -> Iterator[int]:
        # The inputs in order; of those that repeated passes call by names, the first and the last.
        for part in self.stretches.parts:
            if isinstance(part, Placed):
                yield from part.given
            else:
                yield from (index for index, node in enumerate(part.made, part.first_node) if node.gate is INPUT)

    def _taking_part_at_the_end(self) -> list[int]:
        # The inputs that can have a gradient at the end.
        nodes = (node for each in self.stretches[-2:] for node in (*each.recorded.leaves, *each.made))
        return sorted({self.index_of(node) for node in nodes if node.gate is INPUT})

    @property
    def printed(self) -> list[str]:
        """What the program printed, line by line."""
        kept = (each.recorded for each in self.stretches.parts if isinstance(each, Stretch))
        marks = (mark for each in kept for mark in (*(mark for _, mark in each.marks), *each.tail))
        return [each.text for each in marks if isinstance(each, Printed)]

    @property
    def updated(self) -> dict[str, Any]:
        """What the inputs that were updated hold at the end, by name."""
        last: dict[str, Any] = {}
        for part in self.stretches.parts:
            for index, value in part.given_last:
                name = self._names.get(index)
                if name is not None:
                    last[name.text] = value
        return {name: nested(value) for name, value in last.items()}

    @cached_property
    def passes(self) -> Sequence[PassSummary]:
        """The passes in order."""
        return Summaries(len(self.stretches), self.summary)

    @cached_property
    def losses(self) -> Losses:
        """The numbers from which passes went backward, as a curve."""
        numbers, values = array("q"), array("d")
        for first, part in zip(self.stretches.numbers, self.stretches.parts, strict=True):
            if isinstance(part, Placed):
                numbers.extend(range(first + 1, first + 1 + part.count))
                values.extend(part.repeats.outputs)
            else:
                value = self.summary(first).value
                if not isinstance(value, (list, type(None))):
                    numbers.append(first + 1)
                    values.append(float(value))
        finite = array("d", filter(isfinite, values)) or [0.0]
        return Losses(numbers, values, min(finite), max(finite))

    def summary(self, number: int) -> PassSummary:
        """Say of a pass, counted from 0, what it found and where its steps are."""
        first, seed, tail, end, _ = self.stretches.bounds(number)
        part, k = self.stretches.place(number)
        if isinstance(part, Placed):
            value = part.repeats.outputs[k]
        else:
            output = part.recorded.output
            value = None if output is None else nested(self._value(output, output.index))
        return PassSummary(number + 1, value, range(first, seed), range(seed, tail), range(tail, end))

    @property
    def last_sweep(self) -> Stretch:
        """The pass that was swept last, as the tape has it.

        Raises
        ------
        InputError
            If no pass has a backward sweep.
        """
        number, output = self.last_pass
        if output is not self.stretches[number].recorded.output:
            raise InputError("this trace has no backward sweep; run the program with one")
        return self.stretches[number]

    @property
    def last_pass(self) -> tuple[int, Node]:
        """The number, from 0, of the pass that was swept last, or else of the last one, and its output.

        Raises
        ------
        InputError
            If the output depends on no input.
        """
        number = self.stretches.last_swept
        output = None if number is None else self.stretches[number].recorded.output
        if number is not None and output is not None:
            return number, output
        if self.result is None or not self.result.flows:
            raise InputError("the output depends on no input, so it has no derivatives; compute it from one")
        return len(self.stretches) - 1, self.result

    @property
    def kept(self) -> dict[str, Any]:
        """What a trace of some of the same passes is made with."""
        return {
            "number": self.number,
            "program": self.program,
            "names": self._names,
            "spans": self._spans,
            "calls": self._calls,
            "history": self._history,
        }

    def straightline(self, number: int = -1) -> Straightline:
        """Return a pass, counted from 1 or from the end by -1, as straight-line code that takes other values.

        Raises
        ------
        InputError
            If there is no such pass.
        """
        count = len(self.stretches)
        if number == 0 or not -count <= number <= count:
            raise InputError(f"there is no pass {number}; this trace has {count}, counted from 1")
        stretch = self.stretches[number - 1 if number > 0 else number]
        straight = Straightline(stretch.recorded, self.number)
        indices = [self.index_of(node) for node in straight.givens]
        bare = [self.bare_name(index) for index in indices]
        times = Counter(bare)
        straight.names = {
            node: name if times[name] == 1 else self.name(index)
            for node, index, name in zip(straight.givens, indices, bare)
        }
        return straight

    def stretch(self, number: int) -> Stretch:
        """Return what the tape has of a pass, counted from 1."""
        return self.stretches[number - 1]

    def norms(self, number: int) -> dict[str, float]:
        """Return how long the gradient of every input is that a pass, counted from 1, sent one to, by name."""
        summary, stretch = self.passes[number - 1], self.stretches[number - 1]
        reached = [node for node in stretch.edges.arrivals if node.gate is INPUT]
        lengths = {node: stretch.gradient(node, summary.backward.stop) for node in reached}
        return {
            self.bare_name(self.index_of(node)): sqrt(sum(float(x) * float(x) for x in flat(gradient)))
            for node, gradient in sorted(lengths.items(), key=lambda each: each[0].index)
        }
