"""Equality as traces mean it: equal bits. nan is equal to nan, and -0.0 is not 0.0."""

from __future__ import annotations

from dataclasses import fields
from math import copysign
from typing import Any

from stepgrad.gate import Elementwise, Gate
from stepgrad.linear import LinearMap
from stepgrad.tensor import Tensor


def same(x: Any, y: Any) -> bool:
    """Whether two numbers, tensors, locals, gates or tuples and lists of such are equal to the bit.

    >>> same(float("nan"), float("nan")), same(0.0, -0.0), same((1.0, [2]), (1.0, [2]))
    (True, False, True)
    """
    if x is y:
        return True
    if isinstance(x, float) and isinstance(y, float):
        return x == y and copysign(1, x) == copysign(1, y) if x == x else y != y
    if isinstance(x, int) and isinstance(y, int):
        return x == y
    if type(x) is not type(y):
        return False
    match x:
        case tuple() | list():
            return len(x) == len(y) and all(map(same, x, y))
        case Tensor():
            return x.shape == y.shape and all(map(same, x.data, y.data))
        case LinearMap():
            return all(same(getattr(x, each.name), getattr(y, each.name)) for each in fields(x) if each.compare)
        case Gate():
            return x.name == y.name and (not isinstance(x, Elementwise) or same(x.given, y.given))
        case dict():
            return x.keys() == y.keys() and all(same(each, y[key]) for key, each in x.items())
    return bool(x == y)
