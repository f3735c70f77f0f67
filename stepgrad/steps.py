"""Steps: events, put together from what the tape has when somebody looks; and what is known at a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, NamedTuple

from stepgrad.contents import Contents
from stepgrad.events import Backward, Event, Forward, Print, Seed, Update, unnamed
from stepgrad.gate import Local
from stepgrad.notes import Taken, edge_note, forward_note
from stepgrad.source import Span
from stepgrad.stretch import Edge, Entry, Stretch
from stepgrad.tape import Node, Printed, Updated
from stepgrad.tensor import Array, Tensor, flat, full, shape_of, shaped


class Composite(NamedTuple):
    """A call of a function, seen as one gate.

    Attributes
    ----------
    result : int or None
        The node that it returned.
    operands : tuple of int
        The nodes from outside that it used.
    locals : tuple
        ∂result/∂operand for each, where these are numbers.
    """

    result: int | None
    operands: tuple[int, ...]
    locals: tuple[Any, ...]


class Steps(Contents):
    """The events of a run, and what has arrived where when so many of them have happened."""

    # What is known at a step

    def nodes_at(self, index: int) -> tuple[int, ...]:
        """Return the nodes that the event at an index is about, without making the event.

        A forward event, a seed and an update are about one; an edge is about its node and its operand; what is
        printed is about none.
        """
        stretch = self._stretch(index)
        if not stretch.seed_step <= index < stretch.tail_step:
            return self._entry_nodes(self._entry(stretch, index))
        edge = index - stretch.seed_step - 1
        if edge < 0 and stretch.recorded.output is not None:
            return (self.index_of(stretch.recorded.output),)
        return self.index_of(stretch.edges.nodes[edge]), self.index_of(stretch.edges.operands[edge])

    def path(self, node: int) -> tuple[int, ...]:
        """Return the calls of functions within which a node was computed, outermost first, as indices of ``calls``."""
        calls = self.bare_calls
        if not calls:
            return ()
        call: int | None = self._calls.begun(node) - 1
        found: list[int] = []
        while call is not None and call >= 0:
            if node < calls[call].stop:
                found.append(call)
            call = calls[call].caller
        return tuple(reversed(found))

    def output_at(self, index: int) -> int:
        """Return the index of the node from which the pass with the event at ``index`` goes backward."""
        output = self._stretch(index).recorded.output
        return self.node_count - 1 if output is None else self.index_of(output)

    def gradient_at(self, node: int, happened: int) -> Array:
        """Return what has arrived at a node when ``happened`` events have happened; None if nothing.

        Gradients of a pass are known until the next pass sends its own back.
        """
        k = self.pass_at(happened)
        swept = (each for each in reversed(self.stretches[max(0, k - 2) : k]) if each.recorded.output is not None)
        last = next((each for each in swept if each.seed_step < happened), None)
        found = None if last is None else last.at(self.tape_index(node))
        return None if last is None or found is None else last.gradient(found, happened)

    def totals(self, node: int, index: int) -> list[Array]:
        """Return what a node's gradient is after each edge that brings it something, in the pass of an event."""
        stretch = self._stretch(index)
        here = stretch.at(self.tape_index(node))
        if here is None:
            return []
        found = [stretch.recorded.totals[edge] for edge in stretch.edges.arrivals.get(here, ())]
        return [stretch.recorded.seed, *found] if here is stretch.recorded.output else found

    def gradient(self, node: int, happened: int) -> Array:
        """Return the same with zeros where nothing has arrived."""
        found = self.gradient_at(node, happened)
        return full(shape_of(self.node(node).value), self.number.make(0)) if found is None else found

    def composite(self, call: int) -> Composite:
        """Return a call as one gate: its result, what it uses from outside, and the local of the whole for each.

        The locals are those of numbers, found by a reverse sweep through the call alone; None for tensors.
        """
        made, index = self.bare_calls[call], self.returned(call)
        inside = range(made.start, made.stop)
        operands = dict.fromkeys(o for node in inside for o in self.operands(node) if o not in inside)
        if index is None or index not in inside:
            return Composite(None, tuple(operands), (None,) * len(operands))
        arrived: dict[int, Any] = {index: self.number.make(1)}
        numbers = not shape_of(self.node(index).value)
        for node in reversed(inside) if numbers else ():
            if node not in arrived:
                continue
            for operand, local in zip(self.node(node).operands, self.node(node).locals, strict=True):
                if local is not None and isinstance(operand, Node):
                    at, product = self.index_of(operand), arrived[node] * local
                    arrived[at] = arrived[at] + product if at in arrived else product
        return Composite(index, tuple(operands), tuple(arrived.get(operand) for operand in operands))

    def _entry(self, stretch: Stretch, index: int) -> Entry:
        # What happened at a step that is neither the seed nor an edge.
        if index < stretch.seed_step:
            return stretch.forward_entry(index - stretch.first_step)
        return stretch.recorded.tail[index - stretch.tail_step]

    def _entry_nodes(self, entry: Entry) -> tuple[int, ...]:
        match entry:
            case Updated(node=node) | (Node() as node):
                return (self.index_of(node),)
        return ()

    def told(self, stretch: Stretch) -> Iterator[Event]:
        """Yield the events of a pass."""
        yield from self._entries(stretch.before, stretch.first_step + 1)
        if stretch.recorded.output is not None:
            yield self._event(stretch.seed_step)
            yield from self._edges(stretch)
            yield from self._entries(stretch.recorded.tail, stretch.tail_step + 1)

    def _entries(self, entries: Iterable[Entry], first: int) -> Iterator[Event]:
        # The events of what is neither a seed nor an edge; those of numbers that nobody changed are made at once.
        shift, spans, called, places = self.shift, self._spans.kept, self._names.get, len(self._spans.kept)
        if shift is None or self._history.changes or len(self._spans) != places or self.calls:
            yield from map(self.event_of_entry, entries, count(first))
            return
        for step, entry in enumerate(entries, first):
            old: Any = 0.0
            if isinstance(entry, Node):
                node = entry
            elif isinstance(entry, Updated):
                node, old = entry.node, entry.old
            else:
                yield self.event_of_entry(entry, step)
                continue
            value: Any = node.value
            if not value.__class__ is old.__class__ is float or value - value != 0 or node.more is not None:
                yield self.event_of_entry(entry, step)
                continue
            a, b, index = node.a, node.b, node.index + shift
            named, span = called(node.index), spans[index] if index < places else None
            name = unnamed(index) if named is None else named.shown()
            if node is not entry:
                yield new_record(Update, (step, name, index, old, value - old, value, span))
                continue
            if a is None:
                operands: tuple[Any, ...] = ()
            elif b is None:
                operands = (a.index + shift,)
            else:
                operands = (
                    a.index + shift if isinstance(a, Node) else a,
                    b.index + shift if isinstance(b, Node) else b,
                )
            yield new_record(Forward, (step, index, node.gate, operands, value, name, span, None, ()))

    def _edges(self, stretch: Stretch) -> Iterator[Event]:
        # The events of edges; those of finite numbers, at gates without a kink, are made at once.
        shift, doubts, last = self.shift, self._doubts, None
        if shift is None or self._history.changes:
            yield from map(self.event_of_edge, stretch.taken(), count(stretch.seed_step + 2))
            return
        for step, edge in enumerate(stretch.taken(), stretch.seed_step + 2):
            node, slot, operand, upstream, local, total, first = edge
            if node is not last:
                last, index, has_kinks = node, node.index + shift, doubts[node.gate] is not None
                is_plain = is_finite(upstream)
            product: Any = total if first else upstream * local
            if (
                is_plain
                and product.__class__ is float
                and product - product == 0
                and not (has_kinks and doubts.about(node, slot))
            ):
                other = operand.index + shift
                yield new_record(Backward, (step, index, slot, other, upstream, local, product, total, first, None))
            else:
                yield self.event_of_edge(edge, step)

    def _event(self, index: int) -> Event:
        stretch = self._stretch(index)
        if not stretch.seed_step <= index < stretch.tail_step:
            return self.event_of_entry(self._entry(stretch, index), index + 1)
        output = stretch.recorded.output
        if index == stretch.seed_step and output is not None:
            return Seed(index + 1, self.index_of(output), stretch.recorded.seed)
        return self._backward(stretch, index - stretch.seed_step - 1, index + 1)

    def event_of_entry(self, entry: Entry, step: int) -> Event:
        """Return the event of what is neither a seed nor an edge."""
        match entry:
            case Updated(node=node, old=old, new=new):
                index = self.index_of(node)
                return Update(step, self.name(index), index, old, change_of(old, new), new, self.span(index))
            case Printed(text=text, span=span):
                return Print(step, text, span)
        return self._forward(entry, step)

    def _forward(self, node: Node, step: int) -> Forward:
        index_of, index, gate = self.index_of, self.index_of(node), node.gate
        operands = tuple([index_of(each) if isinstance(each, Node) else each for each in node.operands])
        value, span = self._value(node, node.index), self.span(index)
        note = None
        if not is_finite(value):
            note = noted(span, forward_note(self.number, gate, self._operand_values(node), value))
        named = self._names.get(self.tape_index(index))
        name = unnamed(index) if named is None else named.shown()
        return new_record(Forward, (step, index, gate, operands, value, name, span, note, self.path(index)))

    def _backward(self, stretch: Stretch, edge: int, step: int) -> Event:
        nodes, slots, operands, arrivals = stretch.edges
        node, slot, operand = nodes[edge], slots[edge], operands[edge]
        upstream, total = stretch.gradient(node, stretch.end), stretch.recorded.totals[edge]
        return self.event_of_edge(
            (node, slot, operand, upstream, node.locals[slot], total, arrivals[operand][0] == edge), step
        )

    def note_of_edge(self, node: Node, slot: int, upstream: Array, local: Local, product: Array) -> str | None:
        """Return which convention made the local of an edge, and whether 0 met inf in it."""
        taken = Taken(node.gate, node.params, slot, upstream, local, product)
        return edge_note(self.number, taken, self._operand_values(node), self._value(node, node.index))

    def event_of_edge(self, edge: Edge, step: int) -> Event:
        """Return the event of an edge as it was taken."""
        node, slot, operand, upstream, local, total, first = edge
        product = total if first else upstream * local  # the local is a number or a map: either multiplies
        index, other, note = self.index_of(node), self.index_of(operand), None
        if not (is_finite(upstream) and is_finite(product) and self._doubts[node.gate] is None):
            note = noted(self.span(index), self.note_of_edge(node, slot, upstream, local, product))
        return new_record(Backward, (step, index, slot, other, upstream, local, product, total, first, note))


new_record = tuple.__new__  # what a NamedTuple's own call does, without a step through Python for each


def is_finite(value: Array) -> bool:
    """Whether this is a float, and neither inf nor nan."""
    return value.__class__ is float and value - value == 0


def noted(span: Span | None, *notes: str | None) -> str | None:
    """Return what there is to say of a step, with its place in the program: ``…, at 1:12``."""
    said = "; ".join(filter(None, notes))
    return f"{said}, at {span.line}:{span.column}" if said and span else said or None


def change_of(old: Array, new: Array) -> Array:
    """Return by how much a value changed; None where the shapes differ."""
    if not isinstance(old, Tensor) and not isinstance(new, Tensor):
        return new - old
    if shape_of(old) != shape_of(new):
        return None
    return shaped(shape_of(new), [y - x for x, y in zip(flat(old), flat(new), strict=True)])
