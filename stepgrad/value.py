"""Value: programs written in Python itself, for micrograd's or microgpt's ``Value``.

Every operation records a node. Outside a ``with Tape()`` block only the graph that the program still
holds is kept, as in PyTorch; inside, everything is, and leaves a trace behind.

For numbers the operators are compiled from the rows of the table together with the recording of the
node; everything else goes the general way.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial, wraps
from typing import Any

from stepgrad.calls import bind, resolve
from stepgrad.errors import GateError
from stepgrad.fitted import Fitting
from stepgrad.gate import Elementwise, Gate
from stepgrad.literals import holds_nodes, plain, raw
from stepgrad.numeric import FLOAT
from stepgrad.ops import ELEMENTWISE, GATES, INPUT
from stepgrad.recorder import compile_operator
from stepgrad.recording import Recording
from stepgrad.style import literal_text
from stepgrad.tape import More, Node
from stepgrad.tensor import Array, Tensor, from_nested, full, nested, shape_of, show_shape


def as_number(value: Any) -> float:
    """Make the number that a program gives, or say that it is none."""
    try:
        if not isinstance(value, (str, bytes)):
            return float(value)
    except OverflowError:
        raise GateError("this number is larger than float64 can hold; keep it under 1.8e308") from None
    except (TypeError, ValueError):
        pass
    raise GateError(f"{value!r} is no number; a Value holds a number, or lists of numbers")


def as_array(value: Any) -> Array:
    """Bring data or a gradient to a number or a tensor: numbers, lists, NumPy's arrays, what Values hold."""
    if type(value) is float:  # most are
        return value
    found = plain(raw(value))
    return found if isinstance(found, Tensor) else from_nested(found, as_number)


def as_operand(value: Any) -> Value | Array:
    """Bring what a program gives to an operand: a list that holds Values is stacked, so that gradients reach them."""
    if type(value) is float or isinstance(value, Value):
        return value
    found = plain(value)
    if isinstance(found, (list, tuple)) and holds_nodes(found):
        return record("stack", found, {"axis": 0})
    return as_array(found)


def binary(gate: str, *, swapped: bool = False) -> Callable[[Value, Any], Any]:
    """Make an operator that goes the general way: tensors, constants, lists, NumPy's arrays."""

    def operator(self: Value, other: Any) -> Any:
        if not isinstance(other, (Value, int, float, list, tuple, Tensor)) and not hasattr(other, "tolist"):
            return NotImplemented
        return record(gate, (other, self) if swapped else (self, other))

    return operator


def comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Any], Any]:
    """Make a comparison of the numbers that two Values hold, or of one with a number."""

    def compared(self: Value, other: Any) -> Any:
        if not isinstance(other, (Value, int, float)):
            return NotImplemented
        sides = self.value, other.value if isinstance(other, Value) else other
        if any(isinstance(side, Tensor) for side in sides):
            raise GateError("numbers can be compared, and this is a tensor; compare its entries, or its .data")
        return compare(*sides)

    return compared


@cache
def defaults_of(gate: Gate) -> Mapping[str, Any]:
    """Return the params of a gate that is given nothing but an operand."""
    return bind(gate, [0.0], {}, gate.name).params


def method(gate: str) -> Callable[..., Value]:
    """Make a method: ``x.exp()``, ``x.sum(axis=0)``."""

    def call(self: Value, *args: Any, **keywords: Any) -> Value:
        if not args and not keywords:
            return record(gate, (self,), defaults_of(GATES[gate]))
        _, operands, params = bind(GATES[gate], [self, *args], keywords, gate)
        return record(gate, operands, params)

    call.__doc__ = f"Apply the gate ``{gate}``: it {GATES[gate].words}."
    call.__name__ = gate
    return call


class Value(Node):
    """A number or a tensor that remembers how it was computed.

    Parameters
    ----------
    data : number or nested lists
        A list that holds Values is stacked: the result is then no input, but computed from these.
    _children, _op : optional
        As micrograd's and microgpt's own code passes them; what a Value was computed from cannot be given.
    label, name : str, optional
        What the trace calls it.

    Raises
    ------
    GateError
        If the data is no number and no list of them, or if there are children.

    Examples
    --------
    >>> a, b = Value(2.0), Value(-3.0)
    >>> f = (a * b + 10).tanh()
    >>> f.backward()
    >>> round(a.grad, 6)
    -0.004023

    Notes
    -----
    As in PyTorch and micrograd, the gradients of leaves add up over several ``backward()`` calls until
    the program sets ``grad`` to 0; those of intermediate values never do.

    A Value is true, whatever it holds, and equal to itself only, as any object without a length; ``<``, ``>``,
    ``<=``, ``>=`` compare the numbers held; ``len`` counts the entries of a tensor's first axis. A copy of one
    is an input of its own with the same data and name.
    """

    __slots__ = ()

    def __init__(
        self, data: Any, _children: Iterable[Any] = (), _op: Any = "", label: str = "", *, name: str = ""
    ) -> None:
        """Record an input; a number becomes one of the class whose operators are compiled."""
        if _children and any(True for _ in _children):
            raise GateError("what a Value is computed from cannot be given; compute it with the operators and methods")
        ready = data if type(data) is float else as_operand(data)
        if not isinstance(ready, Value):
            HERE.leaf(ready, INPUT, self)
        elif ready is data:
            raise GateError("this is a Value already; use it as it is, or its .data for an input of its own")
        else:
            HERE.fill(self, ready)
        if name or label:
            self.name = name or label

    def __reduce__(self) -> Any:
        return renamed, (self.data, self.name)

    @property
    def name(self) -> str:
        """What the trace calls it; empty where the program gave it no name."""
        return self.more.name if self.more else ""

    @name.setter
    def name(self, name: str) -> None:
        self.more = (self.more or More())._replace(name=name)

    label = name  # as micrograd's lecture calls it

    @property
    def data(self) -> Any:
        """The value: a number, or nested lists. What is computed after it is set sees the new one.

        Raises
        ------
        GateError
            If it is set to something of another shape.
        """
        return nested(self.value)

    @data.setter
    def data(self, value: Any) -> None:
        HERE.replace(self, self.fitting(value))

    @property
    def grad(self) -> Any:
        """The gradient: a number, or nested lists; 0 before any ``backward()``. 0 and None start anew.

        Raises
        ------
        GateError
            If it is set to something of another shape.
        """
        found = self.total
        if type(found) is float:  # most are
            return found
        return nested(full(shape_of(self.value), 0.0) if found is None else found)

    @grad.setter
    def grad(self, value: Any) -> None:
        if type(value) is int and value == 0:  # most are
            self.total = None
            return
        anew = value is None or (isinstance(value, (int, float)) and value == 0)
        self.total = None if anew else self.fitting(value)
        if not anew and self.gate is not INPUT:
            HERE.current.preset.append(self)

    def fitting(self, value: Any) -> Array:
        """Bring a value from outside to an array of this one's shape."""
        array, shape = as_array(value), shape_of(self.value)
        if shape_of(array) != shape:
            raise GateError(
                f"{show_shape(shape)} and {show_shape(shape_of(array))} differ in shape; "
                "give data and gradients the shape of their Value, or make a new Value"
            )
        return array

    @property
    def is_tensor(self) -> bool:
        """Whether it holds a tensor rather than a number."""
        return isinstance(self.value, Tensor)

    def carry_on(self, gradient: Array) -> None:
        """Add up with a gradient from before a sweep, for a leaf; anything else had forgotten it if it was reached."""
        if self.total is None:
            self.total = gradient
        elif self.gate is INPUT:
            self.total = gradient + self.total

    # What programs written for micrograd and microgpt ask of a node

    @property
    def _prev(self) -> tuple[Value, ...]:
        """The Values that it was computed from, each once."""
        return tuple(dict.fromkeys(self._children))

    @property
    def _children(self) -> tuple[Value, ...]:
        """The Values that it was computed from, in the order of their slots."""
        return tuple(operand for operand in self.operands if isinstance(operand, Value))

    @property
    def _local_grads(self) -> tuple[Any, ...]:
        """The local for each of these."""
        edges = zip(self.operands, self.locals, strict=True)
        return tuple(local for operand, local in edges if isinstance(operand, Value))

    @property
    def _op(self) -> str:
        """The sign of its gate; empty for an input."""
        if self.gate.name == "pow" and not isinstance(self.b, Value):
            return f"**{literal_text(self.b)}"
        return "*" if self.gate.name == "mul" else self.gate.symbol

    @property
    def _backward(self) -> Any:
        """Not there: no node has a function of its own."""
        raise AttributeError("a Value has no _backward; its gate has the rule, and backward() runs all of them")

    @_backward.setter
    def _backward(self, rule: Any) -> None:
        raise AttributeError("a Value takes no _backward of its own; compute it with the operators and methods")

    def backward(self, seed: Any = None) -> None:
        """Send gradients back to every value that this one depends on.

        Raises
        ------
        GateError
            If this is a tensor and no seed of its shape is given.
        """
        HERE.backward(self, None if seed is None else as_array(seed))

    def __array_ufunc__(self, function: Any, way: str, *operands: Any, **keywords: Any) -> Any:
        """Apply the gates that a function or an operator of NumPy's means: ``np.exp(x)``, ``array * x``."""
        applications = resolve(function.__name__, "np", operands, keywords) if way == "__call__" else None
        if applications is None:
            return NotImplemented
        result = None
        for gate, taken, params in applications:
            result = record(gate.name, [result if each is ... else each for each in taken], params)
        return result

    def __float__(self) -> float:
        return float(self.data)

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def __getitem__(self, index: Any) -> Value:
        return record("index", (self,), {"index": index if isinstance(index, tuple) else (index,)})

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        if not self.is_tensor:
            raise TypeError("a Value that holds a number has no length")
        size: int = self.value.shape[0]
        return size

    def __iter__(self) -> Any:
        if not self.is_tensor:
            raise TypeError("a Value that holds a number cannot be iterated")
        return (self[i] for i in range(self.value.shape[0]))

    @property
    def T(self) -> Value:
        """The transpose."""
        return record("transpose", (self,), {"axes": None})

    def __neg__(self) -> Value:
        negated: Value = self * -1.0
        return negated

    __add__ = __radd__ = binary("add")
    __sub__, __rsub__ = binary("sub"), binary("sub", swapped=True)
    __mul__ = __rmul__ = binary("mul")
    __truediv__, __rtruediv__ = binary("div"), binary("div", swapped=True)
    __pow__, __rpow__ = binary("pow"), binary("pow", swapped=True)
    __matmul__, __rmatmul__ = binary("matmul"), binary("matmul", swapped=True)
    __abs__ = method("abs")
    __lt__, __le__ = comparison(operator.lt), comparison(operator.le)
    __gt__, __ge__ = comparison(operator.gt), comparison(operator.ge)

    exp, log, sqrt = method("exp"), method("log"), method("sqrt")
    expm1, log1p, erfc = method("expm1"), method("log1p"), method("erfc")
    sin, cos, tan = method("sin"), method("cos"), method("tan")
    tanh, sigmoid, relu, softplus = method("tanh"), method("sigmoid"), method("relu"), method("softplus")
    leaky_relu, elu, gelu, erf = method("leaky_relu"), method("elu"), method("gelu"), method("erf")
    clip, maximum, minimum = method("clip"), method("maximum"), method("minimum")
    sum, mean, max, min = method("sum"), method("mean"), method("max"), method("min")
    norm, logsumexp = method("norm"), method("logsumexp")
    var, std, cumsum, layer_norm = method("var"), method("std"), method("cumsum"), method("layer_norm")
    mse, svm_loss, outer, flatten = method("mse"), method("svm_loss"), method("outer"), method("flatten")
    conv2d, max_pool2d, avg_pool2d = method("conv2d"), method("max_pool2d"), method("avg_pool2d")
    softmax, log_softmax, cross_entropy = method("softmax"), method("log_softmax"), method("cross_entropy")
    dot, reshape, transpose, broadcast = method("matmul"), method("reshape"), method("transpose"), method("broadcast")


def renamed(data: Any, name: str) -> Value:
    """Make an input from what is left of a Value that was copied or stored."""
    return Value(data, name=name)


def stack(values: Iterable[Any], axis: int = 0) -> Value:
    """Put values of one shape side by side along a new axis."""
    return method("stack")(list(values), axis=axis)


def concat(values: Iterable[Any], axis: int = 0) -> Value:
    """Put values one after the other along an axis that they have."""
    return method("concat")(list(values), axis=axis)


def record(gate: str, operands: Sequence[Any], params: Mapping[str, Any] | None = None) -> Value:
    """Apply a gate on the open recording."""
    node = HERE.apply(GATES[gate], list(map(as_operand, operands)), params or {})
    assert isinstance(node, Value)
    return node


class NumberValue(Value):
    """A Value that holds a number: its operators are compiled below, and recorders fill it."""

    __slots__ = ()
    __init__ = object.__init__  # an empty node is made at once, by C alone


class TensorValue(Value):
    """A Value that holds a tensor: its operators are below, and recorders fill it."""

    __slots__ = ()
    __init__ = object.__init__


# Where Values are recorded. One program at a time: not for several threads.
HERE = Recording(FLOAT, Value, NumberValue, TensorValue, keep=False)

OPERATORS = {
    "add": ("__add__", "__radd__"),
    "sub": ("__sub__", "__rsub__"),
    "mul": ("__mul__", "__rmul__", "__neg__"),  # -x is x × -1
    "div": ("__truediv__", "__rtruediv__"),
    "pow": ("__pow__", "__rpow__"),
}


def compiled(gate: Elementwise, name: str, *, swapped: bool = False) -> Callable[..., Value]:
    """Compile an operator or a method of numbers; what is no number goes the general way."""
    return compile_operator(gate, name, NumberValue, HERE, getattr(Value, name), swapped=swapped)


def fitted(gate: Gate, operands: int, general: Callable[..., Any]) -> Callable[..., Any]:
    """Compile an operator of two tensors, or a method of one; with whatever else, it goes the general way."""
    fitting = Fitting(gate, FLOAT, "t" * operands, NumberValue, TensorValue)
    return fitting.method(HERE, general, partial(defaults_of, gate))


def number_first(plain_name: str, swapped_name: str) -> Callable[..., Any]:
    """Make an operator of a tensor that leaves it to a number to the right of it, as Python does for a subclass."""
    general, of_number = getattr(Value, plain_name), getattr(NumberValue, swapped_name)

    @wraps(general)
    def operator(self: Value, other: Any) -> Any:
        return of_number(other, self) if other.__class__ is NumberValue else general(self, other)

    return operator


for row in ELEMENTWISE:
    if row.name in OPERATORS:
        plain_name, swapped_name, *other_names = OPERATORS[row.name]
        setattr(NumberValue, plain_name, compiled(row, plain_name))
        setattr(NumberValue, swapped_name, compiled(row, swapped_name, swapped=True))
        setattr(TensorValue, plain_name, fitted(row, 2, number_first(plain_name, swapped_name)))
        for name in other_names:
            setattr(NumberValue, name, compiled(row, name))
    elif len(row.locals) == 1 and not row.params:
        method_name = "__abs__" if row.name == "abs" else row.name
        setattr(NumberValue, method_name, compiled(row, method_name))
        setattr(TensorValue, method_name, fitted(row, 1, getattr(Value, method_name)))
for name in ("sum", "mean", "max", "min", "norm", "logsumexp", "flatten"):
    setattr(TensorValue, name, fitted(GATES[name], 1, getattr(Value, name)))
TensorValue.__matmul__ = fitted(GATES["matmul"], 2, Value.__matmul__)
