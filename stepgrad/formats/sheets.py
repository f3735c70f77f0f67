"""Sheets: the passes of one pattern as text, filled into what one of them leaves when all that differs is cut out.

A pass is told by :class:`~stepgrad.formats.plain.Plain` as every other, but with marks for what differs; cut at these,
its lines are a template, into which all others put their names, numbers and arrays at once. As long as names are as
long as they were, all stands where it stood; else a pass is cut anew. A pass in which a line would have to be broken
elsewhere is not told so, nor one with a note, an inf or a nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import gt, le, ne, or_
from typing import NamedTuple

from stepgrad.called import Counted
from stepgrad.columns import Columns, Found
from stepgrad.events import unnamed
from stepgrad.formats.alike import Distinct
from stepgrad.formats.holes import Holes
from stepgrad.formats.layout import Layout, Widths
from stepgrad.formats.marking import FILL, MOST, NUMBER, MarkedBlocks, MarkedNames, Marking, Room
from stepgrad.formats.plain import Plain, update_equation
from stepgrad.stretches import Placed
from stepgrad.style import LARGE
from stepgrad.tensor import Array

LONGEST = 3_000  # steps of a pass that is cut
PATIENCE = 8  # passes that are told with names of the same lengths before one is cut, which takes as long as many


class Repeated(NamedTuple):
    """The lines of a pass, and what its output is called."""

    forward: list[str]
    output: str
    backward: list[str]
    updates: list[str]


class Sheets:
    """Tells the passes of one pattern.

    Parameters
    ----------
    plain : Plain
    columns : Columns
    found : Found
        Of one of them.
    """

    def __init__(self, plain: Plain, columns: Columns, found: Found) -> None:
        self.plain = plain
        self.columns = columns
        self.pattern = columns.pattern
        self.distinct = Distinct(columns)
        self.holes = Holes(columns, self.distinct, numbers := self.distinct.numbers(found))
        self.standing = self.holes.standing
        self.others = [self.called(node.index) for node in self.standing.others]
        assert self.pattern.model.output is not None
        self.output = self.standing.place(self.pattern.model.output)
        digits = plain.wording.style.digits
        self.template = " ".join([f"%.{digits}f"] * len(self.holes.scalars(numbers)))
        shortest = len(f"{0:.{digits}f}")
        self.widths = Widths(
            plain.columns.line,
            plain.columns.step,
            plain.columns.equation,
            max(plain.columns.number, shortest),
            shortest,
        )
        self.exponent = f"%.{digits}e"
        self.longest = len(f"{LARGE:.{digits}f}") - 1
        self.not_grown = [0] * len(self.holes.scalar_steps)
        self.flags: list[bool] = []
        self.relations: list[str] = []
        self.lengths: list[int] = []
        self.met = 0
        self.layout: Layout | None = None
        self.named: tuple[int, list[str]] = -1, []

    def called(self, index: int) -> str:
        """Return what a node is called."""
        name = self.plain.trace.called.get(index)
        return unnamed(index) if name is None else name.shown()

    def lines(self, placed: Placed, k: int, found: Found) -> Repeated | None:
        """Return the lines of a pass; None where it cannot be told so."""
        numbers, names = self.distinct.numbers(found), self.names_of(placed, k)
        layout = self.layout_for(list(map(len, names)), placed, k)
        if layout is None:
            return None
        texts, is_rounded = self.spelled(self.holes.scalars(numbers))
        first, _, _, end, _ = placed.bounds(k)
        totals = self.totals(texts, is_rounded)
        grown, printed_arrays = self.grown(texts, totals), self.arrays(numbers, texts, is_rounded, layout)
        updates = self.updates(names, texts, is_rounded)
        if printed_arrays is None or updates is None or any(map(gt, grown, layout.below)):
            return None
        arrays, widths = printed_arrays
        if any(map(gt, widths, layout.most)):
            return None
        is_narrow = [sum(map(widths.__getitem__, arrays)) <= together for arrays, together in layout.together]
        steps = map(str, range(first + 1, end + 1))
        every = [*steps, *names, *texts, *self.related(is_rounded), *totals, *updates, *arrays]
        rules = zip(layout.rules.filled(every), layout.ruled)
        every += [rule if grown[number] <= room else "" for rule, (number, room) in rules]
        sheets = layout.sheets((*is_narrow, *map(le, grown, layout.in_line)))
        forward, backward, tail = (sheet.filled(every) for sheet in sheets)
        return Repeated(forward, names[self.output], backward, tail)

    def spelled(self, numbers: Sequence[float]) -> tuple[list[str], list[bool]]:
        """Print numbers, and say which are rounded."""
        texts = (self.template % tuple(numbers)).split()
        read = list(map(float, texts))
        awkward = [place for place, number in enumerate(read) if not number and numbers[place]]  # for the decimals
        if max(map(len, texts), default=0) > self.longest:
            awkward += [place for place, number in enumerate(numbers) if abs(number) >= LARGE]
        for place in awkward:
            texts[place] = self.exponent % numbers[place]
            read[place] = float(texts[place])
        return texts, list(map(ne, read, numbers))

    def grown(self, texts: Sequence[str], totals: Sequence[str]) -> list[int]:
        """Return by how much the numbers of every step that has such are longer than their columns."""
        holes, width, grown = self.holes, self.widths.number, list(self.not_grown)
        first_edge = len(holes.computed)
        for edge, total in zip(holes.later, totals):
            grown[first_edge + edge] = len(total) - self.widths.shortest
        lengths = list(map(len, texts))
        if max(lengths, default=0) > width:
            more = [length - width if length > width else 0 for length in lengths]
            values = [more[number] for _, number in holes.computed]
            edges = zip(grown[first_edge:], holes.edges)
            return [*values, *[own + more[up] + more[local] + more[product] for own, (up, local, product) in edges]]
        return grown

    def arrays(
        self, numbers: Sequence[Array], texts: Sequence[str], is_rounded: Sequence[bool], layout: Layout
    ) -> tuple[list[str], list[int]] | None:
        """Print arrays, and return how wide they are; None where one needs more care."""
        blocks, ranks, found, widths = self.plain.blocks, self.holes.ranks, list[str](), list[int]()
        for place, rows in layout.arrays.items():
            array = numbers[place]
            if place in ranks:
                lines, rounded = [texts[ranks[place]]], is_rounded[ranks[place]]
            else:
                block = blocks.printed(array, blocks.layout_of(array))
                if len(block.lines) != rows or not block.is_even:
                    return None
                lines, rounded = block.lines, block.relation != "="
            width = len(lines[0])
            widths.append(width)
            found += blocks.relations[rounded], " " * width, *lines
        return found, widths

    def names_of(self, placed: Placed, k: int) -> list[str]:
        """Return all names in their order."""
        first, back = placed.bounds(k).first_node, self.standing.back
        before = self.named[1] if self.named[0] == first else list(map(self.called, range(first - back, first)))
        names = self.plain.trace.called
        assert isinstance(names, Counted), "see Repeats: the language makes them"
        own = names.shown_in(placed.repeats, k)
        self.named = first + self.pattern.period, own[len(own) - back :]
        return [*before, *own, *self.others]

    def related(self, is_rounded: list[bool]) -> list[str]:
        """Return the signs of relation: of every number, and of every edge before its factors and its product."""
        if is_rounded != self.flags:
            factors = [is_rounded[upper] or is_rounded[local] for upper, local, _ in self.holes.edges]
            products = [is_rounded[product] for _, _, product in self.holes.edges]
            every = *is_rounded, *factors, *map(or_, factors, products)
            self.flags, self.relations = is_rounded, [self.plain.equal[each] for each in every]
        return self.relations

    def totals(self, texts: Sequence[str], is_rounded: Sequence[bool]) -> list[str]:
        """Print the totals of all edges that meet others."""
        about = "", self.plain.about
        return [f"{about[is_rounded[number]]}{texts[number]}" for number in self.holes.totals]

    def updates(self, names: Sequence[str], texts: Sequence[str], is_rounded: Sequence[bool]) -> list[str] | None:
        """Return what the updates of numbers add, and the signs before what they give; None where one does not fit."""
        shift, equal, widths = self.standing.back - self.pattern.swept, self.plain.equal, self.widths
        room = widths.line - widths.step - len("   = ")
        equations, relations = list[str](), list[str]()
        for step, (old, change, new) in self.holes.updates.items():
            equation = update_equation(names[shift + step], texts[old], texts[change])
            if max(len(equation), widths.equation) + max(len(texts[new]), widths.number) > room:
                return None
            equations.append(equation)
            relations.append(equal[is_rounded[old] or is_rounded[change] or is_rounded[new]])
        return equations + relations

    # Cutting

    def layout_for(self, lengths: list[int], placed: Placed, k: int) -> Layout | None:
        """Return the layout for names of some lengths; None until these have been met several times."""
        if lengths != self.lengths:
            self.lengths, self.layout, self.met = lengths, None, 0
        self.met += 1
        if self.met == PATIENCE:
            self.layout = self.laid_out(lengths, placed, k)
        return self.layout

    def laid_out(self, lengths: list[int], placed: Placed, k: int) -> Layout | None:
        """Tell a pass with marks, and cut its lines at these; None where a step is left to the export."""
        first, back = placed.bounds(k).first_node, self.standing.back
        indices = chain(range(first - back, first + self.pattern.period), (node.index for node in self.standing.others))
        names, blocks = MarkedNames(indices, lengths), MarkedBlocks(self.plain.blocks)
        number = (chr(NUMBER) + FILL * (self.widths.shortest - 1)).rjust(self.widths.number)
        (stretch,) = placed.each(self.columns.written, [k])
        told: list[list[str]] = []
        rooms: dict[int, Room] = {}
        for is_wide in (False, True) if self.columns.has_tensors else (False,):
            marking = Marking(self.plain, names, blocks, number, is_wide=is_wide)
            told.append(list(marking.told_with(stretch, self.distinct.places, self.holes.held)))
            if marking.has_told or blocks.size > MOST:
                return None
            rooms = {step - stretch.first_step - 1: room for step, room in marking.rooms.items()}
        return Layout(self.holes, self.widths, told, blocks, rooms)
