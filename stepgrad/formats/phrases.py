"""Phrases: how gates and their rules are written, made once, with holes for the names that differ from step to step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from stepgrad.formula import spell
from stepgrad.gate import Gate, Params
from stepgrad.style import Style

MANY = 20_000  # that are remembered of each kind
HOLES = ("\ue000", "\ue001", "\ue002", "\ue003")  # where names will stand in a text that is made once


class Remembered(dict[Any, Any]):
    """What is made when first asked for, and remembered as long as there is room."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, key: Any) -> Any:
        if len(self) >= MANY:
            self.clear()
        found = self[key] = self.make(key)
        return found


class Written(NamedTuple):
    """A text with holes for names, and what picks these from those at hand; None: it has no holes."""

    text: str
    pick: Callable[[tuple[str, ...]], Any] | None

    def filled(self, names: tuple[str, ...]) -> str:
        """Put the names in."""
        return self.text % self.pick(names) if self.pick else self.text


class Product(NamedTuple):
    """What a tensor edge multiplies, of upstream, ``x``, ``y`` and ``z``; and which stand beside the upstream."""

    written: Written
    factors: list[int]


class Phrases:
    """What is written of gates, in one style.

    Attributes
    ----------
    of_one, of_two, expressions : mapping
        What a gate computes of a node; of two; of operands that may be literals, by gate and by whether each is a
        negative literal, ``""`` where there is none.
    rules : mapping
        The local of a slot, by gate, slot and literals.
    """

    def __init__(self, style: Style) -> None:
        self.style = style
        self.expressions = Remembered(self.expression)
        self.of_one = Remembered(lambda gate: self.expression((gate, False, "")))
        self.of_two = Remembered(lambda gate: self.expression((gate, False, False)))
        self.rules = Remembered(self.rule)
        self.applications: dict[Any, Written] = {}
        self.pulled = Remembered(self.pull)
        self.products = Remembered(self.product_of)

    def holed(self, text: str, holes: Iterable[str], *, signed: bool) -> Written:
        """Make a template of a text with holes."""
        known = {hole: place for place, hole in enumerate(holes)}
        parts = re.split(f"({'|'.join(map(re.escape, known))})", text)
        order = [known[part] for part in parts[1::2]]
        sign = self.style.sign if signed else str
        parts[::2] = [sign(part).replace("%", "%%" if order else "%") for part in parts[::2]]
        parts[1::2] = ["%s"] * len(order)
        return Written("".join(parts), itemgetter(*order) if order else None)

    def expression(self, key: tuple[Any, ...]) -> Written:
        """Write what a gate computes of one operand or two: each is a hole, that of a negative literal with a sign."""
        gate, *below = key
        return self.applied(gate, [each for each in below if each != ""], {})

    def applied(self, gate: Gate, below: Sequence[bool], params: Params) -> Written:
        """Write an application, a hole for every operand, that of a negative literal with a sign."""
        holes = [("-" if each else "") + chr(ord(HOLES[0]) + place) for place, each in enumerate(below)]
        return self.holed(gate.written(holes, params), holes, signed=True)

    def application(self, gate: Gate, operands: tuple[str, ...], params: Params) -> str:
        """Write an application of a gate to any operands, with parameters."""
        below = [text[0] == "-" for text in operands]
        key = gate, repr(params) if params else "", *below
        written = self.applications.get(key)
        if written is None:
            if len(self.applications) >= MANY:
                self.applications.clear()
            written = self.applications[key] = self.applied(gate, below, params)
        return written.filled(operands)

    def rule(self, key: tuple[Any, ...]) -> Written:
        """Write the local of a slot, the gate's literals put in."""
        gate, slot, *literals = key
        text = gate.local_formula(slot, by_slot(literals))
        spelled = spell(text, dict(zip("xyz", HOLES)), ascii_only=self.style.ascii_only)
        return self.holed(spelled, HOLES[:3], signed=False)

    def product(self, gate: Gate, slot: int, literals: tuple[Any, Any], words: str) -> Product:
        """Write what a tensor edge multiplies: by the gate's formula or, where it has none, by the local's."""
        found: Product = self.products[self.pulled[gate, slot, *literals] or words]
        return found

    def pull(self, key: tuple[Any, ...]) -> str:
        """Ask a gate for its formula."""
        gate, slot, *literals = key
        formula: str = gate.pulled(slot, by_slot(literals))
        return formula

    def product_of(self, formula: str) -> Product:
        """Make holes for the upstream and for what else a formula multiplies."""
        text = formula.format(**dict(zip(("up", "x", "y", "z"), HOLES)))
        letters = dict.fromkeys(re.findall(r"{([xyz])}", formula))
        return Product(self.holed(text, HOLES, signed=True), [" xyz".index(letter) for letter in letters])


def by_slot(literals: Iterable[Any]) -> dict[int, Any]:
    """Return the literals among operands by their slots."""
    return {slot: literal for slot, literal in enumerate(literals) if literal is not None}
