"""What a gate is: a row of the table, with all that anyone asks of it.

An :class:`Elementwise` gate is text: its forward and its locals are formulas. A structural one (see
:mod:`stepgrad.structural`) is a function that returns the result and a linear map per operand. Both are
applied in the same way and answer the same questions, so nothing above this floor asks which kind it holds.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple, TypeAlias

from stepgrad.dots import WRITTEN_OUT
from stepgrad.formula import OPERANDS, Kernel, compile_formula, compile_kernel, fold, spell
from stepgrad.linear import Blank, LinearMap, Ones, Weights, blank, is_lost, shuts_out
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.tensor import Array, Number, Shape, Tensor, broadcast_shape, flat, remembered, shape_of

Local: TypeAlias = "Number | LinearMap | None"  # None: no gradient flows along this edge
Params: TypeAlias = Mapping[str, Any]
Result: TypeAlias = "tuple[Array, list[Local]]"

COMMUTATIVE = ("add", "mul")
NO_LITERALS: Mapping[int, Array] = {}


class Plan(NamedTuple):
    """What shapes and parameters alone tell of a gate on tensors: all but the numbers.

    Attributes
    ----------
    shape : tuple of int
        The result's.
    compute : callable
        From the operands' numbers, a list of them for each, to the result's and those of each local.
    maps : sequence of Blank, LinearMap or None
        The locals: those that wait for numbers, and those that are always the same.
    """

    shape: Shape
    compute: Callable[..., tuple[Any, ...]]
    maps: Sequence[Blank | LinearMap | None]

    def applied(self, *operands: list[Number]) -> tuple[list[Number], list[LinearMap | None]]:
        """Return the result's numbers, and the locals."""
        found, *numbers = self.compute(*operands)
        filled = zip(self.maps, numbers, strict=True)
        return found, [each.filled(given) if isinstance(each, Blank) else each for each, given in filled]


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

    @property
    def has_plan(self) -> bool:
        """Whether shapes and parameters alone tell all but the numbers."""
        return False

    def plan(self, number: NumberType, shapes: Sequence[Shape], wanted: Sequence[bool], params: Params) -> Plan:
        """Return all but the numbers, where the gate has a plan."""
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
        if not shape:
            z, *found = kernel_of(self, number, tuple(wanted), None)(*operands)
            return z, found
        size = prod(shape)
        plan: Plan = elementwise_plan(self, number, shape, tuple(wanted))
        zs, maps = plan.applied(*[o.data if isinstance(o, Tensor) else [o] * size for o in operands])
        return Tensor(shape, zs), [*maps]

    @property
    def has_plan(self) -> bool:
        """Each has one."""
        return True

    def plan(self, number: NumberType, shapes: Sequence[Shape], wanted: Sequence[bool], params: Params) -> Plan:
        """Compile the text for this many numbers."""
        plan: Plan = elementwise_plan(self, number, shapes[0] or shapes[-1], tuple(wanted))
        return plan

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
def kernel_of(row: Elementwise, number: NumberType, wanted: tuple[bool, ...], size: int | None) -> Kernel:
    """Compile a row, with those of its locals that are wanted."""
    texts = tuple(text if want else None for text, want in zip(row.locals, wanted, strict=True))
    return compile_kernel(row.name, row.forward, texts, number, size)


@remembered
def elementwise_plan(row: Elementwise, number: NumberType, shape: Shape, wanted: tuple[bool, ...]) -> Plan:
    """Compile a row for tensors of a shape. A local that is the same for all numbers is made once."""
    size, zero = prod(shape), number.make(0)
    constant = [text.lstrip("-").isdigit() for text in row.locals]
    computed = tuple(want and not same for want, same in zip(wanted, constant, strict=True))

    def local(slot: int) -> Blank | LinearMap:
        settled = shape, shape, zero, words_of(row, slot), range(size)
        if not constant[slot]:
            return blank(Weights, *settled)
        kind = Ones if row.locals[slot] == "1" and number is FLOAT else Weights
        return kind(*settled, [compile_formula(row.locals[slot], number)(None)] * size)

    maps = [local(slot) if want else None for slot, want in enumerate(wanted)]
    return Plan(shape, kernel_of(row, number, computed, min(size, WRITTEN_OUT + 1)), maps)


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
