"""Testing: assertions for people who write backward passes and autograds of their own.

With pytest or without, and with nothing else installed. A failure is an AssertionError whose message names the
first wrong edge, with its arithmetic, and the likely mistake.

>>> assert_grads_match("f = x * y + x", {"x": 2.0, "y": 3.0}, {"x": 4.0, "y": 2.0})
>>> check_function(lambda x: x**3, lambda x: 3 * x**2, 2.0)
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stepgrad.answers import as_lists
from stepgrad.comparison import ATOL, RTOL, compare
from stepgrad.differences import differentiate
from stepgrad.errors import InputError
from stepgrad.events import Forward
from stepgrad.gate import COMMUTATIVE
from stepgrad.language import run
from stepgrad.literals import array_of, plain
from stepgrad.numeric import FLOAT
from stepgrad.ops import CONSTANT, INPUT
from stepgrad.style import bracketed
from stepgrad.tensor import Array, Shape, flat, indices, nested, shape_of, show_shape
from stepgrad.trace import Trace

__all__ = ["assert_autograd_matches", "assert_grads_match", "check_function"]

ROUNDINGS = 16  # that a function under test may meet, of its own value


def assert_grads_match(
    program: str | Trace,
    inputs: Mapping[str, Any] | None,
    grads: Mapping[str, Any],
    rtol: float = RTOL,
    atol: float = ATOL,
    *,
    output: str | None = None,
    number: int | None = None,
) -> None:
    """Assert that somebody's gradients are those of a program.

    Parameters
    ----------
    program : str or Trace
        The program's text, or its trace.
    inputs : mapping or None
        Values by name, as :func:`stepgrad.run` takes them; None where the program has all.
    grads : mapping
        Their gradients by name, of inputs or of any value on the way: numbers, nested lists, arrays.
    rtol, atol : float
        Two numbers agree within ``atol + rtol × |ours|``.
    output : str, optional
        From which name to go backward.
    number : int, optional
        Of which pass, counted from 1; by default, the last with a backward sweep.

    Raises
    ------
    AssertionError
        If one departs: the message shows the first wrong edge.
    """
    __tracebackhide__ = True
    trace = program if isinstance(program, Trace) else run(program, inputs, output=output)
    found = compare(trace, grads, rtol, atol, number=number)
    if not found:
        raise AssertionError(str(found))


def check_function(
    function: Callable[..., Any],
    gradient: Any,
    *inputs: Any,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> None:
    """Check the gradient of a Python function against central differences.

    Parameters
    ----------
    function : callable
        From the inputs to a number.
    gradient : callable, or what it would return
        From the inputs to the gradient: for several inputs, one for each, in their order.
    *inputs : number, nested lists or array
        Where to check. An array is handed on as one, with one element changed.
    rtol, atol : float
        What is allowed beyond the error of the differences themselves.

    Raises
    ------
    AssertionError
        If an element is off by more. Where differences cannot tell, as at a kink, nothing is asserted.
    """
    __tracebackhide__ = True
    given = gradient(*inputs) if callable(gradient) else gradient
    wrong = list(departures(function, per_input(given, inputs), inputs, rtol, atol))
    if wrong:
        raise AssertionError("\n".join(["the gradient departs from the differences:", *wrong[:MOST_LINES]]))


MOST_LINES = 12


def per_input(given: Any, inputs: Sequence[Any]) -> list[Array]:
    """Return the gradients, one for each input, as arrays of their shapes.

    Raises
    ------
    AssertionError
        If there are more or fewer, or one has another shape.
    """
    several = list(given.values()) if isinstance(given, Mapping) else given
    if len(inputs) == 1 and not (
        isinstance(several, (tuple, list)) and len(several) == 1 and fits(several[0], inputs[0])
    ):
        several = [several]
    if not isinstance(several, (tuple, list)) or len(several) != len(inputs):
        raise AssertionError(f"there are {len(inputs)} inputs; the gradient must be a tuple of as many")
    found = [array_of(as_lists(each), FLOAT) for each in several]
    for k, (each, x) in enumerate(zip(found, inputs, strict=True)):
        own = shape_of(array_of(as_lists(x), FLOAT))
        if shape_of(each) != own:
            raise AssertionError(
                f"the gradient of input {k} has shape {show_shape(shape_of(each))}, not {show_shape(own)}"
            )
    return found


def fits(gradient: Any, value: Any) -> bool:
    """Whether something has the shape of a value."""
    return shape_of(array_of(as_lists(gradient), FLOAT)) == shape_of(array_of(as_lists(value), FLOAT))


def departures(
    function: Callable[..., Any], gradients: list[Array], inputs: Sequence[Any], rtol: float, atol: float
) -> Iterator[str]:
    """Yield, for every element that is off, a line with both numbers."""
    names = parameter_names(function, len(inputs))
    noise = ROUNDINGS * 2.0**-52 * abs(number_of(function(*inputs)))
    for k, x in enumerate(inputs):
        values = array_of(as_lists(x), FLOAT)
        for place, index in enumerate(indices(shape_of(values))):

            def along(number: float, x: Any = x, k: int = k, index: Shape = index) -> float:
                changed = replaced(x, index, number)
                return number_of(function(*inputs[:k], changed, *inputs[k + 1 :]))

            ours, quotient = flat(gradients[k])[place], differentiate(along, flat(values)[place], noise)
            allowed = quotient.bound + atol + rtol * abs(quotient.value)
            if not quotient.doubt and not abs(ours - quotient.value) <= allowed:
                said = f"{quotient.value:.12g} ± {quotient.bound:.0e}"
                yield f"  ∂f/∂{names[k]}{bracketed(index)}: the gradient is {ours!r}, the differences say {said}"


def parameter_names(function: Callable[..., Any], count: int) -> list[str]:
    """Return what a function calls its arguments; x0, x1, … where it does not say."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    return [*names[:count], *(f"x{k}" for k in range(len(names), count))]


def replaced(value: Any, index: Shape, number: float) -> Any:
    """Return a value with one element changed: a number, nested lists, or a copy of an array."""
    if not index:
        return number
    if isinstance(value, (list, tuple)):
        entries = list(value)
        entries[index[0]] = replaced(entries[index[0]], index[1:], number)
        return type(value)(entries) if type(value) in (list, tuple) else entries
    changed = value.copy() if hasattr(value, "copy") else value.clone()
    changed[index] = number
    return changed


def number_of(value: Any) -> float:
    """Return the number that a function gave."""
    found = plain(getattr(value, "data", value) if not hasattr(value, "tolist") else value)
    while isinstance(found, list) and len(found) == 1:
        found = found[0]
    return float(found)


# An autograd under test


def assert_autograd_matches(
    autograd: Any,
    program: str | Trace,
    inputs: Mapping[str, Any] | None = None,
    rtol: float = RTOL,
    atol: float = ATOL,
    *,
    output: str | None = None,
) -> None:
    """Assert that an autograd gives the gradients of a program.

    Parameters
    ----------
    autograd : class or callable
        A class such as micrograd's ``Value``: every gate of the program is applied to its objects, by operators and
        methods, then ``backward()`` is called on the last, and every ``grad`` is compared. Or a function that takes
        the inputs, by name or as one mapping, and returns the gradients by name, alone or behind the value.
    program : str or Trace
    inputs : mapping, optional
    rtol, atol : float
    output : str, optional

    Raises
    ------
    AssertionError
        If a value or a gradient departs.
    InputError
        If the class lacks a gate of the program.
    """
    __tracebackhide__ = True
    trace = program if isinstance(program, Trace) else run(program, inputs, output=output)
    a_class = inspect.isclass(autograd)
    grads = play(autograd, trace) if a_class else returned(call(autograd, trace, inputs or {}), trace)
    found = compare(trace, grads, rtol, atol)
    if not found:
        raise AssertionError(str(found))


def call(function: Callable[..., Any], trace: Trace, inputs: Mapping[str, Any]) -> Any:
    """Call a function with the inputs, by name where it takes them so."""
    values = {
        name: nested(trace.node(index).value) for name, index in zip(trace.input_names(), trace.inputs, strict=True)
    }
    values |= inputs
    try:
        inspect.signature(function).bind(**values)
    except (TypeError, ValueError):
        return function(values)
    return function(**values)


def returned(result: Any, trace: Trace) -> Mapping[str, Any]:
    """Return the gradients by name that a function gave: a mapping, or one for each input in their order."""
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], (Mapping, list, tuple)):
        result = result[1]
    if isinstance(result, Mapping):
        return result
    names = trace.input_names()
    if isinstance(result, (list, tuple)) and len(result) == len(names):
        return dict(zip(names, result, strict=True))
    raise AssertionError(
        f"the function must return gradients by name, as in {{{names[0]!r}: 1.0}}" if names else "no inputs"
    )


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "matmul": operator.matmul,
}


def play(kind: type, trace: Trace) -> Mapping[str, Any]:
    """Apply every gate of the last pass to objects of a class, go backward, and return every gradient by name."""
    made: dict[int, Any] = {}
    copies: set[int] = set()
    for event in trace:
        if not isinstance(event, Forward):
            continue
        if event.gate in (INPUT, CONSTANT):
            made[event.node] = kind(nested(event.value))
            continue
        operands = [made[o] if isinstance(o, int) else plain_literal(o) for o in event.operands]
        if event.gate.name == "broadcast":  # theirs copies without saying so
            made[event.node] = operands[0]
            copies.add(event.node)
            continue
        made[event.node] = applied(kind, event, operands, trace)
        agree_on_value(made[event.node], event)
    last = trace.output_at(len(trace) - 1)
    made[last].backward()
    stretch = trace.stretch(len(trace.passes))
    reached = {trace.index_of(node) for node in stretch.edges.arrivals}
    known = (index for index in made if index not in copies and index in reached)
    return {trace.name(index): gradient_held(made[index]) for index in known}


def plain_literal(value: Any) -> Any:
    """Return a literal as a program in Python would write it: whole numbers as ints."""
    found = nested(value)
    return int(found) if isinstance(found, float) and found.is_integer() and abs(found) < 2**53 else found


def applied(kind: type, event: Forward, operands: list[Any], trace: Trace) -> Any:
    """Apply a gate to their objects: by an operator, or by a method of the gate's name."""
    name, params = event.gate.name, dict(trace.node(event.node).params)
    if name in OPERATORS:
        turned = name in COMMUTATIVE and not isinstance(operands[0], kind)  # not every class knows 2 * x
        try:
            return OPERATORS[name](*(operands[::-1] if turned else operands))
        except TypeError:
            missing = f"{kind.__name__} does not take the operands of {name!r}, which step {event.step} needs"
            raise InputError(f"{missing}; use another program") from None
    if name == "index":
        return operands[0][params["index"] if len(params["index"]) > 1 else params["index"][0]]
    if name == "transpose" and params["axes"] is None and hasattr(operands[0], "T"):
        return operands[0].T
    own, *others = operands if isinstance(operands[0], kind) else operands[::-1]
    method = getattr(own, name, None)
    if method is None:
        raise InputError(f"{kind.__name__} has no method {name!r}, which step {event.step} needs; use another program")
    return method(*others, **{key: value for key, value in params.items() if value is not None and value is not False})


def agree_on_value(theirs: Any, event: Forward) -> None:
    """Assert that a value is ours, before its gradients are compared."""
    data = array_of(as_lists(getattr(theirs, "data", theirs)), FLOAT)
    pairs = zip(flat(data), flat(event.value), strict=False)
    alike = shape_of(data) == shape_of(event.value) and all(
        abs(x - y) <= VALUES * max(1.0, abs(y)) or x != x for x, y in pairs
    )
    if not alike:
        said = f"theirs {nested(data)}, ours {nested(event.value)}"
        raise AssertionError(f"first wrong value: step {event.step}, {event.name}, by {event.gate.name}: {said}")


VALUES = 1e-6  # relative: how far values may be apart before gradients are compared


def gradient_held(theirs: Any) -> Any:
    """Return the gradient that an object holds: a number, lists, an array, or another of their objects."""
    found = getattr(theirs, "grad", 0.0)
    found = found() if callable(found) else found
    if found is None:
        return 0.0
    return found if hasattr(found, "tolist") or not hasattr(found, "data") else found.data
