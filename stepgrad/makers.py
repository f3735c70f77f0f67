"""Makers: tensors that a program makes without a history, as ``np.zeros`` and ``normal`` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from random import Random
from typing import Any

from stepgrad.calls import made_shape, signature
from stepgrad.errors import GateError
from stepgrad.literals import array_of, raw, whole_number
from stepgrad.numeric import NumberType
from stepgrad.tensor import Array, Shape, Tensor, check_size, full, shape_of, shaped
from stepgrad.vocabulary import LITERAL_MAKERS


def made(name: str, given: Mapping[str, Any], number: NumberType, chance: Random) -> Array:
    """Make what a call of one of ``LITERAL_MAKERS`` asks for.

    Parameters
    ----------
    name : str
    given : mapping
        The arguments by name.
    number : NumberType
    chance : Random
        What to draw from where no seed is given.

    Raises
    ------
    GateError
        If an argument is not what it should be, or the tensor too large.
    """
    shape = made_shape(given["shape"], signature(LITERAL_MAKERS[name].text)) if "shape" in given else ()
    match name:
        case "zeros" | "ones":
            return full(shape, number.make(int(name == "ones")))
        case "full":
            return full(shape, number_of("fill_value", given, number))
        case "zeros_like" | "ones_like":
            return full(shape_of(given["x"]), number.make(int(name == "ones_like")))
        case "eye":
            size = whole("n", given)
            check_size((size, size))
            return Tensor((size, size), [number.make(int(i == j)) for i in range(size) for j in range(size)])
        case "linspace":
            start, stop = (number_of(key, given, number) for key in ("start", "stop"))
            return linspace(start, stop, whole("num", given), number)
        case "arange":
            return arange(given, number)
        case "normal" | "uniform":
            return drawn(name, shape, given, number, chance)
    array: Array = next(iter(given.values()))
    return array


def linspace(start: Any, stop: Any, count: int, number: NumberType) -> Tensor:
    """Make ``count`` numbers at even distances, the last being ``stop``."""
    check_size((max(count, 0),))
    step = number.ieee["div"](stop - start, number.make(max(count - 1, 1)))
    numbers = [start + number.make(i) * step for i in range(count)]
    return Tensor((len(numbers),), [*numbers[:-1], stop] if count > 1 else numbers)


def arange(given: Mapping[str, Any], number: NumberType) -> Tensor:
    """Make numbers from ``start`` on, before ``stop``."""
    start, stop, step = (None if given[key] is None else number_of(key, given, number) for key in given)
    if stop is None:
        start, stop = number.make(0), start
    if not step:
        raise GateError("the step of `arange` is 0, so it would never end; give another")
    exact = (stop - start) / step
    if not -1e15 < exact < 1e15:
        raise GateError("`arange` would make too many numbers; give a smaller stop, or a larger step")
    count = max(0, int(exact) + (exact > int(exact)))
    check_size((count,))
    return Tensor((count,), [start + number.make(i) * step for i in range(count)])


def drawn(name: str, shape: Shape, given: Mapping[str, Any], number: NumberType, chance: Random) -> Array:
    """Draw random numbers, the same ones in every run: the seed says which."""
    if given["seed"] is not None:
        chance = Random(whole("seed", given))
    first, second = ("mean", "std") if name == "normal" else ("low", "high")
    draw: Callable[[float, float], float] = chance.gauss if name == "normal" else chance.uniform
    a, b = (float(number_of(key, given, number)) for key in (first, second))
    return shaped(shape, [number.make(draw(a, b)) for _ in range(prod(shape))])


def number_of(key: str, given: Mapping[str, Any], number: NumberType) -> Any:
    """Return an argument that is one number."""
    found = raw(given[key])
    if isinstance(found, (Tensor, list, tuple, range)):
        raise GateError(f"`{key}` is one number; give one")
    return array_of(found, number)


def whole(key: str, given: Mapping[str, Any]) -> int:
    """Return an argument that is one whole number."""
    found = whole_number(raw(given[key]))
    if found is None:
        raise GateError(f"`{key}` is a whole number; give one, as in {key}=10")
    return found
