"""Calls: which gate a function of the language means, and what its arguments are.

The table gives every gate its names and its signature. What is left is what courses write without
meaning a gate of that name (``np.square``, ``np.array``) and Python's own ``max`` and ``min``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import prod
from typing import Any, NamedTuple

from stepgrad.errors import GateError
from stepgrad.gate import Gate
from stepgrad.ops import GATES
from stepgrad.tensor import check_size, fold_rows

MODULES = ("math", "numpy", "np", "numpy.linalg", "np.linalg")
MODULE_NUMBERS = {
    "pi": "3.141592653589793",
    "e": "2.718281828459045",
    "inf": "inf",
    "nan": "nan",
    "tau": "6.283185307179586",
}

GATE_OF: Mapping[str, Gate] = {
    name: gate for gate in GATES.values() if gate.name != "index" for name in (gate.name, *gate.also)
}


class Signature(NamedTuple):
    """How a gate is called."""

    operands: tuple[str, ...]
    params: Mapping[str, Any]  # with their defaults; `required` where there is none
    takes_list: bool  # its operands come as one list


required = object()
PARAM_NAMES = ("shape", "axis", "axes", "keepdims")


@cache
def signature_of(gate: Gate) -> Signature:
    """Read a gate's signature from its row."""
    call = ast.parse(gate.signature, mode="eval").body
    if not isinstance(call, ast.Call):
        return Signature(("x", "y"), {}, takes_list=False)
    params: dict[str, Any] = {each.arg: ast.literal_eval(each.value) for each in call.keywords if each.arg}
    names = [each.id for each in call.args if isinstance(each, ast.Name)]
    params = {name: required for name in names if name in PARAM_NAMES} | params
    takes_list = any(isinstance(each, ast.List) for each in call.args)
    return Signature(tuple(name for name in names if name not in PARAM_NAMES), params, takes_list)


class Application(NamedTuple):
    """A gate with what it is applied to."""

    gate: Gate
    operands: Sequence[Any]
    params: Mapping[str, Any]


def bind(gate: Gate, args: Sequence[Any], keywords: Mapping[str, Any], spelled: str) -> Application:
    """Sort the arguments of a call into operands and parameters.

    Raises
    ------
    GateError
        If there are too many, too few, or unknown ones.
    """
    operand_names, params, takes_list = signature_of(gate)
    if takes_list:
        if not args or not isinstance(args[0], (list, tuple)) or not args[0]:
            raise GateError(f"`{spelled}` takes a list of values first; write `{gate.signature}`")
        operands, rest = list(args[0]), args[1:]
    else:
        args = [*args, *(keywords[name] for name in operand_names[len(args) :] if name in keywords)]
        operands, rest = list(args[: len(operand_names)]), args[len(operand_names) :]
        if len(operands) < len(operand_names):
            raise GateError(
                f"`{spelled}` takes {counted(len(operand_names))}, not {len(operands)}; write `{gate.signature}`"
            )
    given = {name: value for name, value in keywords.items() if name not in operand_names}
    if gate.name in ("reshape", "transpose") and rest and isinstance(rest[0], int):
        rest = (tuple(rest),)  # x.reshape(2, 3) for x.reshape((2, 3))
    for name, value in zip(params, rest):
        given.setdefault(name, value)
    unknown = [name for name in given if name not in params]
    if unknown or len(rest) > len(params):
        what = f"`{unknown[0]}`" if unknown else counted(len(args))
        raise GateError(f"`{spelled}` does not take {what}; write `{gate.signature}`")
    bound = {**params, **given}
    for name, value in bound.items():
        if value is required:
            raise GateError(f"`{spelled}` needs `{name}`; write `{gate.signature}`")
        bound[name] = checked(name, value, gate)
    return Application(gate, operands, bound)


def counted(count: int) -> str:
    """Spell a number of arguments."""
    return "1 argument" if count == 1 else f"{count} arguments"


def checked(name: str, value: Any, gate: Gate) -> Any:
    """Check the type of a parameter, and bring a shape to a tuple."""
    if name == "keepdims":
        return bool(value)
    if name in ("shape", "axes"):
        sizes = (value,) if isinstance(value, int) else value
        if sizes is None and name == "axes":
            return None
        if isinstance(sizes, (tuple, list)) and all(isinstance(size, int) for size in sizes):
            return tuple(int(size) for size in sizes)
        raise GateError(f"`{name}` is a tuple of whole numbers; write `{gate.signature}` with it as in `(2, 3)`")
    if value is None and signature_of(gate).params["axis"] is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise GateError("`axis` is one whole number; for several, apply the gate once for each")


def resolve(name: str, module: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> list[Application] | None:
    """Return the gates that a call means, one after the other, each applied to the result before it.

    ``module`` is ``""`` for a bare name, ``"method"`` for a method. None if no gate has the name. In
    the operands after the first application, ``...`` stands for the result so far.
    """
    spelled = name if module in ("", "method") else f"{module}.{name}"
    if name in ("max", "min") and module in ("", "math") and len(args) > 1:
        pairwise = GATES["maximum" if name == "max" else "minimum"]
        first = Application(pairwise, args[:2], {})
        return [first, *(Application(pairwise, (..., arg), {}) for arg in args[2:])]
    if name == "square" and len(args) == 1:
        return [Application(GATES["pow"], (args[0], 2), {})]
    if name == "negative" and len(args) == 1:
        return [Application(GATES["mul"], (args[0], -1), {})]
    if name not in GATE_OF:
        return None
    return [bind(GATE_OF[name], args, keywords, spelled)]


def filled(number: int) -> Callable[[Any], Any]:
    """Make ``zeros`` or ``ones``, which return nested lists."""

    def make(shape: Any) -> Any:
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(size < 0 for size in sizes):
            raise GateError(f"shape {sizes} has a negative size; use sizes from 0 on")
        check_size(sizes)
        return fold_rows(sizes, [number] * prod(sizes))

    return make


LITERAL_MAKERS: Mapping[str, Callable[..., Any]] = {
    "array": lambda values: values,
    "asarray": lambda values: values,
    "zeros": filled(0),
    "ones": filled(1),
}
