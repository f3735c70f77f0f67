"""Calls: which gate a function of the language means, and what its arguments are.

The table gives every gate its names and its signature. What is left is what is no gate (``constant``,
``np.array``), what courses write without meaning a gate of that name (``np.square``) and Python's
own ``max`` and ``min``. The arguments of all of them are sorted by one function, as Python does.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from stepgrad.errors import GateError
from stepgrad.gate import Gate
from stepgrad.literals import raw, whole_number
from stepgrad.ops import GATES
from stepgrad.tensor import Shape, Tensor, check_size

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
    """How something is called."""

    text: str
    params: Mapping[str, Any]  # with their defaults; `required` where there is none
    takes_list: bool  # its operands come as one list


required = object()
PARAM_NAMES = ("shape", "axis", "axes", "keepdims")
SPREAD = ("reshape", "transpose")  # x.reshape(2, 3) is x.reshape((2, 3))
FLOAT_TYPES = ("float", "np.float64", "numpy.float64", "np.double", "numpy.double")

OWN_CALLS: Mapping[str, str] = {
    "constant": "constant(value)",
    "backward": "backward(output, gradient=None)",
    "len": "len(x)",
}
LITERAL_MAKERS: Mapping[str, str] = {
    "array": "array(object)",
    "asarray": "asarray(object)",
    "zeros": "zeros(shape)",
    "ones": "ones(shape)",
}
WITH_LITERAL: Mapping[str, tuple[str, str, int]] = {  # a gate with its second operand written out
    "square": ("square(x)", "pow", 2),
    "negative": ("negative(x)", "mul", -1),
}
KNOWN_CALLS = (*GATE_OF, *OWN_CALLS, *LITERAL_MAKERS, *WITH_LITERAL)


@cache
def signature(text: str) -> Signature:
    """Read a signature as it is printed: ``sum(x, axis=None, keepdims=False)``, ``x @ y``."""
    call = ast.parse(text, mode="eval").body
    if not isinstance(call, ast.Call):
        return Signature(text, dict.fromkeys(("x", "y"), required), takes_list=False)
    takes_list = isinstance(call.args[0], ast.List)
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


def counted(count: int, thing: str = "argument") -> str:
    """Spell a number of things.

    >>> counted(1), counted(2, "name")
    ('1 argument', '2 names')
    """
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


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
    params = {name: checked(name, bound.pop(name), called) for name in PARAM_NAMES if name in bound}
    if not called.takes_list:
        return Application(gate, list(bound.values()), params)
    values = bound["arrays"]
    if not isinstance(values, (list, tuple)) or not values:
        raise GateError(f"`{spelled}` takes a list of values first; write `{called.text}`")
    return Application(gate, values, params)


def checked(name: str, value: Any, called: Signature) -> Any:
    """Check the type of a parameter, and bring it to what the gate's rule takes; inputs with whole values serve."""
    if value is None and called.params[name] is None:
        return None
    if name == "keepdims":
        if not isinstance(value, (bool, int)):
            raise GateError(f"`keepdims` is True or False; write `{called.text}`")
        return bool(value)
    if name in ("shape", "axes"):
        return sizes_of(name, value, called)
    axis = whole_number(raw(value))
    if axis is None:
        raise GateError("`axis` is one whole number; for several, apply the gate once for each")
    return axis


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


def made_shape(args: Sequence[Any], keywords: Mapping[str, Any], name: str, spelled: str) -> Shape:
    """Return the shape that ``zeros`` or ``ones`` is called with.

    Raises
    ------
    GateError
        If it is none, or too large.
    """
    called = signature(LITERAL_MAKERS[name])
    shape = sizes_of("shape", arguments(called, args, keywords, spelled)["shape"], called)
    if min(shape, default=0) < 0:
        raise GateError(f"shape {shape} has a negative size; use sizes from 0 on")
    return shape


def resolve(name: str, module: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> list[Application] | None:
    """Return the gates that a call means, one after the other, each applied to the result before it.

    ``module`` is ``""`` for a bare name, ``"method"`` for a method. None if no gate has the name. In
    the operands after the first application, ``...`` stands for the result so far.
    """
    spelled = spelled_call(name, module)
    if name in ("max", "min") and module in ("", "math") and len(args) > 1:
        pairwise = GATES["maximum" if name == "max" else "minimum"]
        first = bind(pairwise, args[:2], keywords, spelled)
        return [first, *(Application(pairwise, (..., arg), {}) for arg in args[2:])]
    if name in WITH_LITERAL:
        text, gate, literal = WITH_LITERAL[name]
        operands = arguments(signature(text), args, keywords, spelled)
        return [Application(GATES[gate], (*operands.values(), literal), {})]
    if name not in GATE_OF:
        return None
    return [bind(GATE_OF[name], args, keywords, spelled)]


def spelled_call(name: str, module: str) -> str:
    """Spell a function as the program calls it."""
    return name if module in ("", "method") else f"{module}.{name}"
