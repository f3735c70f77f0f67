"""Rows: the lines of JSON Lines that tell the steps of a pass.

Nearly all lines are one f-string: the events are never made, floats are spelled once as long as they come again, and
nothing but the arrivals of a sweep is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any
from zlib import crc32

from stepgrad.contents import Told
from stepgrad.equality import same
from stepgrad.errors import FormatError
from stepgrad.events import read_name
from stepgrad.formats.spelling import (
    CHECKSUM,
    MANY,
    Floats,
    Remembered,
    Tensors,
    spell_edge_gate,
    spell_gate,
    spell_number,
    spell_params,
    spell_span,
    spell_tensor,
    spell_text,
)
from stepgrad.gate import Local
from stepgrad.linear import LinearMap
from stepgrad.notes import Doubts, forward_note
from stepgrad.numeric import FLOAT
from stepgrad.scopes import UnderWay
from stepgrad.steps import change_of
from stepgrad.stretch import Entry, Stretch
from stepgrad.tape import Node, Printed, Updated
from stepgrad.tensor import Array, Tensor
from stepgrad.trace import Trace

NO_EDGE = (
    ',"slot":null,"operand":null,"upstream":null,"local":null,"product":null,"total":null,"first":null,"old":null,'
    '"change":null,"text":null,"note":'
)
UNNAMED = '"name":null,"version":null'


NOWHERE = spell_span(None)
FIRST_EDGE, LATER_EDGE = (
    f',"first":{first},"old":null,"change":null,"text":null,"note":null,{NOWHERE},"path":null,"changes":null'
    for first in ("true", "false")
)


class Rows:
    """The lines of the passes of one trace, each closed with the checksum of all up to it."""

    told: Told  # where names and spans are found in the stretch at hand

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.number = trace.number
        self.spelled = Floats() if trace.number is FLOAT else Remembered(spell_number)
        self.spans = Remembered(spell_span)
        self.texts = Remembered(spell_text)
        self.gates = Remembered(spell_gate)
        self.edges = Remembered(spell_edge_gate)
        self.doubts = Doubts(self.number)
        self.foreign = trace.foreign
        self.waiting = trace.changes[::-1]
        self.moved = {node for _, node, _ in self.waiting}
        self.places: dict[Node, int] = {}
        self.tensors = Tensors()
        self.checksum = 0
        self.under_way = UnderWay(trace.bare_calls)
        self.path_text = "[]"
        self.shift = trace.shift

    def named(self, node: Node) -> str:
        """Spell the two fields of a node's name."""
        name = self.told.name(node.index)
        if name is None:
            return UNNAMED
        return f'"name":{self.texts.known.get(name.text) or self.new_name(name)},"version":{name.version}'

    def new_name(self, name: Any) -> str:
        """Spell a name for the first time, if it is read back as it is."""
        if read_name(name.text, name.version) != name:
            raise FormatError(f"the name {name.text!r} would be read as that of another derivative; choose another")
        return self.texts.new(name.text)

    def closed(self, line: str) -> str:
        """Close a line with the checksum of all up to it."""
        self.checksum = crc32(line.encode(), self.checksum)
        return f'{line},"{CHECKSUM}":{self.checksum}}}'

    def whole(self, stretch: Stretch, number: int) -> Iterator[Iterable[str]]:
        """Yield the lines of a pass, whatever happened in it."""
        self.told = self.trace.told_in(stretch)
        if stretch.recorded.marks:
            forward = map(stretch.forward_entry, range(stretch.seed_step - stretch.first_step))
            yield from self.mixed(forward, stretch.first_step + 1, number)
        else:
            yield self.forwards(stretch.nodes, stretch.first_step + 1, number)
        if stretch.recorded.output is not None:
            yield self.backward(stretch, number)
        yield from self.mixed(stretch.recorded.tail, stretch.tail_step + 1, number)

    def mixed(self, entries: Iterable[Entry], step: int, number: int) -> Iterator[Iterable[str]]:
        """Yield the lines of what is neither a seed nor an edge, runs of one kind together."""
        for kind, run in groupby(entries, type):
            found: list[Any] = list(run)
            write = self.updates if kind is Updated else self.printed if kind is Printed else self.forwards
            yield write(found, step, number)
            step += len(found)

    def printed(self, entries: Iterable[Printed], first: int, number: int) -> Iterator[str]:
        """Yield what was printed."""
        for step, entry in enumerate(entries, first):
            yield self.closed(
                f'{{"step":{step},"pass":{number},"kind":"print","node":null,"name":null,"version":null,"gate":null,'
                '"params":null,"operands":null,"literals":null,"value":null,"slot":null,"operand":null,"upstream":null,'
                '"local":null,"product":null,"total":null,"first":null,"old":null,"change":null,'
                f'"text":{spell_text(entry.text)},"note":null,{spell_span(entry.span)},"path":null,"changes":null'
            )

    def forwards(self, nodes: Iterable[Node], first: int, number: int) -> Iterator[str]:
        """Yield forward steps."""
        known, known_span, known_gate = self.spelled.known.get, self.spans.known.get, self.gates.known.get
        new, new_span, new_gate = self.spelled.new, self.spans.new, self.gates.new
        known_text, new_name, array = self.texts.known.get, self.new_name, self.array
        (called, places, before), foreign, shift = self.told, self.foreign, self.shift or 0
        moved, scattered, has_calls = self.moved, self.shift is None, bool(self.trace.calls)
        has_place = len(places) + before
        begin, checksum, path, changes = f',"pass":{number},"kind":"forward","node":', self.checksum, "[]", "null"
        for step, node in enumerate(nodes, first):
            index = self.index(node) if scattered else node.index + shift
            name, place = called(node.index), places[index - before] if index < has_place else None
            if name is None:
                named = UNNAMED
            else:
                named = f'"name":{known_text(name.text) or new_name(name)},"version":{name.version}'
            if has_calls:
                path = self.path(index)
            a, b, gate, value, more = node.a, node.b, node.gate, node.value, node.more
            if moved:
                changes = self.changed(node)
                value = self.trace.saw(node, node) if node in moved else value
            if foreign and node in foreign and node.operands:
                self.check_foreign(node, value)
            if a is None:
                operands = '[],"literals":null'
            elif scattered or more is not None:
                operands = self.operands(node.operands)
            elif b is None and isinstance(a, Node):
                operands = f'[{a.index + shift}],"literals":null'
            elif isinstance(a, Node) and isinstance(b, Node):
                operands = f'[{a.index + shift},{b.index + shift}],"literals":null'
            elif isinstance(a, Node) and type(b) is float:
                operands = f'[{a.index + shift},null],"literals":[null,{known(b) or new(b)}]'
            else:
                operands = self.operands((a,) if b is None else (a, b))
            by_gate, span = known_gate(gate) or new_gate(gate), known_span(place) or new_span(place)
            params = spell_params(gate, node.params) if gate.params else "null"
            text, note = repr(value) if type(value) is float else array(value), "null"
            if "n" in text:  # nan or inf
                text, note = array(value), self.left(node, value)
            line = (
                f'{{"step":{step}{begin}{index},{named}{by_gate}{params},"operands":{operands},"value":{text}'
                f'{NO_EDGE}{note},{span},"path":{path},"changes":{changes}'
            )
            checksum = crc32(line.encode(), checksum)
            yield f'{line},"crc":{checksum}}}'
        self.checksum = checksum

    def left(self, node: Node, value: Array) -> str:
        """Spell which domain a node has left, if any."""
        return self.texts[forward_note(self.number, node.gate, self.trace.seen(node)[0], value)]

    def operands(self, operands: Sequence[Any]) -> str:
        """Spell which operands are nodes, and the literals among them."""
        indices = ",".join([str(self.index(each)) if isinstance(each, Node) else "null" for each in operands])
        literals = ["null" if isinstance(each, Node) else self.array(each) for each in operands]
        spelled = "null" if literals == ["null"] * len(literals) else f"[{','.join(literals)}]"
        return f'[{indices}],"literals":{spelled}'

    def changed(self, node: Node) -> str:
        """Return which nodes hold another value from this one on, and which: pairs of index and value."""
        if not self.waiting or self.waiting[-1][0] > node.index:
            return "null"
        found = []
        while self.waiting and self.waiting[-1][0] <= node.index:
            _, moved, value = self.waiting.pop()
            found.append(f"[{self.index(moved)},{self.array(value)}]")
        return f"[{','.join(found)}]"

    def check_foreign(self, node: Node, value: Array) -> None:
        """Refuse a value from before the trace that its operands, as the trace shows them, do not give."""
        held = self.trace.seen(node)[0]
        again, locals_ = node.gate.apply(self.number, held, [each is not None for each in node.locals], node.params)
        if not same([again, *locals_], [value, *node.locals]):
            name = self.trace.name(self.index(node))
            raise FormatError(
                f"{name} was computed before the trace began, and its operands hold other values since; "
                "begin the Tape before it is computed"
            )

    def updates(self, entries: Iterable[Updated], first: int, number: int) -> Iterator[str]:
        """Yield updates."""
        known, new, array = self.spelled.known.get, self.spelled.new, self.array
        for step, (node, old, value) in enumerate(entries, first):
            if type(old) is type(value) is float:
                change = value - old
                texts = known(value) or new(value), known(old) or new(old), known(change) or new(change)
            else:
                changed = change_of(old, value)
                texts = array(value), array(old), "null" if changed is None else array(changed)
            index = self.index(node)
            place = index - self.told.before
            span = self.told.spans[place] if place < len(self.told.spans) else None
            yield self.closed(
                f'{{"step":{step},"pass":{number},"kind":"update","node":{index},{self.named(node)},"gate":null,'
                f'"params":null,"operands":null,"literals":null,"value":{texts[0]},"slot":null,"operand":null,'
                f'"upstream":null,"local":null,"product":null,"total":null,"first":null,"old":{texts[1]},'
                f'"change":{texts[2]},"text":null,"note":null,'
                f'{self.spans.known.get(span) or self.spans.new(span)},"path":null,"changes":null'
            )

    def backward(self, stretch: Stretch, number: int) -> Iterator[str]:
        """Yield the seed and the edges: the sweep once more, with the totals that it wrote down."""
        known, new = self.spelled.known.get, self.spelled.new
        local_text: str | None
        upstream: Any
        total: Any
        product: Any
        yield self.closed(self.seed(stretch, number))
        shift, doubts, checksum = self.shift, self.doubts, self.checksum
        known_gate, new_gate, keep = self.edges.known.get, self.edges.new, self.spelled.known
        middle, last = f',"pass":{number},"kind":"backward","node":', None
        for step, (node, slot, operand, upstream, local, total, is_first) in enumerate(
            stretch.taken(), stretch.seed_step + 2
        ):
            if node is not last:
                last, gate = node, node.gate
                if len(keep) > MANY:
                    keep.clear()
                index = self.index(node) if shift is None else node.index + shift
                begin, doubtful = f"{middle}{index}{known_gate(gate) or new_gate(gate)}", doubts[gate]
                up = known(upstream) or new(upstream) if type(upstream) is float else self.array(upstream)
            place = self.index(operand) if shift is None else operand.index + shift
            product = total if is_first else upstream * local
            if isinstance(local, float) and not (product - product or total - total or upstream - upstream):
                # Finite numbers: whatever times 1 is spelled already, and so is the total of a first edge.
                if local == 1.0:
                    local_text, product_text = "1.0", up
                else:
                    product_text, local_text = repr(product), known(local)
                    if local_text is None:
                        local_text = repr(local)
                        if local:
                            keep[local] = local_text
                if is_first:
                    total_text, end = product_text, FIRST_EDGE
                else:
                    total_text, end = repr(total), LATER_EDGE
                if total:
                    keep[total] = total_text
                if doubtful is not None and self.is_doubtful(node, slot):
                    end = self.noted(end, node, slot, upstream, local, product)
            else:
                local_text, product_text, total_text = self.factors(local, product, total)
                end = FIRST_EDGE if is_first else LATER_EDGE
                doubted = doubtful is not None and self.is_doubtful(node, slot)
                if doubted or "n" in up or "n" in product_text:  # a convention; nan or inf
                    end = self.noted(end, node, slot, upstream, local, product)
            line = (
                f'{{"step":{step}{begin}{slot},"operand":{place},"upstream":{up},"local":'
                f'{local_text},"product":{product_text},"total":{total_text}{end}'
            )
            checksum = crc32(line.encode(), checksum)
            yield f'{line},"crc":{checksum}}}'
        self.checksum = checksum

    def seed(self, stretch: Stretch, number: int) -> str:
        """Return the line of a seed, not yet closed."""
        assert stretch.recorded.output is not None
        return (
            f'{{"step":{stretch.seed_step + 1},"pass":{number},"kind":"seed","node":'
            f'{self.index(stretch.recorded.output)},"name":null,'
            '"version":null,"gate":null,"params":null,"operands":null,"literals":null,"value":null,"slot":null,'
            '"operand":null,"upstream":null,"local":null,"product":null,'
            f'"total":{self.array(stretch.recorded.seed)},"first":null,"old":null,"change":null,"text":null,"note":null,'
            f'{NOWHERE},"path":null,"changes":null'
        )

    def factors(self, local: Local, product: Array, total: Array) -> tuple[str, str, str]:
        """Spell what an edge multiplies and adds: a tensor's local by its formula."""
        if isinstance(local, LinearMap):
            local_text = self.texts.known.get(local.formula) or self.texts.new(local.formula)
        else:
            local_text = self.array(local)
        total_text = self.array(total)
        return local_text, total_text if product is total else self.array(product), total_text

    def is_doubtful(self, node: Node, slot: int) -> bool:
        """Whether a convention can have made a local; of what was changed since, this is not known so easily."""
        return not self.moved.isdisjoint((node, node.a, node.b)) or self.doubts.about(node, slot)

    def noted(self, end: str, *edge: Any) -> str:
        """Put a note, if there is one, into the end of an edge."""
        note = self.trace.note_of_edge(*edge)
        return end if note is None else end.replace('"note":null', f'"note":{self.texts[note]}')

    # Parts of lines

    def index(self, node: Node) -> int:
        """Return a node's index in the trace."""
        if self.shift is not None:
            return node.index + self.shift
        found = self.places.get(node)
        if found is None:
            if len(self.places) >= MANY:
                self.places.clear()
            found = self.places[node] = self.trace.index_of(node)
        return found

    def array(self, value: Array) -> str:
        """Spell a number, or a tensor as nested lists; one without numbers by its shape alone."""
        if isinstance(value, Tensor):
            return self.tensors[value] if self.number is FLOAT else spell_tensor(value)
        return self.spelled.known.get(value) or self.spelled.new(value)

    def path(self, node: int) -> str:
        """Spell the calls within which a node was computed; asked for in the order of the nodes."""
        if self.under_way.go_on(node):
            self.path_text = f"[{','.join(map(str, self.under_way.open))}]"
        return self.path_text
