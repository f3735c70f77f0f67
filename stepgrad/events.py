"""Events: what can happen at a step, and what nodes are called. Records only; no text, no tape."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from stepgrad.errors import InputError
from stepgrad.gate import Gate, Local
from stepgrad.linear import LinearMap, Term
from stepgrad.source import Span
from stepgrad.tensor import Array, Shape, indices, show_shape

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


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


class Seed(NamedTuple):
    """The backward sweep starts: the output's gradient is given."""

    step: int
    node: int
    gradient: Array


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

    def terms(self, index: Shape) -> list[Term]:
        """Open one element of a tensor product into the scalar products that it is the sum of.

        Raises
        ------
        InputError
            If the edge carries a number: there is nothing to open; or if there is no such element.
        """
        if not isinstance(self.local, LinearMap):
            raise InputError(f"step {self.step} multiplies two numbers; there is nothing further to open")
        if index not in indices(self.local.operand_shape):
            shape = show_shape(self.local.operand_shape)
            raise InputError(f"{index} is no element of shape {shape}; give a tuple of one whole number per axis")
        return self.local.terms(self.upstream, index)


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


class Print(NamedTuple):
    """The program printed a line."""

    step: int
    text: str
    span: Span | None


Event: TypeAlias = Forward | Seed | Backward | Update | Print


class Name(NamedTuple):
    """What a node is called: a name and which version of it, or no name and the node's index."""

    text: str
    version: int

    def shown(self, ascii_only: bool = False) -> str:
        """Spell it: ``c``, its second version ``c₂`` (``c#2``), the unnamed ``v₆`` (``%6``)."""
        if not self.text:
            return f"%{self.version}" if ascii_only else f"v{str(self.version).translate(SUBSCRIPTS)}"
        if self.version == 1:
            return self.text
        return f"{self.text}#{self.version}" if ascii_only else f"{self.text}{str(self.version).translate(SUBSCRIPTS)}"
