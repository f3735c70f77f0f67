"""Layout: the lines of a pass that was told with marks, cut at these.

What is left is a template with holes, and a list of which text goes into each. How long the texts may be is known, too:
a rule follows an edge where there is room, and arrays stand beside each other or one below the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import NamedTuple, TypeAlias

from stepgrad.columns import several
from stepgrad.formats.blocks import BELOW
from stepgrad.formats.holes import Holes
from stepgrad.formats.marking import BLANK, FILL, NAME, NUMBER, RELATION, ROW, MarkedBlocks, Room

REMEMBERED = 10_000  # steps of arrangements
MARK = re.compile(f"([{chr(NAME)}-{chr(RELATION)}]){FILL}*")
BLANKS = re.compile(f"[ {chr(BLANK)}-{chr(NUMBER - 1)}]+$", re.MULTILINE)  # at the end of a line
Holed: TypeAlias = tuple[str, list[int]]  # lines with holes, and which of all texts these take


class Widths(NamedTuple):
    """How wide lines, the columns of steps, equations and numbers, and the shortest number are."""

    line: int
    step: int
    equation: int
    number: int
    shortest: int


class Sheet:
    """Lines with holes.

    Parameters
    ----------
    steps : iterable of Holed
    """

    def __init__(self, steps: Iterable[Holed]) -> None:
        lines = list(steps)
        self.template = "\n".join([template for template, _ in lines])
        self.pick = several(list(chain.from_iterable(places for _, places in lines)))

    def filled(self, texts: Sequence[str]) -> list[str]:
        """Return the lines, the texts put in."""
        return (self.template % tuple(self.pick(texts))).split("\n") if self.template else []


class Layout:
    """The lines of a pattern, its names of some lengths.

    Parameters
    ----------
    holes : Holes
    widths : Widths
    told : sequence of list of str
        The lines of every step, told with marks: as if all arrays were narrow, and if need be, as if they were wide.
    blocks : MarkedBlocks
    rooms : dict
        By step, what room there is for arrays.

    Attributes
    ----------
    rules : Sheet
        What follows the numbers of some edges where there is room.
    in_line, below : list of int
        By how much the numbers of a step may be longer than their columns, to stand in its line; or at most, below.
    ruled : list of (int, int)
        The steps with numbers that a rule can follow, and by how much these may be longer then.
    steps : list of Holed
        If there is room.
    otherwise : dict
        What is told of a step where there is less, not yet cut: those with arrays first, then those with numbers.
    arrays : dict
        Which of the distinct numbers are shown as arrays, in order, and how many lines each has.
    most : list of int
        How wide each of them may be.
    together : list of (list of int, int)
        Which stand beside each other at a step, and how wide they may be together.
    """

    def __init__(
        self, holes: Holes, widths: Widths, told: Sequence[list[str]], blocks: MarkedBlocks, rooms: dict[int, Room]
    ) -> None:
        self.holes = holes
        self.widths = widths
        self.arrays = dict(blocks.rows)
        order = {first: number for number, first in enumerate(blocks.first.values())}
        self.together = [([order[first] for first in room.arrays], room.together) for room in rooms.values()]
        self.most = [widths.line] * len(order)
        for first, most in chain.from_iterable(room.each for room in rooms.values()):
            self.most[order[first]] = min(most, self.most[order[first]])
        first_rule, rules = holes.at.array + blocks.size, list[Holed]()
        self.in_line: list[int] = []
        self.below: list[int] = []
        self.ruled: list[tuple[int, int]] = []
        self.steps = [self.step(step, text) for step, text in enumerate(told[0])]
        self.otherwise = {step: told[1][step] for step in rooms}
        for number, step in enumerate(holes.scalar_steps):
            text = told[0][step]
            end = self.end(step, text)
            in_two = f"{text[: (start := text.index(chr(RELATION)))].rstrip()}\n{BELOW}{text[start:end]}"
            self.in_line.append(self.room(text[:end]))
            self.below.append(max(self.room(text[:end]), self.room(in_two)))
            self.otherwise[step] = in_two
            if end < len(text):
                template, places = self.step(step, text[:end])
                self.steps[step] = f"{template}%s", [*places, first_rule + len(rules)]
                self.ruled.append((number, self.room(text)))
                rules.append(self.holed(text[end:]))
        self.rules = Sheet(rules)
        self.known: dict[tuple[bool, ...], list[Sheet]] = {}

    def sheets(self, is_narrow: tuple[bool, ...]) -> list[Sheet]:
        """Return the lines before the sweep, of it, and after it, given which steps that can change are narrow."""
        found = self.known.get(is_narrow)
        if found is None:
            if len(self.known) * self.holes.pattern.steps >= REMEMBERED:
                self.known.clear()
            steps = list(self.steps)
            for (step, otherwise), narrow in zip(self.otherwise.items(), is_narrow, strict=True):
                if not narrow:
                    steps[step] = self.step(step, otherwise)
            pattern = self.holes.pattern
            ends = 0, pattern.before, pattern.before + pattern.swept, pattern.steps
            found = self.known[is_narrow] = [Sheet(steps[start:end]) for start, end in pairwise(ends)]
        return found

    def room(self, text: str) -> int:
        """Return how much longer the last line of a step may be."""
        taken = len(text) - text.rfind("\n") - 1 if "\n" in text else len(text) + self.widths.step
        return self.widths.line - taken

    def end(self, step: int, text: str) -> int:
        """Return where what belongs to the line of a step with numbers ends: all but the rule of an edge."""
        is_edge = step >= self.holes.pattern.before
        return text.rindex(chr(NUMBER)) + self.widths.shortest if is_edge else len(text)

    def step(self, step: int, text: str) -> Holed:
        """Make holes in the lines of a step, and one for its number before them."""
        if step in self.holes.update_of:
            at, number = self.holes.at, self.holes.update_of[step]
            line = f"%{self.widths.step}s  %-{self.widths.equation}s %s %{self.widths.number}s"
            return line, [step, at.equation + number, at.update + number, at.number + self.holes.updates[step][2]]
        template, places = self.holed(text, self.holes.of_step.get(step, ()))
        return f"%{self.widths.step}s{template}", [step, *places]

    def place(self, mark: int) -> int:
        """Return where the text stands that a mark is for: a name, a blank line of an array, or what else it has."""
        if mark < ROW:
            return self.holes.at.name + mark - NAME
        return self.holes.at.array + (mark - ROW if mark < BLANK else mark - BLANK + 1)

    def holed(self, text: str, holes: Iterable[int] = ()) -> Holed:
        """Make holes of the marks: those for numbers and relations are given in order."""
        at, width, waiting, start = self.holes.at, self.widths.number, iter(holes), 0
        blanks = width - self.widths.shortest
        text = BLANKS.sub("", text) if self.arrays else text
        template, places = "", []
        for mark in MARK.finditer(text):
            piece, start, kind = text[start : mark.start()], mark.end(), ord(mark[1])
            place = next(waiting) if kind >= NUMBER else self.place(kind)
            is_filled_up = kind == NUMBER and place < at.total
            piece = piece[: len(piece) - blanks] if is_filled_up else piece
            template += f"{piece.replace('%', '%%')}%{width if is_filled_up else ''}s"
            places.append(place)
        return template + text[start:].replace("%", "%%"), places
