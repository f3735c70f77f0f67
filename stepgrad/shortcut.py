"""A shortcut: one round of a loop written out, from what its inputs hold to what they hold after their updates.

It is the straight-line code of the round's pass, of which nothing is kept but what the updates need, followed by what
the statements after the sweep compute off the tape. What is mentioned once stands where it is mentioned, and has no
variable: so Python compiles and runs the code in two thirds of the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property, lru_cache
from itertools import chain, count
from operator import attrgetter
from typing import Any, TypeAlias

from stepgrad.formula import NAMES, OPERANDS
from stepgrad.gate import Elementwise, Gate
from stepgrad.journal import DATA, GRADIENT, RECORD, UPDATE
from stepgrad.numeric import FLOAT
from stepgrad.readings import UnfitError
from stepgrad.stretch import Stretch
from stepgrad.tape import Node, Pass
from stepgrad.watched import Part, Place
from stepgrad.writer import READY, Slot, Writer, depending, float_template

LONGEST = 200  # characters that stand where they are mentioned: Python's compiler recurses into them
Key: TypeAlias = "Node | tuple[int, int, int]"  # of a value: a node, or off the tape: part, slot, how many rounds ago
OF: Mapping[str, Callable[[Node], Any]] = {"x": attrgetter("a"), "y": attrgetter("b"), "z": lambda node: node}
Edge: TypeAlias = tuple[Node, int, Node]  # a node, its slot, and the operand there


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

    Attributes
    ----------
    mentions, uses : Counter
        How often the code mentions a value, and the gradient of a node.
    texts : dict
        What computes a value that has no variable, until it is mentioned.
    sums : dict
        What computes the gradient of a node, as far as it has been written, until it is used.
    entries : list of list
        Of each part, what stands in its slots.

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
        assert recorded.output is not None
        before: list[Key] = [*moving, *((*each, 1) for each in carried)]
        super().__init__(FLOAT, before)
        nodes, edges = wanted_of(recorded, moving, parts)
        left: list[Key] = [*updated(parts), *((*each, 0) for each in carried), *told, recorded.output]
        self.entries = list(map(entries_of, count(), parts))
        self.mentions = Counter(chain(mentioned(nodes, edges), mentioned_off_tape(parts, self.entries), left))
        self.uses = Counter(chain((node for node, _, _ in edges), gradients_wanted(parts)))
        self.texts: dict[Key, str] = {}
        self.sums: dict[Node, str] = {}
        self.total_of[recorded.output] = self.literal(recorded.seed)
        self.unpack(len(before))
        given = (each for part in parts for each in part.given if isinstance(each, Node) and not each.operands)
        self.write_literals((*recorded.leaves, *given, *recorded.nodes), set(nodes))
        for node in nodes:
            self.write_gate(node, frozenset())
        self.write_parts(parts, before_sweep=True)
        for edge in edges:
            self.write_edge(*edge)
        self.write_parts(parts, before_sweep=False)
        self.give_back(left)
        self.room = [None] * (len(self.places) - len(before))

    # Values

    def unpack(self, count: int) -> None:
        """Write that what the round starts from has variables."""
        names, page = list(self.places)[:count], self.pages[0]
        if names:
            page.lines.append(f"{', '.join(names)}, = s[:{count}]")
        self.page_of |= dict.fromkeys(names, page)

    def give_back(self, left: Sequence[Key]) -> None:
        """Write that what the round leaves is returned."""
        if any(key not in self.names and key not in self.texts for key in left):
            raise UnfitError  # it leaves something else than the round before
        self.pages[-1].lines.append(f"return [{', '.join(map(self.taken, left))}]")

    def write_literals(self, nodes: Iterable[Node], varying: Set[Node]) -> None:
        """Write what holds the same in every round as it is."""
        for node in nodes:
            if node not in self.names and node not in varying:
                self.names[node] = self.literal(node.value)

    def open_page(self) -> None:
        """Open a new function; what waits to be mentioned gets a variable."""
        for key, text in self.texts.items():
            self.give_variable(key, text)
        for node, text in self.sums.items():
            self.total_of[node] = self.summed(text)
        self.texts.clear()
        self.sums.clear()
        super().open_page()

    def use(self, name: str) -> str:
        """Make a variable known in the open function."""
        return name if len(self.pages) == 1 else super().use(name)

    def hold(self, key: Key, text: str) -> None:
        """Write what computes a value: where it is mentioned, if that is once, and it is short."""
        if self.mentions[key] == 1 and len(text) <= LONGEST:
            self.texts[key] = text
        else:
            self.give_variable(key, text)

    def give_variable(self, key: Key, text: str) -> None:
        """Write a line that computes a value."""
        name = self.names[key] = f"v{len(self.names)}"
        self.assign(name, text)

    def taken(self, entry: Any) -> str:
        """Return what computes a value, its variable, or the literal that it is."""
        if not isinstance(entry, (Node, tuple)):
            return self.literal(entry)
        return self.texts.pop(entry) if entry in self.texts else self.use(self.names[entry])

    def operand(self, operand: Any) -> str:
        """Write the same within an expression."""
        return within(self.taken(operand))

    def write_formula(self, node: Node, gate: Elementwise, wanted: Set[Slot]) -> None:
        """Write the text of a row with the node's operands; its locals are written where they are multiplied by."""
        operands = map(self.operand, node.operands)
        self.hold(node, float_template(gate.forward).format_map(dict(zip(OPERANDS, operands))))

    # Gradients

    def write_edge(self, node: Node, slot: int, operand: Node) -> str:
        """Write what an edge sends, as one more term of the operand's gradient, and return that."""
        self.turn()
        sent, local = self.gradient(node), self.local(node, slot)
        before = self.sums.pop(operand, None) or self.total_of.get(operand)
        if local != "1.0":
            sent = f"{within(sent)} * {local}"
        if before is not None:
            before = self.use(self.summed(before) if len(before) > LONGEST else before)
            sent = f"{before} + {within(sent) if local == '1.0' else sent}"
        self.sums[operand] = sent
        return sent

    def gradient(self, node: Node) -> str:
        """Return the variable of a gradient, or what computes it, if it is used once."""
        if node in self.sums:
            text = self.sums.pop(node)
            if self.uses[node] == 1 and len(text) <= LONGEST and text not in self.page_of:
                return text
            self.total_of[node] = self.summed(text)
        return self.use(self.total_of[node])

    def summed(self, text: str) -> str:
        """Write a line that computes a gradient, unless it is a variable already, and return that."""
        if text in self.page_of:
            return text
        name, self.edge_count = f"g{self.edge_count}", self.edge_count + 1
        self.assign(name, text)
        return name

    def local(self, node: Node, slot: int) -> str:
        """Write the local of an edge."""
        if (node, slot) in self.locals:
            return self.use(self.locals[node, slot])
        gate: Any = node.gate
        template, places, is_ready = local_form(gate.locals[slot])
        if is_ready:
            return self.operand(OF[places[0]](node)) if places else template
        return within(template.format_map({place: self.operand(OF[place](node)) for place in places}))

    # What is computed off the tape

    def write_parts(self, parts: Sequence[Part], *, before_sweep: bool) -> None:
        """Write what is computed off the tape, and the updates."""
        for number, part in enumerate(parts):
            if part.before_sweep is before_sweep:
                self.write_part(number, part)

    def write_part(self, number: int, part: Part) -> None:
        """Write what one refrain computes off the tape, and its updates."""
        entries, ways = self.entries[number], part.verse.ways
        for key, (way, do, at) in zip(entries[len(entries) - len(ways) :], ways):
            if way == RECORD:
                continue
            self.turn()
            if way == GRADIENT:
                node = entries[at[0]]
                if part.before_sweep or not (node in self.sums or node in self.total_of):
                    raise UnfitError
                self.hold(key, self.gradient(node))
            elif way in (DATA, UPDATE):
                self.hold(key, self.taken(entries[at[-1]]))
            else:
                self.hold(key, self.text_of(way, do, [self.operand(entries[each]) for each in at]))

    def text_of(self, gate: Any, do: Callable[..., Any], operands: Sequence[str]) -> str:
        """Return the text of what is computed off the tape."""
        if isinstance(gate, Elementwise):
            return float_template(gate.forward).format_map(dict(zip(OPERANDS, operands)))
        name = f"c{len(self.namespace)}"
        self.namespace[name] = do
        return f"{name}(None, {', '.join(operands)})"

    # The code

    @cached_property
    def functions(self) -> list[Callable[[list[Any]], Any]]:
        """The compiled code."""
        return list(self.compiled())

    def run(self, state: Sequence[Any]) -> list[Any]:
        """Do the round: from what its inputs hold, and what is carried, to the same after it, what is told, the output.

        Raises
        ------
        ArithmeticError, ValueError
            Where Python's arithmetic raises, and the engine's goes on.
        """
        store, found = [*state, *self.room], []
        for function in self.functions:
            found = function(store)
        return found  # of the last one


def within(text: str) -> str:
    """Return a text as part of another; without a blank it is a name, a number, a call, or a sign before one."""
    return f"({text})" if " " in text else text


def wanted_of(recorded: Pass, moving: Sequence[Node], parts: Sequence[Part]) -> tuple[Sequence[Node], Sequence[Edge]]:
    """List the nodes that differ from round to round or lead to a wanted gradient, and the edges that lead there."""
    varying = depending(recorded.nodes, moving)
    leading = depending(recorded.nodes, gradients_wanted(parts))
    edges = Stretch(recorded, (), 0, 0).edges
    return (
        [node for node in recorded.nodes if node.operands and (node in varying or node in leading)],
        [each for each in zip(edges.nodes, edges.slots, edges.operands) if each[2] in leading],
    )


def gradients_wanted(parts: Sequence[Part]) -> Iterator[Any]:
    """Yield the nodes whose gradients are read."""
    for part in parts:
        for way, _, at in part.verse.ways:
            if way == GRADIENT:
                yield part.slots[at[0]]


def updated(parts: Sequence[Part]) -> Iterator[Any]:
    """Yield the leaves that updates make."""
    for part in parts:
        first = len(part.slots) - len(part.verse.ways)
        for slot, (way, _, _) in enumerate(part.verse.ways, first):
            if way == UPDATE:
                yield part.slots[slot]


def entries_of(number: int, part: Part) -> list[Any]:
    """List what stands in each slot of a part: a key, or a literal that is the same in every round."""
    found = list(part.slots)
    first = len(found) - len(part.verse.ways)
    sources = [*part.sources, *[("fixed",)] * (first - len(part.sources))]
    for slot, held in enumerate(found):
        if not isinstance(held, Node):
            source = sources[slot] if slot < first else ("off", number, slot, 0)
            found[slot] = held if source[0] == "fixed" else source[1:]
    return found


def mentioned(nodes: Iterable[Node], edges: Iterable[Edge]) -> Iterator[Key]:
    """Yield the values that the code of gates and edges mentions, as often as it does; those in locals, twice."""
    for node in nodes:
        times = 2 if repeats_operands(node.gate) else 1
        for operand in node.operands:
            if isinstance(operand, Node):
                yield from (operand,) * times
    for node, slot, _ in edges:
        if isinstance(node.gate, Elementwise):
            for place in local_form(node.gate.locals[slot])[1]:
                value = OF[place](node)
                if isinstance(value, Node):
                    yield from (value, value)


def mentioned_off_tape(parts: Sequence[Part], entries_of_parts: Iterable[Sequence[Any]]) -> Iterator[Key]:
    """Yield the same for what is computed off the tape, and for updates."""
    for part, entries in zip(parts, entries_of_parts):
        for way, _, at in part.verse.ways:
            if way not in (RECORD, GRADIENT):
                used = [entries[each] for each in (at[-1:] if way in (DATA, UPDATE) else at)]
                keys = [each for each in used if isinstance(each, (Node, tuple))]
                yield from keys * 2 if repeats_operands(way) else keys


@lru_cache(1000)
def repeats_operands(gate: Gate | str | None) -> bool:
    """Whether a row's text mentions an operand several times."""
    names = NAMES.findall(gate.forward) if isinstance(gate, Elementwise) else ()
    return len(names) > len(set(names))


@lru_cache(1000)
def local_form(text: str) -> tuple[str, Sequence[str], bool]:
    """Return the template of a local's text, which places it has, and whether it needs no arithmetic."""
    template = float_template(text)
    places = [place for place in OF if f"{{{place}}}" in template]
    return template, places, READY.fullmatch(template) is not None
