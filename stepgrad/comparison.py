"""Comparison: somebody's gradients beside ours, the first edge at which theirs depart, and the likely mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stepgrad.answers import answers_of
from stepgrad.bugs import UNUSED
from stepgrad.events import Backward
from stepgrad.formula import spell
from stepgrad.linear import LinearMap
from stepgrad.pairs import ROUNDED, Pair, relative_gap, short, significant, spelled_list, worst_of
from stepgrad.style import Style, bracketed
from stepgrad.suspects import MAX_WORK, Search, Suspicion, Tolerance
from stepgrad.sweeps import Budget, Sweep, check_doubles, swept_pass
from stepgrad.tape import Node
from stepgrad.tensor import Array, Shape, nested, shape_of
from stepgrad.trace import Trace
from stepgrad.wording import Wording

RTOL, ATOL = 1e-7, 1e-12


@dataclass(frozen=True)
class Comparison:
    """What comparing somebody's gradients with a trace has found; true where they agree.

    Attributes
    ----------
    pairs : tuple of Pair
        Every gradient that they gave, in the order of the backward sweep.
    edge : Backward or None
        The first edge, in backward order, at which theirs depart; None where they agree, or where it is no edge.
    certain : bool
        Whether a bug was found that reproduces their numbers; else ``edge`` is the first that can be wrong.
    bug : str
        The name of the likely mistake, as in the catalogue; empty where there is none.
    words : str
        What was done, in words, with the formula taken.
    advice : str
        What to look at.
    theirs, ours : number or nested lists
        What is sent along the edge, in their sweep, where it is known, and in ours.
    also : tuple of str
        Other places where the same mistake would give the same numbers.
    second : str
        A second mistake, where it takes two to explain their numbers.
    lines : tuple of str
        The report.
    """

    pairs: tuple[Pair, ...]
    edge: Backward | None = None
    certain: bool = False
    bug: str = ""
    words: str = ""
    advice: str = ""
    theirs: Any = None
    ours: Any = None
    also: tuple[str, ...] = ()
    second: str = ""
    lines: tuple[str, ...] = ()

    @property
    def agree(self) -> bool:
        """Whether all gradients agree."""
        return all(pair.agree for pair in self.pairs)

    ok = agree

    @property
    def step(self) -> int | None:
        """The step of the first wrong edge."""
        return None if self.edge is None else self.edge.step

    @property
    def wrong(self) -> tuple[str, ...]:
        """The names of the gradients that depart."""
        return tuple(pair.name for pair in self.pairs if not pair.agree)

    def __bool__(self) -> bool:
        return self.agree

    def __str__(self) -> str:
        return "\n".join(self.lines)


def compare(
    trace: Trace,
    grads: Mapping[str, Any],
    rtol: float = RTOL,
    atol: float = ATOL,
    *,
    number: int | None = None,
    max_work: int = MAX_WORK,
    ascii_only: bool = False,
) -> Comparison:
    """Compare somebody's gradients with those of a trace, and find the first wrong edge and the likely mistake.

    Parameters
    ----------
    trace : Trace
    grads : mapping
        Gradients by name, of inputs or of any value on the way: numbers, nested lists, arrays.
    rtol, atol : float
        Two numbers agree within ``atol + rtol × |ours|``.
    number : int, optional
        Of which pass, counted from 1; by default, the last with a backward sweep.
    max_work : int
        How many numbers may be multiplied in search of the mistake.
    ascii_only : bool
        Whether the report keeps to ASCII.

    Returns
    -------
    Comparison
        True where they agree; ``str`` is the report.

    Raises
    ------
    InputError
        If there is no such pass, a name is not known, a gradient cannot be read, or ours are no floats, nor near them.

    Examples
    --------
    >>> from stepgrad.language import run
    >>> trace = run("x = 2.0; y = 3.0; p = x * y; f = p + x")
    >>> found = compare(trace, {"p": 1.0, "x": 3.0, "y": 2.0})
    >>> found.bug, found.step, bool(found)
    ('missing +=', 8, False)
    """
    number = swept_pass(trace, number)
    sweep = Sweep(trace, number)
    check_doubles(sweep)
    tolerance = Tolerance(rtol, atol)
    theirs = answers_of(trace, number, grads)
    report = Report(sweep, theirs, tolerance, Wording(trace, Style(ascii_only=ascii_only)))
    if all(pair.agree for pair in report.pairs):
        return Comparison(report.pairs, lines=(f"{counted(len(report.pairs))} within {rtol:g} relative",))
    search = Search(sweep, theirs, tolerance, Budget(max_work))
    if not search.departing:
        return report.of_unused()
    suspicions = search.suspicions()
    if suspicions:
        return report.of_bug(suspicions)
    turns = search.in_turn()
    return report.of_bugs(turns) if turns else report.of_first(search)


def counted(count: int) -> str:
    """Say how many gradients agree."""
    return "the gradient agrees" if count == 1 else f"all {count} gradients agree"


class Report:
    """Puts a comparison into words."""

    def __init__(self, sweep: Sweep, theirs: Mapping[Node, Array], tolerance: Tolerance, wording: Wording) -> None:
        self.sweep = sweep
        self.trace = sweep.trace
        self.theirs = theirs
        self.tolerance = tolerance
        self.wording = wording
        order = sorted(theirs, key=lambda node: (sweep.known_at(node), -node.index))
        self.pairs = tuple(self.pair(node) for node in order)

    def name(self, node: Node) -> str:
        """Return a node's name."""
        return self.wording.name(self.trace.index_of(node))

    def pair(self, node: Node) -> Pair:
        """Set their gradient beside ours."""
        theirs, ours = self.theirs[node], self.sweep.gradient(node)
        worst = worst_of(theirs, ours) if shape_of(theirs) == shape_of(ours) else ()
        return Pair(self.name(node), nested(theirs), nested(ours), self.tolerance.agree(theirs, ours), worst)

    def of_unused(self) -> Comparison:
        """Report gradients of what gets none."""
        bug, advice = UNUSED
        names = [pair.name for pair in self.pairs if not pair.agree]
        words = f"{', '.join(names)}: ours 0"
        lines = (*self.head(), f"likely: {bug}: {advice}")
        return Comparison(self.pairs, certain=True, bug=bug, words=words, advice=advice, lines=lines)

    def of_bug(self, suspicions: list[Suspicion]) -> Comparison:
        """Report the bug that reproduces their numbers."""
        chosen = suspicions[0]
        edge = None if chosen.first is None else self.event(chosen.first)
        words = self.words(chosen, edge)
        theirs: Any = None
        also: tuple[str, ...] = ()
        lines = list(self.head())
        if edge is None:
            lines.append(f"first wrong step: {self.sweep.step(0) - 1}, the seed")
        else:
            theirs = self.sent(chosen)
            also = tuple(
                self.edge_words(self.event(s.first)) for s in suspicions[1:6] if s.first not in (None, chosen.first)
            )
            lines += self.arithmetic(edge, theirs, chosen)
        lines.append(self.wording.style.sign(f"likely: {chosen.name}: {words}"))
        lines.append(self.wording.style.sign(f"        {chosen.advice}"))
        if also:
            lines.append(f"the same mistake would give the same numbers at: {'; '.join(also)}")
        ours = None if edge is None else nested(edge.product)
        shown = None if theirs is None else nested(theirs)
        return Comparison(
            self.pairs, edge, True, chosen.name, words, chosen.advice, shown, ours, also, lines=tuple(lines)
        )

    def of_bugs(self, turns: list[Suspicion]) -> Comparison:
        """Report the bug that explains the first departure, and the one that explains the rest, if there is one."""
        found = self.of_bug(turns[:1])
        if len(turns) == 1:
            line = "this explains the first departure, not all that follow: there is more than one mistake"
            return replace(found, certain=False, lines=(*found.lines, line))
        other = turns[1]
        edge = None if other.first is None else self.event(other.first)
        where = "" if edge is None else f" at step {edge.step}, {self.edge_words(edge)}"
        second = f"{other.name}: {self.words(other, edge)}"
        line = f"and a second mistake{where}: {second}"
        return replace(found, second=second, lines=(*found.lines, self.wording.style.sign(line)))

    def of_first(self, search: Search) -> Comparison:
        """Report the first edge that can be wrong, where no bug of the catalogue explains it."""
        places = self.possible(search)
        edge = self.event(places[0])
        lines = [*self.head()]
        if len(places) == 1:
            lines += self.arithmetic(edge, None, None)
        else:
            last = self.event(places[-1])
            lines.append(
                f"first wrong edge: one of {len(places)} between step {edge.step} ({self.edge_words(edge)}) and step "
                f"{last.step} ({self.edge_words(last)}); give gradients of values on the way to narrow it down"
            )
        out = search.budget.left < 0
        lines.append(
            "the trace is too long to try every bug" if out else "no bug of the catalogue explains these numbers"
        )
        rounding = max(map(relative_gap, self.pairs))
        if rounding < ROUNDED:
            lines.append(f"all agree within {rounding:.0e} relative: if theirs are rounded, or float32, raise --rtol")
        return Comparison(self.pairs, edge, ours=nested(edge.product), lines=tuple(lines))

    def possible(self, search: Search) -> list[int]:
        """List the edges that can be the first wrong one: on the way to the first departure, from no agreement.

        What is sent wrong along an edge would be seen in all gradients that it leads to; so of these none must agree.
        """
        sweep = self.sweep
        first = min(search.departing, key=lambda node: (sweep.known_at(node), -node.index))
        waiting, found, seen = [first], set(), {first}
        while waiting:
            for place in sweep.arrivals[waiting.pop()]:
                found.add(place)
                node = sweep.nodes[place]
                if node not in seen and node not in self.theirs:
                    seen.add(node)
                    waiting.append(node)
        departing = set(search.departing)
        seen_right = {node for node in self.theirs if node in sweep.ours and node not in departing}
        for place in range(len(sweep) - 1, -1, -1):
            if sweep.operands[place] in seen_right:
                seen_right.add(sweep.nodes[place])
        left = sorted(place for place in found if sweep.operands[place] not in seen_right)
        return left or sorted(found) or [0]

    # Words

    def event(self, place: int | None) -> Backward:
        """Return the event of an edge."""
        event = self.trace[self.sweep.step(place or 0) - 1]
        assert isinstance(event, Backward)
        return event

    def head(self) -> Iterator[str]:
        """Yield how many gradients depart, and the first of them."""
        wrong = [pair for pair in self.pairs if not pair.agree]
        yield f"{len(wrong)} of {len(self.pairs)} gradients depart from ours:"
        output = self.name(self.sweep.output)
        for pair in wrong[:MOST_PAIRS]:
            partial = self.wording.partial(output, pair.name + bracketed(pair.worst))
            theirs, ours = self.spelled(pair.theirs, pair.worst), self.spelled(pair.ours, pair.worst)
            yield f"  {partial}: theirs {theirs}, ours {ours}"
        if len(wrong) > MOST_PAIRS:
            yield f"  {self.wording.style.sign('…')} and {len(wrong) - MOST_PAIRS} more"

    def spelled(self, value: Any, worst: Shape) -> str:
        """Spell a number, the element of a tensor that differs most, or a shape that is not ours."""
        for i in worst:
            value = value[i]
        return significant(value) if not isinstance(value, list) else spelled_list(value)

    def edge_words(self, event: Backward) -> str:
        """Name an edge: from which value to which, and where."""
        arrow = f"{self.wording.name(event.node)} -> {self.wording.name(event.operand)}"
        span = self.trace.span(event.node)
        return arrow if span is None else f"{arrow}, line {span.line}, column {span.column}"

    def arithmetic(self, event: Backward, theirs: Array, chosen: Suspicion | None) -> Iterator[str]:
        """Yield an edge with its arithmetic, theirs and ours."""
        sign = self.wording.style.sign
        yield f"first wrong edge: step {event.step}, {self.edge_words(event)}"
        yield f"  ours   {self.wording.equation(event)}{self.numbers(event)}"
        if chosen is not None and chosen.first is not None:
            yield sign(f"  theirs {self.their_numbers(event, theirs, chosen)}")

    def numbers(self, event: Backward) -> str:
        """Write our arithmetic: upstream times local, and what it was added to."""
        if isinstance(event.local, LinearMap):
            more = "" if event.first else f", in all {short(event.total)}"
            return self.wording.style.sign(f" = {short(event.product)}{more}")
        text = f" = {significant(event.upstream)} × {significant(event.local)} = {significant(event.product)}"
        return self.wording.style.sign(text + ("" if event.first else f", in all {significant(event.total)}"))

    def their_numbers(self, event: Backward, theirs: Array, chosen: Suspicion) -> str:
        """Write what they send, and what arrives in all."""
        operand = self.sweep.operands[chosen.first or 0]
        after = self.sweep.total(operand, chosen.mutant, chosen.changed, until=chosen.first)
        sent = "nothing" if theirs is None else short(theirs)
        alone = event.first and operand not in chosen.mutant.start
        return sent if alone and theirs is not None else f"{sent}, in all {short(after)}"

    def sent(self, chosen: Suspicion) -> Array:
        """Return what their sweep sends along the first wrong edge."""
        assert chosen.first is not None
        return self.sweep.sent(chosen.first, chosen.mutant, chosen.changed)

    def words(self, chosen: Suspicion, edge: Backward | None) -> str:
        """Say what was done: the formula taken beside the right one, in names."""
        parts = [chosen.words] if chosen.words else []
        formula = chosen.mistake.formula if chosen.mistake is not None else ""
        if formula and edge is not None and not chosen.words:
            names = self.wording.operands_by_letter(edge)
            local = self.wording.partial(self.wording.name(edge.node), self.wording.name(edge.operand))
            gate = self.trace.node(edge.node).gate
            right = gate.local_formula(edge.slot, self.wording.literals(edge))
            taken, owed = (spell(text, names, ascii_only=self.wording.style.ascii_only) for text in (formula, right))
            parts.append(f"{local} was taken to be {taken}; it is {owed}")
        if chosen.where:
            parts.append(chosen.where)
        return ", ".join(parts)


MOST_PAIRS = 8  # of gradients that depart, spelled out
