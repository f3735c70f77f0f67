"""What a gate is: a row of the table, with all that anyone asks of it.

An :class:`Elementwise` gate is text: its forward and its locals are formulas. A
:class:`Structural` gate is a function that returns the result and a linear map per operand. Both
are applied in the same way and answer the same questions, so nothing above this floor asks which
kind it holds.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite, prod
from typing import Any, TypeAlias

from stepgrad.formula import OPERANDS, Kernel, compile_formula, compile_kernel, fold, spell
from stepgrad.linear import LinearMap, Weights, is_lost, shuts_out
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.tensor import Array, Number, Shape, Tensor, broadcast_shape, flat, shape_of

Local: TypeAlias = "Number | LinearMap | None"  # None: no gradient flows along this edge
Params: TypeAlias = Mapping[str, Any]
Result: TypeAlias = "tuple[Array, list[Local]]"

COMMUTATIVE = ("add", "mul")
NO_LITERALS: Mapping[int, Array] = {}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Gate:
    """A row of the table.

    Attributes
    ----------
    name : str
        The name under which programs call it.
    symbol : str
        What stands in its box in the circuit; an operator where ``infix``.
    signature : str
        How it is called, operands first: ``"sum(x, axis=None, keepdims=False)"``.
    words : str
        What it does to gradients, in one sentence for a learner.
    params : tuple of str
        Which names of the signature are no operands: ``("axis", "keepdims")``.
    samples : tuple of (operands, params)
        Where tests check the row: operands as programs write them.
    also : tuple of str
        Other names under which course code calls it.
    infix : bool
        Whether it is written between its operands.
    constant : bool
        Whether what it makes is a constant, also of a literal.
    chooses : bool
        Whether a comparison of its own decides what it is, beside those at its kinks.
    """

    name: str
    symbol: str
    signature: str
    words: str
    params: tuple[str, ...] = ()
    samples: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = ()
    also: tuple[str, ...] = ()
    infix: bool = False
    constant: bool = False
    chooses: bool = False

    def with_params(self, params: Params) -> Gate:
        """Return the row to apply with these parameters: itself, unless they stand in its text."""
        return self

    def apply(self, number: NumberType, operands: Sequence[Array], wanted: Sequence[bool], params: Params) -> Result:
        """Compute the result and, for every operand that is wanted, its local.

        Parameters
        ----------
        number : NumberType
            What to compute with.
        operands : sequence of Array
        wanted : sequence of bool
            For each operand, whether a gradient flows to it.
        params : mapping
            What is no operand: axis, shape, index.

        Raises
        ------
        GateError
            If the operands do not fit, or the number type cannot do this.
        """
        raise NotImplementedError

    def aligned(self, shapes: Sequence[Shape]) -> list[Shape]:
        """Return the shapes to which the operands are broadcast before the gate is applied."""
        return list(shapes)

    def local_formula(self, slot: int, literals: Mapping[int, Array]) -> str:
        """Return the local of a slot as text in ``x``, ``y`` and ``z``; empty where only words say it."""
        return ""

    def pulled(self, slot: int, literals: Mapping[int, Array]) -> str:
        """Return the product in words with ``{up}``, ``{x}``, ``{y}``, ``{z}``; empty: ask the local."""
        return ""

    def left_domain(self, number: NumberType, operands: Sequence[Array], result: Array) -> str | None:
        """Say which domain the result has left, if any."""
        return None

    def used_convention(
        self, number: NumberType, operands: Sequence[Array], result: Array, slot: int, local: Local, *, params: Params
    ) -> str | None:
        """Say which convention made the local of a slot, if any."""
        return None

    def lost_product(self, upstream: Array, local: Local, product: Array) -> str | None:
        """Say that 0 met inf in an edge, if it did: in a gate that shuts out it counts as 0, elsewhere it is nan."""
        if shuts_out(upstream, local):
            return "shut out: 0 × inf is 0, by convention, where the gate is closed"
        if not any(x != x for x in flat(product)):
            return None
        met = local.zero_meets_inf(upstream) if isinstance(local, LinearMap) else is_lost(upstream, local)
        return "0 × inf: it is nan" if met else None

    def label(self, literals: Mapping[int, str], params: Params) -> str:
        """Return what stands in the box: the symbol, with the literal that the gate carries."""
        if not literals:
            return self.symbol
        first, literal = next(iter(literals.items()))
        if not self.infix:
            return f"{self.symbol} {literal}"
        if first == 0 and self.name not in COMMUTATIVE:
            return f"{literal}{self.symbol}x"
        return f"{self.symbol}{literal}"

    def written(self, operands: Sequence[str], params: Params) -> str:
        """Write the application out, with operands by name: ``w0 × x0``, ``sum(q, axis=0)``."""
        if self.infix:
            joined = f" {self.symbol} "
            return joined.join(operands if self.symbol in "×/" else map(in_parentheses, operands))
        given = [f"{key}={value}" for key, value in params.items() if value is not None and value is not False]
        return f"{self.name}({', '.join([*operands, *given])})"

    def __repr__(self) -> str:
        return f"<gate {self.name}>"


def in_parentheses(number: str) -> str:
    """Put a negative number in parentheses: ``x - (-1)``."""
    return f"({number})" if number.startswith("-") else number


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Elementwise(Gate):
    """A gate whose rule is text: the same formula for every element.

    Attributes
    ----------
    forward : str
        The result in ``x`` and ``y``.
    locals : tuple of str
        For each operand, the local in ``x``, ``y`` and the result ``z``.
    shown : tuple of str
        The locals as a lecture writes them, where the computed text is chosen for its digits; equal in value.
    domain : tuple of (condition, words)
        Where the result leaves the domain, and what it is there. These words, and those of ``kinks``, begin with
        the name under which ``conventions`` lists the case: ``"log at 0: log(0) is -inf"``.
    kinks : tuple of (operands, condition, words)
        Where the local of these operands, ``x``, ``y`` or ``xy``, is a convention.
    given : tuple of numbers
        The values of ``params`` that have been put into the texts; empty in the table, where these stand by
        their names.
    """

    forward: str
    locals: tuple[str, ...]
    shown: tuple[str, ...] = ()
    domain: tuple[tuple[str, str], ...] = ()
    kinks: tuple[tuple[str, str, str], ...] = ()
    given: tuple[Number, ...] = ()

    def with_params(self, params: Params) -> Gate:
        """Put the parameters into the texts, as literals: what is compiled, shown and explained is the same."""
        given = tuple(params[name] for name in self.params)
        return with_values(self, given, tuple(map(type, given))) if given else self

    def apply(self, number: NumberType, operands: Sequence[Array], wanted: Sequence[bool], params: Params) -> Result:
        """Compute by the compiled text, on numbers or on lists of numbers."""
        shape = shape_of(operands[0]) or shape_of(operands[-1])
        kernel = kernel_of(self, number, tuple(wanted), bool(shape))
        if not shape:
            z, *found = kernel(*operands)
            return z, found[: len(wanted)]
        size = prod(shape)
        zs, *columns = kernel(*[o.data if isinstance(o, Tensor) else [o] * size for o in operands])
        zero, places = number.make(0), range(size)
        maps: list[Local] = [
            Weights(shape, shape, zero, words_of(self, slot), places, columns[slot]) if want else None
            for slot, want in enumerate(wanted)
        ]
        return Tensor(shape, zs), maps

    def aligned(self, shapes: Sequence[Shape]) -> list[Shape]:
        """Broadcast every operand to the common shape."""
        if shapes.count(shapes[0]) == len(shapes):
            return list(shapes)
        return [broadcast_shape(shapes)] * len(shapes)

    def pulled(self, slot: int, literals: Mapping[int, Array] = NO_LITERALS) -> str:
        """Return the product in words, for a linear map."""
        text = self.local_formula(slot, literals)
        if text in ("1", "-1"):
            return "{up}" if text == "1" else "-{up}"
        spelled = spell(text, {name: f"{{{name}}}" for name in (*OPERANDS, "z")})
        compound = isinstance(ast.parse(text, mode="eval").body, (ast.BinOp, ast.UnaryOp))
        return f"{{up}} ⊙ ({spelled})" if compound else f"{{up}} ⊙ {spelled}"

    def local_formula(self, slot: int, literals: Mapping[int, Array]) -> str:
        """Return the local as text, with literal operands folded in."""
        numbers = {OPERANDS[i]: value for i, value in literals.items() if not isinstance(value, Tensor)}
        return fold((self.shown or self.locals)[slot], numbers)

    def left_domain(self, number: NumberType, operands: Sequence[Array], result: Array) -> str | None:
        """Try the row's conditions, then those that hold for every gate."""
        everywhere = OVERFLOW[len(operands)] if number is FLOAT else ()
        return self.first_that_holds((*self.domain, *everywhere), number, operands, result)

    def used_convention(
        self, number: NumberType, operands: Sequence[Array], result: Array, slot: int, local: Local, *, params: Params
    ) -> str | None:
        """Try the row's conditions for the slot."""
        kinks = [(condition, words) for letters, condition, words in self.kinks if OPERANDS[slot] in letters]
        return self.first_that_holds(kinks, number, operands, result)

    def written(self, operands: Sequence[str], params: Params) -> str:
        """Write the application with the parameters that the texts have taken in."""
        return super().written(operands, dict(zip(self.params, self.given)))

    def first_that_holds(
        self, conditions: Iterable[tuple[str, str]], number: NumberType, operands: Sequence[Array], result: Array
    ) -> str | None:
        """Return the words of the first condition that holds for an element, and for how many."""
        size = prod(shape_of(result))
        columns = [flat(o) if isinstance(o, Tensor) else [o] * size for o in operands]
        elements = list(zip(*columns, *([[None] * size] * (2 - len(columns))), flat(result), strict=True))
        for condition, words in conditions:
            holds = compile_formula(condition, number)
            count = sum(1 for element in elements if holds(*element))
            if count:
                return for_some(words, count, size)
        return None


@lru_cache(maxsize=1000)
def kernel_of(row: Elementwise, number: NumberType, wanted: tuple[bool, ...], over_lists: bool) -> Kernel:
    """Compile a row, with those of its locals that are wanted."""
    texts = tuple(text if want else None for text, want in zip(row.locals, wanted, strict=True))
    return compile_kernel(row.name, row.forward, texts, number, over_lists)


@lru_cache(maxsize=1000)
def words_of(row: Elementwise, slot: int) -> str:
    """Spell what an edge of a tensor sends back."""
    return row.pulled(slot)


@lru_cache(maxsize=1000)  # a value that changes at every step is one more row each time
def with_values(row: Elementwise, given: tuple[Number, ...], kinds: tuple[type, ...]) -> Elementwise:
    """Return a row with the values of its parameters put into its texts; equal ones of other types are others."""
    numbers = dict(zip(row.params, given, strict=True))
    return replace(
        row,
        given=given,
        forward=fold(row.forward, numbers),
        locals=tuple(fold(text, numbers) for text in row.locals),
        shown=tuple(fold(text, numbers) for text in row.shown),
        domain=tuple((fold(condition, numbers), words) for condition, words in row.domain),
        kinks=tuple((letters, fold(condition, numbers), words) for letters, condition, words in row.kinks),
    )


def for_some(words: str, count: int, size: int) -> str:
    """Say of how many elements a note holds."""
    return words if size == 1 else f"{words} ({count} of {size} elements)"


LARGEST = "1.7976931348623157e308"
BEYOND, OUTSIDE = "beyond the largest float64: inf", "outside the domain: nan"
OVERFLOW = {
    count: (
        (
            " and ".join([f"abs(z) > {LARGEST}", *(f"abs({name}) <= {LARGEST}" for name in OPERANDS[:count])]),
            BEYOND,
        ),
        (" and ".join(["z != z", *(f"{name} == {name}" for name in OPERANDS[:count])]), OUTSIDE),
    )
    for count in (1, 2)
}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Structural(Gate):
    """A gate whose rule is a function that returns linear maps.

    Attributes
    ----------
    rule : callable
        ``rule(number, operands, wanted, **params)`` returns the result and the maps.
    align : callable, optional
        The shapes to broadcast the operands to; without it they are taken as they are.
    template : str
        How an application is written: ``"{0}ᵀ"``; empty for a call by name.
    kink : callable, optional
        ``kink(operands, params, result, local)`` names the convention used, or returns None.
    """

    rule: Callable[..., tuple[Array, Sequence[LinearMap | None]]]
    align: Callable[[Sequence[Shape]], list[Shape]] | None = None
    template: str = ""
    kink: Callable[[Sequence[Array], Params, Array, Local], str | None] | None = None

    def apply(self, number: NumberType, operands: Sequence[Array], wanted: Sequence[bool], params: Params) -> Result:
        """Apply the rule; a map from a number to a number is handed on as the number that it is."""
        result, maps = self.rule(number, operands, wanted, **params)
        return result, [as_local(each) if want else None for each, want in zip(maps, wanted, strict=True)]

    def aligned(self, shapes: Sequence[Shape]) -> list[Shape]:
        """Ask the row."""
        return self.align(shapes) if self.align else list(shapes)

    def left_domain(self, number: NumberType, operands: Sequence[Array], result: Array) -> str | None:
        """Say that inf or nan came out of finite operands; no row has conditions of its own."""
        given, found = [x for operand in operands for x in flat(operand)], flat(result)
        if number is not FLOAT or not all(map(isfinite, given)):
            return None
        strange = [x for x in found if not isfinite(x)]
        if not strange:
            return None
        if not given:
            return f"nothing: the {self.name} of nothing is {strange[0]}"
        lost = [x for x in strange if x != x]
        return for_some(OUTSIDE, len(lost), len(found)) if lost else for_some(BEYOND, len(strange), len(found))

    def used_convention(
        self, number: NumberType, operands: Sequence[Array], result: Array, slot: int, local: Local, *, params: Params
    ) -> str | None:
        """Ask the row."""
        return self.kink(operands, params, result, local) if self.kink else None

    def label(self, literals: Mapping[int, str], params: Params) -> str:
        """Return the symbol, with the index or the axis that the gate carries."""
        if self.template:
            return self.template.format("", "", **shown_params(params)).strip() or self.symbol
        axis = params.get("axis")
        return self.symbol if axis is None else f"{self.symbol} axis {axis}"

    def written(self, operands: Sequence[str], params: Params) -> str:
        """Write the application by the row's template."""
        if not self.template:
            return super().written(operands, params)
        return self.template.format(*operands, **shown_params(params))


def as_local(linear: LinearMap | None) -> Local:
    """Turn a map between numbers into the number that it is."""
    if linear is None or linear.operand_shape or linear.result_shape:
        return linear
    return next((local for _, local in linear.column(0)), linear.zero)


def shown_params(params: Params) -> dict[str, str]:
    """Spell parameters as programs do: an index as between brackets."""
    return {key: show_index(value) if key == "index" else str(value) for key, value in params.items()}


def show_index(index: Sequence[Any]) -> str:
    """Spell an index: ``0``, ``:, 1``, ``1:3``."""

    def spelled(item: Any) -> str:
        if isinstance(item, slice):
            ends = [item.start, item.stop] + ([item.step] if item.step is not None else [])
            return ":".join("" if end is None else str(end) for end in ends)
        return "..." if item is ... else str(item)

    return ", ".join(map(spelled, index))
