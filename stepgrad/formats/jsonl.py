"""JSON Lines, the lossless form: a header, then one flat object per event, all with the same keys.

``docs/FORMAT.md`` says what every field means, and :mod:`stepgrad.loader` reads it back. A trace has a
million events as easily as thirty: those of most passes are told step by step (:mod:`stepgrad.formats.rows`), those of
passes that repeat a pattern by stencils (:mod:`stepgrad.formats.stencils`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import Any
from zlib import crc32

from stepgrad.called import Counted
from stepgrad.columns import Paths
from stepgrad.errors import FormatError
from stepgrad.formats.alike import is_usual, suits
from stepgrad.formats.rows import Rows
from stepgrad.formats.spelling import (
    spell_text,
)
from stepgrad.formats.stencils import Stencils, spelled_paths
from stepgrad.numeric import NUMBER_TYPES
from stepgrad.repeats import Pattern
from stepgrad.stretches import Placed
from stepgrad.tensor import Tensor
from stepgrad.trace import Trace

LONGEST = 6_000  # steps of a pass of which the lines are kept, cut up, for others like it
FORMAT, FORMAT_VERSION = "stepgrad trace", 1
HEADER_KEYS = (
    "format", "format_version", "number", "program", "filename", "output", "result", "steps", "nodes", "passes",
    "given", "asked", "calls",
)  # fmt: skip
KEYS = (
    "step", "pass", "kind", "node", "name", "version", "gate", "params", "operands", "literals", "value", "slot",
    "operand", "upstream", "local", "product", "total", "first", "old", "change", "text", "note", "line", "column",
    "end_line", "end_column", "path", "changes",
)  # fmt: skip


def jsonl(trace: Trace) -> Iterator[str]:
    """Yield the header, then one line an event.

    Raises
    ------
    FormatError
        If a value of the trace was computed before it began, from operands that hold other values since: such
        a trace could not be checked. Or if its numbers are decimals, which files do not have.
    """
    if trace.number not in NUMBER_TYPES.values():
        raise FormatError(f"the format 'jsonl' has no {trace.number.name}; run with number=float, or save as text")
    return Lines(trace).lines()


class Lines(Rows):
    """The lines of one trace."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self.stencils: dict[Pattern, Stencils] = {}

    def lines(self) -> Iterator[str]:
        """Yield the lines, each closed with the checksum of all up to it."""
        return chain.from_iterable(self.parts())

    def header(self) -> str:
        """Return the first line, not yet closed."""
        trace, program = self.trace, self.trace.program
        result = None if trace.result is None else trace.index_of(trace.result)
        given = ",".join(f"[{spell_text(name)},{self.array(value)}]" for name, value in trace.given.items())
        fields = (
            spell_text(FORMAT),
            FORMAT_VERSION,
            spell_text(self.number.kind.__name__),
            spell_text(None if program is None else program.text),
            spell_text(None if program is None else program.filename),
            spell_text(trace.output),
            json.dumps(result),
            len(trace),
            trace.node_count,
            len(trace.stretches),
            f"[{given}]",
            spell_text(trace.asked),
            f"[{','.join(map(self.call, count(), trace.bare_calls))}]",
        )
        return "{" + ",".join(f'"{key}":{text}' for key, text in zip(HEADER_KEYS, fields, strict=True))

    def call(self, number: int, call: Any) -> str:
        """Spell a call of a function: name, span, caller, the first node and the one after its last, the result."""
        result, caller = ("null" if each is None else each for each in (self.trace.returned(number), call.caller))
        span = ",".join(map(str, call.span))
        return f"[{spell_text(call.name)},{span},{caller},{call.start},{call.stop},{result}]"

    def parts(self) -> Iterator[Iterable[str]]:
        """Yield all lines as a few iterators: a generator around them all would cost as much again."""
        yield [self.closed(self.header())]
        stretches = self.trace.stretches
        for first, part in zip(stretches.numbers, stretches.parts, strict=True):
            if isinstance(part, Placed):
                yield from self.repeated(part, first + 1)
            else:
                yield from self.whole(part, first + 1)

    def repeated(self, placed: Placed, first: int) -> Iterator[Iterable[str]]:
        """Yield the lines of repeated passes: the first is told, and becomes the stencil of the others."""
        trace, pattern, numbers = self.trace, placed.pattern, range(first, first + placed.count)
        columns, names, written = suits(trace, placed, LONGEST), trace.called, trace.stretches.written.get(pattern)
        if columns is None or not isinstance(names, Counted):
            for number, stretch in zip(numbers, placed.each(written, range(placed.count))):
                yield from self.whole(stretch, number)
            return
        paths, spell = Paths(trace, placed), self.fresh if columns.has_tensors else repr
        for k, number in enumerate(numbers):
            found = columns.found(placed, k)
            if found is not None and is_usual(found, columns) and pattern in self.stencils:
                texts = spelled_paths(trace, paths, k)
                yield self.sealed(self.stencils[pattern].lines(placed, k, number, found, texts))
                continue
            (stretch,) = placed.each(written, [k])
            lines = list(chain.from_iterable(self.whole(stretch, number)))
            if found is not None and is_usual(found, columns):
                self.stencils[pattern] = Stencils(names, columns, lines, KEYS, spell)
            yield lines

    def fresh(self, number: Any) -> str:
        """Spell a finite number, a tensor of such, or a map by its formula; none of them is likely to come again."""
        if isinstance(number, Tensor):
            return self.tensors.spelled(number)
        return repr(number) if isinstance(number, float) else self.texts[number.formula]

    def sealed(self, lines: Iterable[str]) -> Iterator[str]:
        """Close lines, each with the checksum of all up to it."""
        checksum = self.checksum
        for line in lines:
            checksum = crc32(line.encode(), checksum)
            yield f'{line},"crc":{checksum}}}'
        self.checksum = checksum
