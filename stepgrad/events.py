"""Events: what can happen at a step, and what nodes are called. Records only; no text, no tape."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from stepgrad.errors import InputError
from stepgrad.gate import Gate, Local
from stepgrad.linear import LinearMap, Term
from stepgrad.longhand import written
from stepgrad.source import Span
from stepgrad.tensor import Array, Shape, indices, shape_of, show_shape

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
MOST_DIGITS = 15  # of a version or an index that is read: no trace has more nodes


class Forward(NamedTuple):
    """A value was computed, or given.

    Attributes
    ----------
    step : int
        Counts from 1; ``trace[k].step == k + 1``.
    node : int
        The index of the node.
    gate : Gate
    operands : tuple
        An int is the index of a node; anything else is a literal.
    value : Array
    name : str
        The name that the program gives the node, or ``v₆``.
    span : Span or None
        The stretch of the program that computed it.
    note : str or None
        Which domain was left, as at log(0): the name in the list of conventions, what it is there, and the
        place in the program.
    path : tuple of int
        The calls within which it was computed, outermost first: indices into ``trace.calls``.
    """

    step: int
    node: int
    gate: Gate
    operands: tuple[Any, ...]
    value: Array
    name: str
    span: Span | None
    note: str | None
    path: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return written(self)


class Seed(NamedTuple):
    """The backward sweep starts: the output's gradient is given."""

    step: int
    node: int
    gradient: Array

    def __repr__(self) -> str:
        return written(self)


class Backward(NamedTuple):
    """One edge: the upstream of ``node`` was multiplied by a local and sent to an operand.

    Attributes
    ----------
    step, node, slot, operand : int
        ``operand`` is the index of the node in that slot.
    upstream : Array
        The finished gradient of ``node``, of its shape.
    local : number or LinearMap
        ∂node/∂operand.
    product : Array
        upstream × local, of the operand's shape.
    total : Array
        The operand's gradient after adding the product.
    first : bool
        Whether nothing had arrived at the operand before.
    note : str or None
        Which convention made the local or the product, as at relu′(0), in the same form.
    """

    step: int
    node: int
    slot: int
    operand: int
    upstream: Array
    local: Local
    product: Array
    total: Array
    first: bool
    note: str | None

    def __repr__(self) -> str:
        return written(self)

    def terms(self, index: Shape) -> list[Term]:
        """Open one element of a tensor product into the scalar products that it is the sum of.

        Raises
        ------
        InputError
            If the edge carries a number: there is nothing to open; or if there is no such element.
        """
        return opened(self, index).terms(self.upstream, index)

    @property
    def reached(self) -> Shape:
        """The shape of what the edge sends: the operand's."""
        return shape_of(self.product)


class Update(NamedTuple):
    """An input was given another value.

    Attributes
    ----------
    step, node : int
        ``node`` is the input as it is from here on.
    name : str
    old, change, new : Array or None
        ``change`` is new - old; None where their shapes differ.
    span : Span or None
    """

    step: int
    name: str
    node: int
    old: Array
    change: Array
    new: Array
    span: Span | None

    def __repr__(self) -> str:
        return written(self)


class Print(NamedTuple):
    """The program printed a line."""

    step: int
    text: str
    span: Span | None


class Direction(NamedTuple):
    """The forward-mode sweep starts: an input's tangent is given, how fast it moves."""

    step: int
    node: int
    tangent: Array

    def __repr__(self) -> str:
        return written(self)


class Tangent(NamedTuple):
    """One edge of the forward-mode sweep: the tangent of an operand was multiplied by a local and added to the node's.

    Attributes
    ----------
    step, node, slot, operand : int
        ``operand`` is the index of the node in that slot.
    tangent : Array
        The finished tangent of the operand, of its shape.
    local : number or LinearMap
        ∂node/∂operand.
    product : Array
        local × tangent, of the node's shape.
    total : Array
        The node's tangent after adding the product.
    first : bool
        Whether nothing had arrived at the node before.
    note : str or None
        Which convention made the local, as at relu′(0).
    """

    step: int
    node: int
    slot: int
    operand: int
    tangent: Array
    local: Local
    product: Array
    total: Array
    first: bool
    note: str | None

    def __repr__(self) -> str:
        return written(self)

    def terms(self, index: Shape) -> list[Term]:
        """Open one element of a tensor product, as :meth:`Backward.terms` does.

        Raises
        ------
        InputError
            If the edge carries a number, or if there is no such element.
        """
        return opened(self, index).pushed_terms(self.tangent, index)

    @property
    def reached(self) -> Shape:
        """The shape of what the edge sends: the node's."""
        return shape_of(self.product)


def opened(event: Backward | Tangent, index: Shape) -> LinearMap:
    """Return the local of an edge that can be opened at an element of its product, or say why it cannot."""
    if not isinstance(event.local, LinearMap):
        raise InputError(f"step {event.step} multiplies two numbers; there is nothing further to open")
    if index not in indices(event.reached):
        shape = show_shape(event.reached)
        raise InputError(f"{index} is no element of shape {shape}; give a tuple of one whole number per axis")
    return event.local


Event: TypeAlias = Forward | Seed | Backward | Update | Print | Direction | Tangent


class Name(NamedTuple):
    """What a node is called: a name and which version of it, or no name and the node's index."""

    text: str
    version: int

    def shown(self, ascii_only: bool = False) -> str:
        """Spell it: ``c``, its second version ``c₂`` (``c#2``), the unnamed ``v₆`` (``%6``)."""
        text, version = self
        if not text:
            return unnamed(version, ascii_only)
        return f"{text}#{version}" if ascii_only and version > 1 else spelled(text, version)


def spelled(text: str, version: int) -> str:
    """Spell a name with its version: ``c``, ``c₂``."""
    if version < 1000:
        return text if version == 1 else f"{text}{LOW[version]}"
    return f"{text}{subscript_again(version)}"


def unnamed(index: int, ascii_only: bool = False) -> str:
    """Call a node without a name by its index: ``v₆`` (``%6``)."""
    return f"%{index}" if ascii_only else f"v{subscript(index)}"


def unnamed_ones(indices: range) -> list[str]:
    """Call nodes that follow each other: most have all but three digits in common."""
    high, low = divmod(indices.start, 1000)
    if not high or low + len(indices) > 1000:
        return list(map(unnamed, indices))
    common = unnamed(high)
    return [f"{common}{each}" for each in HIGH[low : low + len(indices)]]


def subscript(number: int) -> str:
    """Spell a whole number as a subscript."""
    if number < 1000:
        return LOW[number]
    high, low = divmod(number, 1000)
    return f"{LOW[high] if high < 1000 else subscript(high)}{HIGH[low]}"


subscript_again = lru_cache(maxsize=100)(subscript)  # in one pass, most names have the same version
LOW = [str(number).translate(SUBSCRIPTS) for number in range(1000)]
HIGH = [f"{number:03}".translate(SUBSCRIPTS) for number in range(1000)]


class Partial(NamedTuple):
    """The name of a derivative that is a node itself: what it is the derivative of, and by what."""

    of: Name | Partial
    by: Name | Partial
    version: int = 1

    @property
    def text(self) -> str:
        """The name without its version."""
        return self._replace(version=1).shown()

    def shown(self, ascii_only: bool = False) -> str:
        """Spell it: ``∂f/∂w0`` (``df/dw0``)."""
        bare = partial(self.of.shown(ascii_only), self.by.shown(ascii_only), "d" if ascii_only else "∂")
        return Name(bare, self.version).shown(ascii_only)


def read_name(text: str, version: int, most: int = 8) -> Name | Partial:
    """Read a name without its version as it is spelled; that of a derivative is put together again.

    >>> read_name("c", 2), read_name("∂f/∂c₂", 1).by
    (Name(text='c', version=2), Name(text='c', version=2))
    """
    ends = DERIVATIVE.fullmatch(text) if most else None
    if ends is None:
        return Name(text, version)
    of, by = (each[1:-1] if each.startswith("(") else each for each in ends.groups())
    return Partial(read_shown(of, most - 1), read_shown(by, most - 1), version)


def read_shown(text: str, most: int) -> Name | Partial:
    """Read a name with its version as it is spelled."""
    if DERIVATIVE.fullmatch(text):
        return read_name(text, 1, most)
    bare = text.rstrip("₀₁₂₃₄₅₆₇₈₉")
    digits = text[len(bare) :].translate(DIGITS)
    if len(digits) > MOST_DIGITS:
        return Name(text, 1)
    version = int(digits or "1")
    return Name("", version) if bare == "v" and text != "v" else read_name(bare, version, most)


END = r"∂(\(.+\)|[^/()∂]+)"
DERIVATIVE = re.compile(f"{END}/{END}")


def partial(of: str, by: str, sign: str = "∂") -> str:
    """Write a derivative; one of a derivative in parentheses.

    >>> partial("f", "w"), partial("∂f/∂w", "x")
    ('∂f/∂w', '∂(∂f/∂w)/∂x')
    """
    return "/".join(f"{sign}({name})" if "/" in name else f"{sign}{name}" for name in (of, by))
