"""Spelling: numbers, tensors, texts and parameters as JSON, so that they are read back to the bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from math import inf, isfinite, prod
from operator import index as as_int
from struct import Struct
from typing import Any, NamedTuple

from stepgrad.gate import Elementwise, Gate
from stepgrad.source import Span
from stepgrad.tensor import Shape, Tensor, fold_rows

CHECKSUM = "crc"  # the last key of every line: CRC-32 of all lines up to here, each without its own
MANY = 4_000  # spellings that are remembered
NUMBERS = 20_000  # in the tensors whose spellings are remembered
LONG = 10**4000  # whole numbers from here on are written in base 16: Python reads and writes them in no time


class Remembered:
    """Spellings of what comes again and again: each is made once, as long as there is room.

    Attributes
    ----------
    known : dict
        What is remembered. The loops below ask ``known(x) or new(x)``, which costs half of what one call does.
    """

    def __init__(self, spell: Callable[[Any], str]) -> None:
        self.spell = spell
        self.known: dict[Any, str] = {}

    def new(self, key: Any) -> str:
        """Spell what is not known yet. Zero is spelled anew each time: as a key, -0.0 is 0.0."""
        text = self.spell(key)
        if key == key and (key or key is None):
            if len(self.known) >= MANY:
                self.known.clear()
            self.known[key] = text
        return text

    def __getitem__(self, key: Any) -> str:
        return self.known.get(key) or self.new(key)


class Floats(Remembered):
    """Spellings of floats: nearly every step has a new one."""

    def __init__(self) -> None:
        super().__init__(spell_number)

    def new(self, key: Any) -> str:
        """Spell what is not known yet."""
        if type(key) is not float or not key or not -inf < key < inf:
            return spell_number(key)
        if len(self.known) >= MANY:
            self.known.clear()
        text = self.known[key] = repr(key)
        return text


class Layout(NamedTuple):
    """How tensors of one shape are spelled.

    Attributes
    ----------
    template : str
        What ``%`` makes nested lists of floats with.
    bits : callable
        Tells such tensors apart, also -0.0 from 0.0.
    known : dict
        Those that were spelled, by their bits.
    """

    template: str
    bits: Callable[..., bytes]
    known: dict[bytes, str]


class Tensors:
    """Spellings of tensors of floats, remembered as long as there is room.

    Nothing spells a number faster than Python does; but a total comes again as an upstream, and often as a product.
    """

    def __init__(self) -> None:
        self.layouts: dict[Shape, Layout] = {}
        self.room = NUMBERS

    def __getitem__(self, tensor: Tensor) -> str:
        layout = self.layouts.get(tensor.shape) or self.layout(tensor.shape)
        bits = layout.bits(*tensor.data)
        return layout.known.get(bits) or self.new(tensor, layout, bits)

    def layout(self, shape: Shape) -> Layout:
        """Lay out the tensors of a shape."""
        count = prod(shape)
        template = repr(fold_rows(shape, ["%r"] * count)).replace("'", "").replace(" ", "")
        self.room -= count
        found = self.layouts[shape] = Layout(template, Struct(f"{count}d").pack, {})
        return found

    def new(self, tensor: Tensor, layout: Layout, bits: bytes) -> str:
        """Spell what is not known yet."""
        self.room -= len(tensor.data) + 1
        if self.room < 0:
            self.layouts.clear()
            self.room = NUMBERS
        text = layout.known[bits] = self.spelled(tensor)
        return text

    def spelled(self, tensor: Tensor) -> str:
        """Spell a tensor, and remember nothing."""
        layout = self.layouts.get(tensor.shape) or self.layout(tensor.shape)
        text = layout.template % tuple(tensor.data)
        return spell_tensor(tensor) if not tensor.data or "n" in text else text  # nan or inf


def spell_number(number: Any) -> str:
    """Spell a number so that it is read back to the bit.

    >>> spell_number(0.1), spell_number(float("-inf")), spell_number(Fraction(1, 3))
    ('0.1', '"-inf"', '"1/3"')
    """
    if isinstance(number, float):
        return float.__repr__(number) if isfinite(number) else f'"{float.__repr__(number)}"'
    if isinstance(number, Fraction):
        return f'"{spell_whole(number.numerator)}/{spell_whole(number.denominator)}"'
    return spell_whole(as_int(number))


def spell_tensor(tensor: Tensor) -> str:
    """Spell a tensor as nested lists, number by number; one without numbers by its shape alone."""
    if not tensor.data:
        return f'{{"shape":[{",".join(map(str, tensor.shape))}]}}'
    level = list(map(spell_number, tensor.data))
    for size in reversed(tensor.shape):
        level = [f"[{','.join(level[i : i + size])}]" for i in range(0, len(level), size)]
    return level[0]


def spell_whole(number: int) -> str:
    """Spell a whole number, a very long one in base 16."""
    return str(number) if -LONG < number < LONG else hex(number)


def spell_text(text: str | None) -> str:
    """Spell a text; what a terminal would obey, or UTF-8 cannot hold, is escaped."""
    return "null" if text is None else json.dumps(text, ensure_ascii=not text.replace("\n", "").isprintable())


def spell_gate(gate: Gate) -> str:
    """Spell what comes after a name: the gate, and the parameters that most have not."""
    return f',"gate":{spell_text(gate.name)},"params":'


def spell_edge_gate(gate: Gate) -> str:
    """Spell what stands between the node of an edge and its slot."""
    return (
        f',"name":null,"version":null,"gate":{spell_text(gate.name)},"params":null,"operands":null,"literals":null,'
        '"value":null,"slot":'
    )


def spell_params(gate: Gate, params: Any) -> str:
    """Spell a gate's parameters: pairs of name and value. Those of a gate that is text are in its row."""
    if isinstance(gate, Elementwise):
        params = dict(zip(gate.params, gate.given, strict=True))
    pairs = [f'["{name}",{spell_param(name, params[name])}]' for name in gate.params]
    return f"[{','.join(pairs)}]" if pairs else "null"


def spell_param(name: str, value: Any) -> str:
    """Spell a parameter: a slice is a list of three, ``...`` a text."""
    if type(value) is int:
        return spell_whole(value)
    if value is None or value is True or value is False:
        return json.dumps(value)
    if value is ...:
        return '"..."'
    if isinstance(value, slice):
        value = [value.start, value.stop, value.step]
    if isinstance(value, (list, tuple)):
        return f"[{','.join(spell_param(name, each) for each in value)}]"
    return spell_number(value)


def spell_span(span: Span | None) -> str:
    """Spell a stretch of the program: four fields."""
    line, column, end_line, end_column = ("null",) * 4 if span is None else span
    return f'"line":{line},"column":{column},"end_line":{end_line},"end_column":{end_column}'
