"""Structural gates: those whose rule is a function of tensors, rather than a text for every element."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any

from stepgrad.gate import BEYOND, OUTSIDE, Gate, Local, Params, Plan, Result, for_some
from stepgrad.linear import LinearMap
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.tensor import Array, Shape, check_size, flat, shape_of, shaped


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Structural(Gate):
    """A gate whose rule is a function that returns linear maps.

    Attributes
    ----------
    rule : callable, optional
        ``rule(number, operands, wanted, **params)`` returns the result and the maps.
    planned : callable, optional
        ``planned(number, wanted, *shapes, **params)`` returns the plan, where shapes tell one: no rule then.
    align : callable, optional
        The shapes to broadcast the operands to; without it they are taken as they are.
    template : str
        How an application is written: ``"{0}ᵀ"``; empty for a call by name.
    kink : callable, optional
        ``kink(operands, params, result, local)`` names the convention used, or returns None.
    """

    rule: Callable[..., tuple[Array, Sequence[LinearMap | None]]] | None = None
    planned: Callable[..., Plan] | None = None
    align: Callable[[Sequence[Shape]], list[Shape]] | None = None
    template: str = ""
    kink: Callable[[Sequence[Array], Params, Array, Local], str | None] | None = None

    def apply(self, number: NumberType, operands: Sequence[Array], wanted: Sequence[bool], params: Params) -> Result:
        """Apply the rule; a map from a number to a number is handed on as the number that it is."""
        if self.rule is not None:
            result, maps = self.rule(number, operands, wanted, **params)
        else:
            plan = self.plan(number, list(map(shape_of, operands)), wanted, params)
            numbers, maps = plan.applied(*map(flat, operands))
            result = shaped(plan.shape, numbers)
        return result, [as_local(each) if want else None for each, want in zip(maps, wanted, strict=True)]

    @property
    def has_plan(self) -> bool:
        """Those that look at no numbers first."""
        return self.planned is not None

    def plan(self, number: NumberType, shapes: Sequence[Shape], wanted: Sequence[bool], params: Params) -> Plan:
        """Ask the row; what is larger than all that it is made of is checked, whenever that happens."""
        assert self.planned is not None
        plan = self.planned(number, tuple(wanted), *shapes, **{name: params[name] for name in self.params})
        if prod(plan.shape) > max(map(prod, shapes)):
            check_size(plan.shape)
        return plan

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
