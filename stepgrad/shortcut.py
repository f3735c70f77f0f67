"""A shortcut: one round of a loop written out, from what its inputs hold to what they hold after their updates.

It is the straight-line code of the round's pass, of which nothing is kept but what the updates need, followed by what
the statements after the sweep compute off the tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from stepgrad.gate import Elementwise
from stepgrad.journal import DATA, GRADIENT, RECORD, UPDATE
from stepgrad.literals import OffTape
from stepgrad.numeric import FLOAT
from stepgrad.readings import UnfitError
from stepgrad.straightline import Writer
from stepgrad.stretch import Stretch
from stepgrad.tape import Node, Pass
from stepgrad.watched import Part, Place


class Shortcut(Writer):
    """A round written out.

    Parameters
    ----------
    recorded : Pass
        What the round recorded.
    moving : sequence of Node
        The leaves that the round before had made by updates.
    parts : sequence of Part
    carried : sequence of Place
        What the round before left off the tape.
    told : sequence of Node
        Whose values are wanted besides.

    Raises
    ------
    UnfitError
        If it cannot be written.
    """

    def __init__(
        self,
        recorded: Pass,
        moving: Sequence[Node],
        parts: Sequence[Part],
        carried: Sequence[Place],
        told: Sequence[Node],
    ) -> None:
        super().__init__(FLOAT, moving)
        self.off: dict[tuple[int, int, int], str] = {}  # by part, slot, and how many rounds ago
        self.count = len(moving) + len(carried)
        for k, each in enumerate(carried, len(moving)):
            self.off[(*each, 1)] = f"o{k}"
            self.places[f"o{k}"] = k
        given = (each for part in parts for each in part.given if isinstance(each, Node) and not each.operands)
        self.names |= {leaf: self.literal(leaf.value) for leaf in (*recorded.leaves, *given) if leaf not in self.names}
        self.results: list[str] = []
        varying = depending(recorded.nodes, moving)
        leading = depending(recorded.nodes, gradients_wanted(parts))  # to where gradients are wanted
        edges = Stretch(recorded, (), 0, 0).edges
        needed = [each for each in zip(edges.nodes, edges.slots, edges.operands) if each[2] in leading]
        slots = {each[:2] for each in needed}
        for node in recorded.nodes:
            if node in varying or node in leading:
                if node not in self.names:
                    self.write_gate(node, slots)
            else:  # it holds the same in every round
                self.names[node] = self.literal(node.value)
        self.write_parts(parts, before_sweep=True)
        assert recorded.output is not None
        self.total_of[recorded.output] = self.literal(recorded.seed)
        for edge in needed:
            self.write_edge(*edge)
        self.write_parts(parts, before_sweep=False)
        if any((*each, 0) not in self.off for each in carried):
            raise UnfitError  # it leaves something else than the round before
        left = [*self.results, *(self.off[(*each, 0)] for each in carried)]
        left += [self.names[node] for node in (*told, recorded.output)]
        texts = list(map(self.use, left))
        self.first_result = len(self.places)
        self.pages[-1].lines += [f"s[{place}] = {text}" for place, text in enumerate(texts, self.first_result)]
        self.store = [None] * (self.first_result + len(left) - self.count)

    def write_parts(self, parts: Sequence[Part], *, before_sweep: bool) -> None:
        """Write what is computed off the tape, and the updates."""
        for number, part in enumerate(parts):
            if part.before_sweep is before_sweep:
                self.write_part(number, part)

    def write_part(self, number: int, part: Part) -> None:
        """Write what one refrain computes off the tape, and its updates."""
        literals, slots = part.verse.literals, part.slots
        texts: dict[int, str] = {}
        for slot, (value, source) in enumerate(zip(part.given, part.sources, strict=True)):
            if isinstance(value, OffTape):
                texts[slot] = self.literal(value.value) if source[0] == "fixed" else self.off[source[1:]]
        texts |= {slot: self.literal(value) for slot, value in enumerate(literals, len(part.given))}

        def operand(slot: int) -> str:
            return self.use(self.names[slots[slot]] if isinstance(slots[slot], Node) else texts[slot])

        for slot, (way, do, at) in enumerate(part.verse.ways, len(part.given) + len(literals)):
            self.turn()
            if way == RECORD:
                continue
            if way == GRADIENT:
                if part.before_sweep or slots[at[0]] not in self.total_of:
                    raise UnfitError
                texts[slot] = self.total_of[slots[at[0]]]
            elif way == DATA:
                texts[slot] = operand(at[0])
            elif way == UPDATE:
                self.names[slots[slot]] = operand(at[1])
                self.results.append(self.names[slots[slot]])
            else:
                texts[slot] = f"t{number}_{slot}"
                self.assign(texts[slot], self.text_of(way, do, [operand(each) for each in at]))
            if way != UPDATE:
                self.off[number, slot, 0] = texts[slot]

    def text_of(self, gate: Any, do: Callable[..., Any], operands: Sequence[str]) -> str:
        """Return the text of what is computed off the tape."""
        if isinstance(gate, Elementwise):
            return self.template(gate, gate.forward).format_map(dict(zip("xy", operands)))
        name = f"c{len(self.namespace)}"
        self.namespace[name] = do
        return f"{name}(None, {', '.join(operands)})"

    @cached_property
    def functions(self) -> list[Callable[[list[Any]], None]]:
        """The compiled code."""
        return list(self.compiled())

    def run(self, state: Sequence[Any]) -> list[Any]:
        """Do the round: from what its inputs hold, and what is carried, to the same after it, what is told, the output.

        Raises
        ------
        ArithmeticError, ValueError
            Where Python's arithmetic raises, and the engine's goes on.
        """
        store = [*state, *self.store]
        for function in self.functions:
            function(store)
        return store[self.first_result :]


def depending(nodes: Sequence[Node], on: Iterable[Node]) -> set[Node]:
    """Return, of these and of a pass's nodes, those that are computed from these."""
    found = set(on)
    for node in nodes:
        if not found.isdisjoint(node.operands):
            found.add(node)
    return found


def gradients_wanted(parts: Sequence[Part]) -> Iterator[Any]:
    """Yield the nodes whose gradients are read."""
    for part in parts:
        for way, _, at in part.verse.ways:
            if way == GRADIENT:
                yield part.slots[at[0]]
