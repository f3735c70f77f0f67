"""Value: programs written in Python itself, for micrograd's or microgpt's ``Value``.

Every operation records a node. Outside a ``with Tape()`` block only the graph that the program still
holds is kept, as in PyTorch; inside, everything is, and leaves a trace behind.

For numbers the operators are compiled from the rows of the table together with the recording of the
node; everything else goes the general way.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from stepgrad.calls import bind
from stepgrad.events import Name
from stepgrad.formula import namespace_of
from stepgrad.gate import Elementwise
from stepgrad.literals import plain
from stepgrad.numeric import FLOAT
from stepgrad.ops import ELEMENTWISE, GATES, INPUT
from stepgrad.recorder import recording_lines
from stepgrad.recording import Recording
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor, from_nested, nested
from stepgrad.trace import Trace


def binary(gate: str, *, swapped: bool = False) -> Callable[[Value, Any], Any]:
    """Make an operator that goes the general way: tensors, constants, lists."""

    def operator(self: Value, other: Any) -> Any:
        if not isinstance(other, (Value, int, float, list, tuple, Tensor)):
            return NotImplemented
        right = other if isinstance(other, Value) else from_nested(other, float)
        return record(gate, (right, self) if swapped else (self, right))

    return operator


def method(gate: str) -> Callable[..., Value]:
    """Make a method: ``x.exp()``, ``x.sum(axis=0)``."""

    def call(self: Value, *args: Any, **keywords: Any) -> Value:
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
    name : str, optional
        What the trace calls it.

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
    """

    __slots__ = ("carried", "name")

    carried: Array
    name: str

    def __new__(cls, data: Any, *, name: str = "") -> Value:
        """Record an input; a number is of the class whose operators are compiled."""
        leaf = HERE.recording.leaf(from_nested(plain(data), float))
        assert isinstance(leaf, Value)
        leaf.carried = None
        leaf.name = name
        return leaf

    @property
    def data(self) -> Any:
        """The value: a number, or nested lists. Setting it gives an input a new value."""
        return nested(self.value)

    @data.setter
    def data(self, value: Any) -> None:
        HERE.recording.replace(self, from_nested(plain(value), float))

    @property
    def grad(self) -> Any:
        """The gradient: a number, or nested lists; 0 before any ``backward()``."""
        found = self.gradient()
        if found is None:
            return nested(Tensor(self.value.shape, [0.0] * len(self.value.data))) if self.is_tensor else 0.0
        return nested(found)

    @grad.setter
    def grad(self, value: Any) -> None:
        self.total = None
        given = from_nested(plain(value), float) if value else None  # 0 and None start anew
        if self.gate is INPUT:
            self.carried = given
        else:
            self.total = given

    @property
    def is_tensor(self) -> bool:
        """Whether it holds a tensor rather than a number."""
        return isinstance(self.value, Tensor)

    def gradient(self) -> Array:
        """Return what was carried from earlier sweeps plus this one's total; None if nothing."""
        if self.gate is not INPUT or self.carried is None:
            return self.total
        return self.carried if self.total is None else self.carried + self.total

    def renew(self) -> None:
        """Start a sweep: a leaf carries on what it has, anything else forgets it."""
        if self.gate is INPUT:
            self.carried = self.gradient()
        self.total = None

    def backward(self, seed: Any = None) -> None:
        """Send gradients back to every value that this one depends on.

        Raises
        ------
        GateError
            If this is a tensor and no seed of its shape is given.
        """
        HERE.recording.backward(self, None if seed is None else from_nested(plain(seed), float))

    def __float__(self) -> float:
        return float(self.data)

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def __getitem__(self, index: Any) -> Value:
        return record("index", (self,), {"index": index if isinstance(index, tuple) else (index,)})

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

    exp, log, sqrt = method("exp"), method("log"), method("sqrt")
    sin, cos, tan = method("sin"), method("cos"), method("tan")
    tanh, sigmoid, relu, softplus = method("tanh"), method("sigmoid"), method("relu"), method("softplus")
    maximum, minimum = method("maximum"), method("minimum")
    sum, mean, max, min = method("sum"), method("mean"), method("max"), method("min")
    norm, logsumexp = method("norm"), method("logsumexp")
    softmax, log_softmax, cross_entropy = method("softmax"), method("log_softmax"), method("cross_entropy")
    dot, reshape, transpose, broadcast = method("matmul"), method("reshape"), method("transpose"), method("broadcast")


def stack(values: Sequence[Value], axis: int = 0) -> Value:
    """Put values of one shape side by side along a new axis."""
    return record("stack", values, {"axis": axis})


def concat(values: Sequence[Value], axis: int = 0) -> Value:
    """Put values one after the other along an axis that they have."""
    return record("concat", values, {"axis": axis})


def record(gate: str, operands: Sequence[Any], params: Mapping[str, Any] | None = None) -> Value:
    """Apply a gate on the open recording."""
    ready = [each if isinstance(each, Value) else from_nested(plain(each), float) for each in operands]
    node = HERE.recording.apply(GATES[gate], ready, params or {})
    assert isinstance(node, Value)
    return node


class NumberValue(Value):
    """A Value that holds a number: its operators are compiled below."""

    __slots__ = ()


class Here:
    """Where Values are recorded at the moment. One program at a time: not for several threads."""

    def __init__(self) -> None:
        self.recording = Recording(FLOAT, Value, NumberValue, keep=False)


HERE = Here()

OPERATORS = {
    "add": ("__add__", "__radd__"),
    "sub": ("__sub__", "__rsub__"),
    "mul": ("__mul__", "__rmul__"),
    "div": ("__truediv__", "__rtruediv__"),
    "pow": ("__pow__", "__rpow__"),
}


def compile_operator(gate: Elementwise, name: str, *, swapped: bool = False) -> Callable[..., Value]:
    """Compile an operator or a method of numbers; what is no number goes the general way."""
    general = getattr(Value, name)
    namespace = {
        **namespace_of(FLOAT),
        "gate": gate,
        "node_type": NumberValue,
        "new": object.__new__,
        "HERE": HERE,
        "general": general,
    }

    def body(pattern: str, indent: str) -> str:
        return "".join(f"{indent}{line}\n" for line in recording_lines(gate, FLOAT, pattern, namespace))

    if len(gate.locals) == 1:
        source = "def operator(a):\n    p = HERE.recording.current\n" + body("n", "    ")
    else:
        own, other, with_literal = ("b", "a", "ln") if swapped else ("a", "b", "nl")
        source = (
            f"def operator({own}, {other}):\n"
            "    p = HERE.recording.current\n"
            f"    kind = type({other})\n"
            + ("" if swapped else "    if kind is node_type:\n" + body("nn", "        "))
            + f"    if kind is int: {other} = float({other})\n"
            f"    elif kind is not float: return general({own}, {other})\n" + body(with_literal, "    ")
        )
    exec(compile(source, f"<operator {name}>", "exec"), namespace)
    operator: Callable[..., Value] = namespace["operator"]
    operator.__name__, operator.__doc__ = name, general.__doc__
    return operator


for row in ELEMENTWISE:
    if row.name in OPERATORS:
        plain_name, swapped_name = OPERATORS[row.name]
        setattr(NumberValue, plain_name, compile_operator(row, plain_name))
        setattr(NumberValue, swapped_name, compile_operator(row, swapped_name, swapped=True))
    elif len(row.locals) == 1:
        method_name = "__abs__" if row.name == "abs" else row.name
        setattr(NumberValue, method_name, compile_operator(row, method_name))


class Tape:
    """Keep everything that Values compute in a ``with`` block, for a trace.

    Examples
    --------
    >>> with Tape() as tape:
    ...     x = Value(3.0, name="x")
    ...     f = x * x
    ...     f.backward()
    >>> [type(event).__name__ for event in tape.trace()]
    ['Forward', 'Forward', 'Seed', 'Backward', 'Backward']
    """

    def __init__(self) -> None:
        self.recording = Recording(FLOAT, Value, NumberValue)
        self.outer: Recording | None = None
        self.collector = False

    def __enter__(self) -> Tape:
        self.outer = HERE.recording
        self.outer.close()
        HERE.recording = self.recording
        self.collector = gc.isenabled()
        gc.disable()  # it would walk the growing tape again and again
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self.outer is not None
        HERE.recording = self.outer
        if self.collector:
            gc.enable()
        self.settle()

    def settle(self) -> None:
        """Close the open pass, and note what the inputs hold, whatever they are given later."""
        if self.recording.current.nodes:
            self.recording.close()
        for leaf in {leaf: None for each in self.recording.passes for leaf in each.leaves}:
            seen = self.recording.history.setdefault(leaf, [])
            if not seen or seen[-1][0] != math.inf:
                seen.append((math.inf, leaf.value))

    def trace(self) -> Trace:
        """Return the trace of what has been recorded so far."""
        self.settle()
        names: dict[Node, Name] = {}
        versions: dict[str, int] = {}
        for each in self.recording.passes:
            for leaf in each.leaves:
                name = getattr(leaf, "name", "")
                if name and leaf not in names:
                    versions[name] = versions.get(name, 0) + 1
                    names[leaf] = Name(name, versions[name])
        return Trace(self.recording.passes, FLOAT, names=names, history=dict(self.recording.history))
