"""Vocabulary: the words of the language besides gates, and those that courses write for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stepgrad.gate import Gate
from stepgrad.ops import GATES

MODULES = (
    "math",
    "numpy",
    "numpy.linalg",
    "numpy.random",
    "random",
    "torch",
    "torch.nn",
    "torch.nn.functional",
    "micrograd.engine",
    "stepgrad",
)
UNDERSTOOD_ANYWAY: Mapping[str, str] = {  # what stands before a dot, also where nothing was imported
    **{name: name for name in MODULES if "." not in name},
    "np": "numpy",
}
MODULE_NUMBERS = {
    "pi": "3.141592653589793",
    "e": "2.718281828459045",
    "inf": "inf",
    "nan": "nan",
    "tau": "6.283185307179586",
}

ALIASES: Mapping[str, str] = {"t": "transpose", "mm": "matmul", "mv": "matmul", "cat": "concat"}  # PyTorch's
GATE_OF: Mapping[str, Gate] = {
    **{name: gate for gate in GATES.values() if gate.name != "index" for name in (gate.name, *gate.also)},
    **{alias: GATES[name] for alias, name in ALIASES.items()},
}


PYTORCHS: Mapping[str, str] = {"dim": "axis", "keepdim": "keepdims"}
NO_NEWS = ("dtype", "requires_grad")  # keywords that say what is so anyway
FLOAT_TYPES = ("float", *(f"{module}.{name}" for module in ("np", "numpy", "torch") for name in ("float64", "double")))


class Described(NamedTuple):
    """How a function that is no gate is called, and what it does."""

    text: str
    words: str


OWN_CALLS: Mapping[str, Described] = {
    "backward": Described("backward(output, gradient=None)", "runs the reverse sweep; `gradient` is the seed"),
    "constant": Described("constant(value)", "makes a constant: no gradient flows to it"),
    "print": Described("print(x)", "prints any number of values on a line of the trace; `sep` is understood"),
    "len": Described("len(x)", "counts the entries of a list, or along the first axis of a tensor"),
    "range": Described("range(stop)", "counts, also `range(start, stop)` and `range(start, stop, step)`"),
    "enumerate": Described("enumerate(x, start=0)", "numbers the entries"),
    "zip": Described("zip(x, y)", "puts the entries of any number of lists side by side"),
    "reversed": Described("reversed(x)", "lists the entries from the last to the first"),
    "list": Described("list(x=None)", "lists the entries"),
    "tuple": Described("tuple(x=None)", "lists the entries, as a tuple"),
    "float": Described("float(x)", "takes a number off the tape"),
    "int": Described("int(x)", "takes the whole part, off the tape"),
    "round": Described("round(x, digits=None)", "rounds, off the tape"),
    "bool": Described("bool(x)", "says whether a value counts as true"),
    "str": Described("str(x)", "spells a value as `print` does"),
    "argmax": Described("argmax(x, axis=None)", "finds where the largest number stands"),
}
METHODS: Mapping[str, Described] = {
    "backward": Described("backward(output, gradient=None)", "as `backward(x)`"),
    "append": Described("append(xs, x)", "puts a value at the end of a list"),
    "index": Described("index(xs, x)", "finds where a value stands in a list or a text"),
    "item": Described("item(x)", "takes a number off the tape"),
    "detach": Described("detach(x)", "takes a value off the tape"),
    "copy": Described("copy(x)", "takes a value off the tape; copies a list"),
    "argmax": Described("argmax(x, axis=None)", "as `argmax(x)`"),
    "zero_grad": Described("zero_grad(x)", "does nothing: every sweep starts from zero"),
    "zero_": Described("zero_(x)", "does nothing, on a `.grad`"),
    "double": Described("double(x)", "does nothing: every number is a float64"),
    "requires_grad_": Described("requires_grad_(x)", "does nothing: inputs have gradients"),
}
LITERAL_MAKERS: Mapping[str, Described] = {
    "array": Described("array(object)", "makes a tensor of nested lists"),
    "asarray": Described("asarray(object)", "as `array`"),
    "tensor": Described("tensor(data)", "as `array`"),
    "Tensor": Described("Tensor(data)", "as `array`"),
    "Value": Described("Value(data, label=None)", "makes a number, as micrograd's"),
    "zeros": Described("zeros(shape)", "makes a tensor of 0"),
    "ones": Described("ones(shape)", "makes a tensor of 1"),
    "full": Described("full(shape, fill_value)", "makes a tensor of one number"),
    "zeros_like": Described("zeros_like(x)", "makes a tensor of 0 of the same shape"),
    "ones_like": Described("ones_like(x)", "makes a tensor of 1 of the same shape"),
    "eye": Described("eye(n)", "makes the identity matrix"),
    "linspace": Described("linspace(start, stop, num=50)", "makes numbers at even distances, `stop` being the last"),
    "arange": Described("arange(start, stop=None, step=1)", "makes numbers at even distances, before `stop`"),
    "normal": Described("normal(shape, seed=None, mean=0, std=1)", "draws from the normal distribution"),
    "uniform": Described("uniform(shape, seed=None, low=0, high=1)", "draws evenly from `low` to `high`"),
}
WITH_LITERAL: Mapping[str, tuple[str, str, int]] = {  # a gate with its second operand written out
    "square": ("square(x)", "pow", 2),
    "negative": ("negative(x)", "mul", -1),
}
KNOWN_CALLS = (*GATE_OF, *OWN_CALLS, *LITERAL_MAKERS, *WITH_LITERAL)
LISTED = "; `stepgrad gates` lists what is"
SEEDED = "write `normal(shape, seed=0)` or `uniform(shape, seed=0)`, the same in every run"
INSTEAD: Mapping[str, str] = {  # what courses write and the language has under another name, or not at all
    "view": "write `.reshape(...)`",
    "unsqueeze": "write `x[:, None]` or `x[None]`",
    "squeeze": "write `.reshape(...)`",
    "clone": "write `.detach()` for the numbers alone, or use the value itself",
    "format": 'write an f-string, as in f"{x:.3f}"',
    "join": "write an f-string",
    "extend": "write `xs = xs + ys`",
    "pop": "build a new list, or take a slice such as `xs[:-1]`",
    "items": "dictionaries are not understood; use names or lists",
    "input": "supply the value from outside, as in x=3",
    "map": "write a list comprehension",
    "sorted": "write the numbers in order",
    "Linear": "write `x @ W + b`",
    "Sequential": "write a function that calls its layers",
    "CrossEntropyLoss": "write `cross_entropy(scores, label)`",
    "MSELoss": "write `mse(x, y)`",
    **dict.fromkeys(("optim", "SGD", "Adam", "step"), "write the update out, as in `w -= 0.1 * w.grad`"),
    **dict.fromkeys(("randn", "rand", "random", "gauss", "normal_", "uniform_"), SEEDED),
    **dict.fromkeys(("seed", "manual_seed", "default_rng"), "leave it out, and " + SEEDED),
}
