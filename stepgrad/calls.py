"""Calls: which gate a function of the language means, and what its arguments are.

The table gives every gate its names and its signature. What is left is what is no gate (``constant``,
``np.array``), what courses write without meaning a gate of that name (``np.square``) and Python's
own ``max`` and ``min``. The arguments of all of them are sorted by one function, as Python does.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import isfinite
from typing import Any, NamedTuple

from stepgrad.enclosures import REALS, Enclosure
from stepgrad.errors import GateError, counted
from stepgrad.gate import Gate
from stepgrad.literals import raw, whole_number
from stepgrad.ops import GATES
from stepgrad.tape import Node
from stepgrad.tensor import Number, Shape, Tensor, check_size
from stepgrad.vocabulary import GATE_OF, PYTORCHS, WITH_LITERAL


class Signature(NamedTuple):
    """How something is called."""

    text: str
    params: Mapping[str, Any]  # with their defaults; `required` where there is none
    takes_list: bool  # its operands come as one list


required = object()
SPREAD = ("reshape", "transpose")  # x.reshape(2, 3) is x.reshape((2, 3))


@cache
def signature(text: str) -> Signature:
    """Read a signature as it is printed: ``sum(x, axis=None, keepdims=False)``, ``x @ y``."""
    call = ast.parse(text, mode="eval").body
    if not isinstance(call, ast.Call):
        return Signature(text, dict.fromkeys(("x", "y"), required), takes_list=False)
    takes_list = any(isinstance(each, ast.List) for each in call.args)
    names = ["arrays" if isinstance(each, ast.List) else ast.unparse(each) for each in call.args]
    defaults = {each.arg: ast.literal_eval(each.value) for each in call.keywords if each.arg}
    return Signature(text, dict.fromkeys(names, required) | defaults, takes_list)


def arguments(called: Signature, args: Sequence[Any], keywords: Mapping[str, Any], spelled: str) -> dict[str, Any]:
    """Give every parameter its argument, as Python does.

    Raises
    ------
    GateError
        If there are too many, too few, unknown ones, or one twice.
    """
    hint = f"write `{called.text}`"
    keywords = {PYTORCHS[key] if PYTORCHS.get(key) in called.params else key: each for key, each in keywords.items()}
    names, least = list(called.params), sum(1 for value in called.params.values() if value is required)
    given = dict(zip(names, args))
    for name, value in keywords.items():
        if name not in names:
            raise GateError(f"`{spelled}` does not take `{name}`; {hint}")
        if name in given:
            raise GateError(f"`{spelled}` is given `{name}` twice; {hint}")
        given[name] = value
    if len(args) > len(names) or len(given) < least:
        most = counted(len(names) if len(args) > len(names) else least)
        raise GateError(f"`{spelled}` takes {most}, not {max(len(args), len(given))}; {hint}")
    bound = {**called.params, **given}
    for name, value in bound.items():
        if value is required:
            raise GateError(f"`{spelled}` needs `{name}`; {hint}")
    return bound


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
        If they do not fit the gate's signature.
    """
    called = signature(gate.signature)
    if gate.name in SPREAD and len(args) > len(called.params):
        args = [args[0], tuple(args[1:])]
    bound = arguments(called, args, keywords, spelled)
    params = {name: checked(name, bound.pop(name), called) for name in gate.params}
    if "condition" in bound:
        bound["condition"] = truth_as_numbers(bound["condition"])
    if not called.takes_list:
        return Application(gate, list(bound.values()), params)
    values = bound["arrays"]
    if not isinstance(values, (list, tuple)) or not values:
        raise GateError(f"`{spelled}` takes a list of values first; write `{called.text}`")
    return Application(gate, values, params)


def checked(name: str, value: Any, called: Signature) -> Any:
    """Check a parameter by its name, and bring it to what the gate's rule takes."""
    if value is None and called.params[name] is None:
        return None
    return READERS.get(name, real_number)(name, value, called)


def switch(name: str, value: Any, called: Signature) -> bool:
    """Read True or False."""
    if not isinstance(value, (bool, int)):
        raise GateError(f"`{name}` is True or False; write `{called.text}`")
    return bool(value)


def one_axis(name: str, value: Any, called: Signature) -> int:
    """Read the number of an axis."""
    axis = whole_number(raw(value))
    if axis is None:
        raise GateError(f"`{name}` is one whole number; for several, apply the gate once for each")
    return axis


def count(name: str, value: Any, called: Signature) -> int:
    """Read a whole number."""
    whole = whole_number(raw(value))
    if whole is None:
        raise GateError(f"`{name}` is a whole number; write `{called.text}`")
    return whole


def rows_and_columns(name: str, value: Any, called: Signature) -> int | Shape:
    """Read a whole number, or two: for rows and for columns."""
    sizes = sizes_of(name, value, called)
    if len(sizes) not in (1, 2):
        raise GateError(f"`{name}` is a whole number, or two: for rows and for columns; write `{called.text}`")
    return sizes[0] if len(sizes) == 1 else sizes


def real_number(name: str, value: Any, called: Signature) -> Number:
    """Read a number that shapes the gate; it gets no gradient, so none may be lost on it unnoticed."""
    if isinstance(value, Node) and value.flows:
        raise GateError(f"`{name}` gets no gradient, and this would want one; give it a number, or `constant(...)`")
    plain = raw(value)
    if isinstance(plain, bool) or not isinstance(plain, (int, *REALS)) or not isfinite(plain):
        raise GateError(f"`{name}` is a finite number; write `{called.text}`")
    return plain.shadow if isinstance(plain, Enclosure) else plain


def sizes_of(name: str, value: Any, called: Signature) -> Shape:
    """Bring a shape, or axes, to a tuple: one whole number, several, or a vector of them."""
    plain = raw(value)
    if isinstance(plain, Tensor) and len(plain.shape) == 1:
        plain = plain.data
    each = [whole_number(raw(size)) for size in (plain if isinstance(plain, (tuple, list)) else [plain])]
    sizes = tuple(size for size in each if size is not None)
    if len(sizes) < len(each):
        raise GateError(f"`{name}` is a tuple of whole numbers; write `{called.text}` with it as in `(2, 3)`")
    if name == "shape":
        check_size(tuple(max(size, 1) for size in sizes))
    return sizes


def truth_as_numbers(value: Any) -> Any:
    """Bring what a comparison of numbers gives to what a gate takes: 1 for True, 0 for False, in lists, too."""
    if isinstance(value, (list, tuple)):
        return [truth_as_numbers(each) for each in value]
    return int(value) if isinstance(value, bool) else value


READERS: Mapping[str, Callable[[str, Any, Signature], Any]] = {  # by a parameter's name; else it is a real number
    "keepdims": switch,
    "axis": one_axis,
    "axes": sizes_of,
    "shape": sizes_of,
    "size": rows_and_columns,
    "stride": rows_and_columns,
    "padding": rows_and_columns,
    "classes": count,
}


def made_shape(value: Any, called: Signature) -> Shape:
    """Return the shape of a tensor that is made.

    Raises
    ------
    GateError
        If it is none, or too large.
    """
    shape = sizes_of("shape", value, called)
    if min(shape, default=0) < 0:
        raise GateError(f"shape {shape} has a negative size; use sizes from 0 on")
    return shape


def resolve(name: str, module: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> list[Application] | None:
    """Return the gates that a call means, one after the other, each applied to the result before it.

    ``module`` is ``""`` for a bare name, ``"method"`` for a method. None if no gate has the name. In
    the operands after the first application, ``...`` stands for the result so far.
    """
    spelled = spelled_call(name, module)
    if name in ("max", "min") and len(args) > 1 and (module in ("", "math") or is_pair(module, args)):
        pairwise = GATES["maximum" if name == "max" else "minimum"]
        first = bind(pairwise, args[:2], keywords, spelled)
        return [first, *(Application(pairwise, (..., arg), {}) for arg in args[2:])]
    if name in ("max", "min") and "dim" in keywords:
        raise GateError(f"`{spelled}` returns no indices here; write `axis=…` for the values, and `argmax` for places")
    if name in WITH_LITERAL:
        text, gate, literal = WITH_LITERAL[name]
        operands = arguments(signature(text), args, keywords, spelled)
        return [Application(GATES[gate], (*operands.values(), literal), {})]
    if name not in GATE_OF:
        return None
    return [bind(GATE_OF[name], args, keywords, spelled)]


def is_pair(module: str, args: Sequence[Any]) -> bool:
    """Whether PyTorch's ``max`` compares two tensors."""
    return module.startswith("torch") and len(args) == 2 and whole_number(args[1]) is None


def spelled_call(name: str, module: str) -> str:
    """Spell a function as the program calls it."""
    return name if module in ("", "method") else f"{module}.{name}"
