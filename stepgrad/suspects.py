"""Suspects: where a bug may sit, and the search for the one that reproduces somebody's gradients.

Only edges from which every gradient that departs can be reached come into question. At each, or at all that
belong together, every bug of the catalogue is tried: the sweep is run again with it, as far as its numbers
are theirs. What is natural is tried first; the first bug that gives all their numbers is the likely one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from stepgrad.bugs import EDGE_BUGS, OVERWRITES, SWEEP_BUGS, Bug
from stepgrad.errors import GateError
from stepgrad.mistakes import Mistake
from stepgrad.ops import INPUT
from stepgrad.screening import Screen
from stepgrad.sweeps import Budget, Mutant, Sweep, Unfit, together
from stepgrad.tape import Node
from stepgrad.tensor import Array, flat, shape_of

MAX_WORK = 5_000_000  # numbers that may be multiplied in search of a bug
WORK_OF_A_LOOK = 5  # at an edge, as numbers multiplied
LARGE = 20_000  # edges: of a sweep in which rules are suspected before single edges
MAX_MARKED = 64  # gradients that depart which an edge must reach


HANDING_ON = ("add", "sub", "sum", "broadcast", "index", "stack", "concat", "reshape", "flatten", "transpose")


RIGHT = Mutant()  # nothing is wrong
MOST_FIRST = 4  # explanations of the first departure, for each of which one of the rest is looked for


class Tolerance(NamedTuple):
    """How near two numbers must be: within ``atol + rtol × |ours|``."""

    rtol: float
    atol: float

    def near(self, theirs: Any, ours: Any) -> bool:
        """Whether two numbers agree; nan agrees with nan."""
        if theirs == ours or (theirs != theirs and ours != ours):
            return True
        return bool(abs(theirs - ours) <= self.atol + self.rtol * abs(ours) < float("inf"))

    def agree(self, theirs: Array, ours: Array) -> bool:
        """Whether two arrays agree, shape and numbers."""
        return shape_of(theirs) == shape_of(ours) and all(map(self.near, flat(theirs), flat(ours)))


class Group(NamedTuple):
    """Edges at which the same mistake may have been made."""

    words: str
    places: tuple[int, ...]
    into_one: bool = False
    from_one: bool = False

    @property
    def narrow(self) -> bool:
        """Whether its edges come from one node, or lead to one."""
        return self.into_one or self.from_one


class Suspicion(NamedTuple):
    """A bug that reproduces their numbers.

    Attributes
    ----------
    name, advice : str
        The bug's.
    words : str
        What was done.
    where : str
        At which edges, where they are more than one.
    mistake : Mistake or None
    mutant : Mutant
    changed : dict
        The gradients that it makes, where they are not ours.
    first : int or None
        The place of the first edge that departs; None where it is the seed.
    """

    name: str
    advice: str
    words: str
    where: str
    mistake: Mistake | None
    mutant: Mutant
    changed: dict[Node, Array]
    first: int | None


@dataclass
class Search:
    """The search for the bug behind somebody's gradients.

    Attributes
    ----------
    sweep : Sweep
    theirs : mapping
        The gradients to reproduce.
    tolerance : Tolerance
    budget : Budget
        What it may cost.
    base : Mutant
        What is known to be wrong already.
    """

    sweep: Sweep
    theirs: Mapping[Node, Array]
    tolerance: Tolerance
    budget: Budget
    base: Mutant = RIGHT

    def __post_init__(self) -> None:
        self.departing = self.apart({} if self.base is RIGHT else self.sweep.run(self.base))

    def apart(self, changed: Mapping[Node, Array]) -> list[Node]:
        """List the nodes whose gradients are not theirs, ``changed`` being those that are not ours."""
        ours = self.sweep.ours
        return [
            node
            for node, array in self.theirs.items()
            if node in ours and not self.tolerance.agree(array, changed.get(node, ours[node]))
        ]

    def in_turn(self) -> list[Suspicion]:
        """Return what explains the first departure, and what explains the rest, where one bug alone does not."""
        known = self.sweep.known_at
        first = min(map(known, self.departing))
        part = {node: array for node, array in self.theirs.items() if known(node) <= first}
        if len(part) == len(self.theirs):
            return []
        earlier = Search(self.sweep, part, self.tolerance, self.budget, self.base).suspicions()[:MOST_FIRST]
        for one in earlier:
            rest = Search(self.sweep, self.theirs, self.tolerance, self.budget, one.mutant)
            others = rest.suspicions() if rest.departing else []
            if others:
                return [one, others[0]]
        return earlier[:1]

    def suspicions(self) -> list[Suspicion]:
        """Return the bugs that reproduce all their gradients: the likeliest first, and others of its kind."""
        groups = list(self.suspected())
        if len(self.sweep) <= LARGE:
            return self.first_found(groups)
        several = [group for group in groups if len(group.places) > 1]
        return self.first_found(several) or self.first_found([group for group in groups if len(group.places) == 1])

    def first_found(self, groups: Sequence[Group]) -> list[Suspicion]:
        """Return the bugs of the likeliest kind that reproduce all their gradients at some of these edges."""
        for likely in range(3):
            for bug in SWEEP_BUGS if likely else ():
                if bug.likely < likely:
                    found = [each for each in map(self.tried, self.of_sweep(bug)) if each]
                    if found:
                        return found[:1]
            for edge_bug in EDGE_BUGS if likely < 2 else ():
                found = list(self.of_edges(edge_bug, groups, natural=not likely))
                if found:
                    return sorted(found, key=self.farness)
        return []

    def farness(self, suspicion: Suspicion) -> tuple[bool, bool, int]:
        """Order what explains the same: single edges, those whose local is more than 1 or -1, the first."""
        mutant, first = suspicion.mutant, suspicion.first or 0
        return len(mutant.locals) + len(mutant.overwriting) > 1, self.sweep.nodes[first].gate.name in HANDING_ON, first

    def of_sweep(self, bug: Any) -> Iterator[Suspicion]:
        """Yield what a bug of the whole sweep would make."""
        for words, mutant in bug.mutants(self.sweep, self.theirs):
            yield Suspicion(bug.name, bug.words, words, "", None, mutant, {}, None)

    def of_edges(self, bug: Bug, groups: Sequence[Group], *, natural: bool) -> Iterator[Suspicion]:
        """Yield the places at which a bug reproduces their gradients: single edges, or else the first group."""
        single = False
        for group in sorted(groups, key=lambda each: not each.into_one) if bug.together else groups:
            if single and len(group.places) > 1:
                return
            if self.budget.left < 0:
                return
            self.budget.spend(WORK_OF_A_LOOK * len(group.places))
            for mistake, mutant in self.mutants(bug, group, natural=natural):
                if group.narrow and self.base is RIGHT and not self.screen.lets_through(mutant, self.budget):
                    continue
                found = self.tried(
                    Suspicion(bug.name, bug.words, mistake.words, group.words, mistake, mutant, {}, None)
                )
                if found:
                    yield found
                    if len(group.places) > 1:
                        return
                    single = True
                    break

    @cached_property
    def screen(self) -> Screen:
        """What drops most suspicions without a sweep."""
        return Screen(self.sweep, self.theirs, self.departing)

    def mutants(self, bug: Bug, group: Group, *, natural: bool) -> Iterator[tuple[Mistake, Mutant]]:
        """Yield the sweeps in which all edges of a group make the same mistake."""
        edges = [self.sweep.edge(place) for place in group.places]
        if any(map(bug.natural, edges)) is not natural:
            return
        made: dict[tuple[str, str], dict[int, Mistake]] = {}
        for edge in edges:
            try:
                for mistake in bug.mistakes(edge):
                    made.setdefault((mistake.words, mistake.formula), {})[edge.place] = mistake
            except (GateError, ArithmeticError, ValueError):  # numbers for which there is no such mistake
                continue
        for same in made.values():
            if len(same) == 1 < len(group.places):
                continue
            some = next(iter(same.values()))
            if some.local is OVERWRITES:
                yield some, Mutant(overwriting=frozenset(same))
            else:
                yield some, Mutant(locals={place: each.local for place, each in same.items()})

    def tried(self, suspicion: Suspicion) -> Suspicion | None:
        """Run the sweep with a bug in it; None where the numbers are not theirs."""
        mutant = suspicion.mutant if self.base is RIGHT else together(self.base, suspicion.mutant)
        try:
            changed = self.sweep.run(mutant, self.budget, self.accepts)
        except (Unfit, GateError, ArithmeticError, ValueError):
            return None
        if self.apart(changed):
            return None
        first = first_departure(self.sweep, mutant, changed)
        if self.base is not RIGHT:
            first = min((*suspicion.mutant.locals, *suspicion.mutant.overwriting), default=None)
        return suspicion._replace(mutant=mutant, changed=changed, first=first)

    def accepts(self, node: Node, total: Array) -> bool:
        """Whether a gradient is theirs, where they give it."""
        return node not in self.theirs or self.tolerance.agree(self.theirs[node], total)

    # Where

    def suspected(self) -> Iterator[Group]:
        """Yield single edges, and then all that belong together, from which every departure can be reached."""
        marks = self.reached()
        needed = (1 << min(len(self.departing), MAX_MARKED)) - 1
        operands = self.sweep.operands
        agreeing = self.agreeing()

        def reached_by(places: Iterable[int]) -> int:
            found = 0
            for place in places:
                found |= marks.get(operands[place], 0)
            return found

        singles = [place for place in range(len(self.sweep)) if marks.get(operands[place], 0) == needed]
        for place in sorted(singles, key=lambda place: operands[place] in agreeing):
            yield Group("", (place,), from_one=True)
        for group in groups_of(self.sweep):
            if reached_by(group.places) == needed:
                yield group

    def reached(self) -> dict[Node, int]:
        """Return which of the departing gradients every node sends something to, as bits."""
        found = {node: 1 << bit for bit, node in enumerate(self.departing[:MAX_MARKED])}
        for place in range(len(self.sweep) - 1, -1, -1):
            bits = found.get(self.sweep.operands[place])
            if bits:
                node = self.sweep.nodes[place]
                found[node] = found.get(node, 0) | bits
        return found

    def agreeing(self) -> set[Node]:
        """Return the nodes that send something to a gradient that is theirs: they are suspected last."""
        found = {node for node in self.theirs if node in self.sweep.ours} - set(self.departing)
        for place in range(len(self.sweep) - 1, -1, -1):
            if self.sweep.operands[place] in found:
                found.add(self.sweep.nodes[place])
        return found


def groups_of(sweep: Sweep) -> Iterator[Group]:
    """Yield edges that belong together: of a node, into a node, of a line, of a gate; all into inputs; all."""
    trace = sweep.trace
    kinds: list[dict[Any, list[int]]] = [{} for _ in range(6)]
    for place, (node, slot, operand) in enumerate(zip(sweep.nodes, sweep.slots, sweep.operands, strict=True)):
        span, gate = trace.span(trace.index_of(node)), node.gate.name
        keys = (node, operand, (span, gate, slot), (span, gate), (gate, slot), gate)
        for kind, key in zip(kinds, keys, strict=True):
            kind.setdefault(key, []).append(place)
    inputs = [place for place, operand in enumerate(sweep.operands) if operand.gate is INPUT]
    inner = [place for place, operand in enumerate(sweep.operands) if operand.gate is not INPUT]

    def named(kind: int) -> Iterator[tuple[str, list[int]]]:
        for key, places in kinds[kind].items():
            if kind < 2:
                name = trace.name(trace.index_of(key))
                yield (f"at all edges {'from' if kind == 0 else 'into'} {name}"), places
            elif kind < 4:
                line = "" if key[0] is None else f" in line {key[0].line}"
                yield f"at every `{key[1]}`{line}", places
            else:
                yield f"at every `{key if kind == 5 else key[0]}`", places

    everything = [("wherever gradients go to inputs", inputs), ("wherever gradients go to values on the way", inner)]
    all_of_them = [("everywhere", list(range(len(sweep))))]
    seen: set[tuple[int, ...]] = set()
    for words, places in (*(each for kind in range(6) for each in named(kind)), *everything, *all_of_them):
        key = tuple(places)
        if len(key) > 1 and key not in seen:
            seen.add(key)
            ends, starts = ({column[place] for place in key} for column in (sweep.operands, sweep.nodes))
            yield Group(words, key, len(ends) == 1, len(starts) == 1)


def first_departure(sweep: Sweep, mutant: Mutant, changed: Mapping[Node, Array]) -> int | None:
    """Return the place of the first edge, in backward order, after which some total is not ours."""
    if mutant.seed is not None:
        return None
    found: list[int] = []
    for node in changed:
        places = sweep.arrivals[node]
        for count, place in enumerate(places):
            if found and place >= found[0]:
                break
            before = sweep.ours[node] if count == len(places) - 1 else running(sweep, node, place)
            try:
                total = sweep.total(node, mutant, changed, until=place)
            except Unfit:
                total = None
            if shape_of(total) != shape_of(before) or total != before:
                found = [min([place, *found])]
                break
    return found[0] if found else min((sweep.arrivals[node][-1] for node in changed), default=None)


def running(sweep: Sweep, node: Node, place: int) -> Array:
    """Return what a node has, rightly, when all up to a place has arrived."""
    return sweep.total(node, Mutant(), {}, until=place)
