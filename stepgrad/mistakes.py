"""Mistakes: the locals that people write down instead of the right ones, gate by gate.

For elementwise gates they are text, as the right ones are: formulas in the operands ``x``, ``y`` and the result
``z``. For the others they are functions that pull an upstream as somebody's code does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

from stepgrad.formula import compile_formula, fold
from stepgrad.gate import Elementwise
from stepgrad.linear import LinearMap, MatmulLeft, MatmulRight, Softmax, Weights
from stepgrad.numeric import FLOAT
from stepgrad.ops import GATES
from stepgrad.sweeps import Edge, Wrong
from stepgrad.tensor import Array, Shape, Tensor, flat, shape_of, shaped, transpose_source


class Mistake(NamedTuple):
    """A wrong local.

    Attributes
    ----------
    words : str
        What was done instead; empty where the formula says it.
    local : number, LinearMap, Wrong or None
        None where the edge is forgotten.
    formula : str
        The wrong local as text, where it is one.
    """

    words: str
    local: Any
    formula: str = ""


Formulas = Mapping[tuple[str, int], tuple[str, ...]]

LIKELY: Formulas = {
    ("div", 0): ("y", "1/y**2", "-1/y**2"),
    ("div", 1): ("-1/y**2", "-x/y", "1/y", "-x", "-x*y"),
    ("pow", 0): ("x**(y-1)", "y*x**y", "y*x", "y*x**(y+1)", "(y-1)*x**(y-1)"),
    ("pow", 1): ("log(x)", "z", "y*x**(y-1)", "z/log(x)", "z*log(y)", "x*log(x)"),
    ("maximum", 0): ("0 if x > y else 1", "1 if x >= y else 0", "1"),
    ("maximum", 1): ("0 if y > x else 1", "1 if y > x else 0", "1"),
    ("minimum", 0): ("0 if x < y else 1", "1 if x <= y else 0", "1"),
    ("minimum", 1): ("0 if y < x else 1", "1 if y < x else 0", "1"),
    ("exp", 0): ("x*exp(x-1)", "exp(z)", "x", "1/z", "x*z", "exp(-x)", "z-1", "log(x)"),
    ("log", 0): ("1/z", "x", "z", "1/x**2", "1/(2.302585092994046*x)", "exp(x)", "x*z"),
    ("sqrt", 0): ("1/(2*x)", "z/2", "1/(2*sqrt(z))", "2*z", "2/z", "1/z", "z", "1/x", "x/2"),
    ("sin", 0): ("sin(x)", "-sin(x)", "cos(z)"),
    ("cos", 0): ("cos(x)", "-cos(x)", "-sin(z)"),
    ("tan", 0): ("1-z**2", "1/cos(x)", "1+x**2", "1+z", "z**2", "1/(1+x**2)", "1+tan(z)**2"),
    ("tanh", 0): (
        "1-x**2", "1-z", "(1-z)*z", "1+z**2", "1-tanh(z)**2", "z", "z**2", "(1-z)**2", "(1-x)*x", "1-x",
    ),
    ("sigmoid", 0): (
        "z", "1-z", "(1-x)*x", "(u := exp(-abs(z)))/(1+u)**2", "1-z**2", "z**2", "(1+z)*z", "(1-z)**2", "1-x",
    ),
    ("relu", 0): ("0 if x < 0 else 1", "x", "z", "1 if x < 0 else 0", "0.01 if x <= 0 else 1"),
    ("softplus", 0): ("1/(1+exp(x))", "(u := exp(-abs(x)))/(1+u)**2", "1/(1+exp(-z))", "exp(x)", "0 if x <= 0 else 1"),
    ("leaky_relu", 0): ("0 if x <= 0 else 1", "slope", "1 if x <= 0 else slope", "slope*x if x <= 0 else 1"),
    ("elu", 0): ("z if x <= 0 else 1", "0 if x <= 0 else 1", "alpha if x <= 0 else 1", "exp(x)"),
    ("gelu", 0): (
        "0.5*erfc(-x*0.7071067811865476)", "0 if x <= 0 else 1", "x*exp(-0.5*x*x)*0.3989422804014327",
        "(u := 1/(1+exp(-1.702*x)))*(1+1.702*x*(1-u))",
    ),
    ("erf", 0): ("exp(-x*x)", "0.5641895835477563*exp(-x*x)", "1.1283791670955126*exp(-z*z)", "z"),
    ("abs", 0): ("x", "z", "1 if x < 0 else 0", "0 if x <= 0 else 1"),
}  # fmt: skip

# Of gates whose operands are often small whole numbers, so that these may come out right by chance.
FAR_FETCHED: Formulas = {
    ("add", 0): ("y",),
    ("add", 1): ("x",),
    ("mul", 0): ("z", "x+y"),
    ("mul", 1): ("z", "x+y"),
    ("div", 0): ("x", "1/x", "z"),
    ("div", 1): ("x", "1/x", "-1/x", "-y/x**2", "-x/y**3"),
    ("pow", 0): ("y", "x", "z", "z*log(x)", "(y-1)*x**(y-2)", "y*x**(y-2)"),
}  # fmt: skip


def of_formulas(edge: Edge, table: Formulas = LIKELY) -> Iterator[Mistake]:
    """Yield the wrong formulas of an elementwise gate."""
    if isinstance(edge.gate, Elementwise):
        for text in table.get((edge.gate.name, edge.slot), ()):
            filled = fold(text, edge.params) if edge.params else text
            yield Mistake("", by_formula(edge, filled), filled)


def by_formula(edge: Edge, text: str) -> Any:
    """Return the local that a formula gives at an edge: a number, or one weight per element."""
    formula = compile_formula(text, FLOAT)
    shape = shape_of(edge.value)
    size = prod(shape)
    columns = [flat(each) if isinstance(each, Tensor) else [each] * size for each in edge.operands]
    y = columns[1] if len(columns) > 1 else [None] * size
    found = [formula(*element) for element in zip(columns[0], y, flat(edge.value), strict=True)]
    return weighted(shape, found) if shape else found[0]


def weighted(shape: Shape, weights: list[Any]) -> LinearMap:
    """Make the map of elementwise weights."""
    return Weights(shape, shape, 0.0, "", range(len(weights)), weights)


# What an upstream becomes


def times(array: Array, factor: Any) -> Array:
    """Multiply every number by the same."""
    return Tensor(array.shape, [x * factor for x in array.data]) if isinstance(array, Tensor) else array * factor


def over(array: Array, divisor: Array) -> Array:
    """Divide number by number."""
    divide = FLOAT.ieee["div"]
    return shaped(shape_of(array), [divide(x, y) for x, y in zip(flat(array), flat(divisor), strict=True)])


def scaled(edge: Edge, factor: Any) -> Any:
    """Return an edge's local times a number."""
    local: Any = edge.local
    return Wrong(lambda up: times(up * local, factor)) if isinstance(local, LinearMap) else local * factor


def turned(array: Array) -> Array:
    """Transpose a matrix, or the matrices of a stack."""
    rank = len(shape_of(array))
    if rank < 2:
        return array
    shape, source = transpose_source(shape_of(array), (*range(rank - 2), rank - 1, rank - 2))
    return Tensor(shape, [flat(array)[i] for i in source])


def flipped(array: Array) -> Array:
    """Turn the kernels of a convolution upside down and left to right."""
    window = prod(shape_of(array)[-2:])
    data = flat(array)
    return Tensor(
        shape_of(array), [x for i in range(0, len(data), window or 1) for x in reversed(data[i : i + window])]
    )


def rows_product(left: list[list[Any]], right: list[list[Any]]) -> list[Any]:
    """Multiply two matrices given as rows; row-major."""
    found = []
    for row in left:
        for j in range(len(right[0]) if right else 0):
            total = 0.0
            for k, x in enumerate(row):
                total += x * right[k][j]
            found.append(total)
    return found


def same_shape(edge: Edge) -> bool:
    """Whether an edge's upstream could pass for its product."""
    return edge.shape == shape_of(edge.value)


# Matrices


def of_transposes(edge: Edge) -> Iterator[Mistake]:
    """Yield what comes out where a transpose is missing, or one too many is there."""
    local: Any = edge.local
    if edge.gate.name == "transpose":
        yield Mistake("the upstream was not transposed", Wrong(lambda up: up))
        yield Mistake("the upstream was reshaped, not transposed", Wrong(lambda up: shaped(edge.shape, flat(up))))
    if isinstance(local, (MatmulLeft, MatmulRight)):
        s = local.sides
        other = "second" if isinstance(local, MatmulLeft) else "first"
        if (s.batch, s.lefts, s.rights) == (1, 1, 1) and s.k == (s.m if isinstance(local, MatmulLeft) else s.n):
            yield Mistake(f"the {other} operand was not transposed", Wrong(untransposed(edge, local)))
        if len(edge.shape) > 1:
            yield Mistake("the product came out transposed", Wrong(lambda up: turned(up * local)))
    if edge.gate.name == "conv2d" and edge.slot == 0:
        stood = edge.gate.apply(FLOAT, [edge.operands[0], flipped(edge.operands[1])], [True, False], edge.params)
        yield Mistake("the kernels were flipped where they should not be, or the other way round", stood[1][0])
    if edge.gate.name == "conv2d" and edge.slot == 1:
        yield Mistake("the kernels' gradient came out flipped", Wrong(lambda up: flipped(up * local)))


def untransposed(edge: Edge, local: MatmulLeft | MatmulRight) -> Callable[[Array], Array]:
    """Make the pull up · B, instead of up · Bᵀ, or A · up, instead of Aᵀ · up."""
    s = local.sides
    lefts = [s.left_row(0, i) for i in range(s.n)]
    rights = [s.right_row(0, j) for j in range(s.k)]

    def pull(upstream: Array) -> Array:
        up = flat(upstream)
        rows = [up[i * s.m : (i + 1) * s.m] for i in range(s.n)]
        found = rows_product(rows, rights) if isinstance(local, MatmulLeft) else rows_product(lefts, rows)
        return shaped(edge.shape, found)

    return pull


# Sums that are missing


def of_sums(edge: Edge) -> Iterator[Mistake]:
    """Yield what comes out where the sum over the batch, or over a broadcast axis, is missing."""
    local: Any = edge.local
    if edge.gate.name == "broadcast":
        yield Mistake("there is no sum over the copies", Wrong(lambda up: up))
        copies = copies_of(edge)
        for words, pick in (("last", -1), ("first", 0)):
            where = [each[pick] for each in copies]
            yield Mistake(
                f"only the {words} copy counts", Wrong(lambda up, where=where: shaped(edge.shape, at(up, where)))
            )
    if isinstance(local, (MatmulLeft, MatmulRight)) or edge.gate.name == "conv2d":
        count = batch_of(edge)
        rows = {"last": count - 1, "first": 0} if count > 1 else {}
        for words, row in rows.items():
            yield Mistake(
                f"only the {words} sample of the batch counts",
                Wrong(lambda up, row=row: only(up, row, count) * local),
            )


def copies_of(edge: Edge) -> list[list[int]]:
    """List, for every element of a broadcast operand, where its copies are."""
    local: Any = edge.local
    found: list[list[int]] = [[] for _ in range(prod(edge.shape))]
    for o, s in enumerate(local.source):
        found[s].append(o)
    return found


def at(array: Array, where: list[int]) -> list[Any]:
    """Pick numbers by their places."""
    data = flat(array)
    return [data[i] for i in where]


def batch_of(edge: Edge) -> int:
    """Return over how many samples an edge sums: rows of a product into its right side, images of a convolution."""
    local: Any = edge.local
    if edge.gate.name == "conv2d":
        images = shape_of(edge.operands[0])
        return images[0] if len(images) == 4 and edge.slot == 1 else 1
    if isinstance(local, MatmulRight):
        return local.sides.batch // local.sides.rights * local.sides.n
    return local.sides.batch // local.sides.lefts if isinstance(local, MatmulLeft) else 1


def only(array: Array, part: int, count: int) -> Array:
    """Keep one of ``count`` parts of the first axis; the rest becomes 0."""
    if not isinstance(array, Tensor):
        return array
    size = len(array.data) // count
    return Tensor(array.shape, [x if i // size == part else 0.0 for i, x in enumerate(array.data)])


def of_means(edge: Edge) -> Iterator[Mistake]:
    """Yield the local multiplied by how many numbers were averaged."""
    for count in averaged(edge):
        yield Mistake(f"it was not divided by {count}", scaled(edge, float(count)))


def of_shares(edge: Edge) -> Iterator[Mistake]:
    """Yield the local divided by how many numbers were added up."""
    for count in added_up(edge):
        yield Mistake(f"it was divided by {count}", scaled(edge, 1.0 / count))


def averaged(edge: Edge) -> list[int]:
    """List by what a gate divides that averages: all numbers, or the rows or columns alone."""
    if edge.gate.name == "avg_pool2d":
        window = edge.params["size"]
        return counts(window * window if isinstance(window, int) else prod(window))
    if edge.gate.name in ("cross_entropy", "svm_loss"):
        return counts(prod(edge.shape[:-1]))
    if edge.gate.name in ("mean", "mse", "var"):
        return counts(prod(edge.shape) // max(1, prod(shape_of(edge.value))), *edge.shape)
    return []


def added_up(edge: Edge) -> list[int]:
    """List over how many numbers a gate sums, forwards or backwards."""
    if edge.gate.name == "sum":
        return counts(prod(edge.shape) // max(1, prod(shape_of(edge.value))), *edge.shape)
    if edge.gate.name in ("mean", "mse", "cross_entropy", "svm_loss"):
        return counts(*edge.shape, prod(edge.shape))
    if edge.gate.name == "broadcast":
        return counts(prod(shape_of(edge.value)) // max(1, prod(edge.shape)))
    if isinstance(edge.local, (MatmulLeft, MatmulRight)) or edge.gate.name == "conv2d":
        return counts(batch_of(edge))
    return []


def counts(*numbers: int) -> list[int]:
    """List those above 1, each once."""
    return [each for each in dict.fromkeys(numbers) if each > 1]


# The other structural gates


def of_rules(edge: Edge) -> Iterator[Mistake]:
    """Yield the wrong rules of structural gates."""
    rule = RULES.get(edge.gate.name)
    if rule is not None:
        yield from rule(edge)


def of_softmax(edge: Edge) -> Iterator[Mistake]:
    """Yield softmax without what the entries do to each other."""
    local: Any = edge.local
    assert isinstance(local, Softmax)
    y = local.y
    if local.is_log:
        yield Mistake("only the diagonal, 1 - y, was taken", weighted(edge.shape, [1 - each for each in y]))
        yield Mistake("the sum of the upstream was left out", Wrong(lambda up: minus(up, y)))
        yield Mistake("it was taken for softmax", Wrong(Softmax(*vars_of(local), is_log=False).pull))
        return
    yield Mistake("only the diagonal, (1 - y) y, was taken", weighted(edge.shape, [(1 - each) * each for each in y]))
    yield Mistake("the sum over the line was left out", weighted(edge.shape, list(y)))
    yield Mistake("it was taken for log_softmax", Wrong(Softmax(*vars_of(local), is_log=True).pull))


def vars_of(local: Softmax) -> tuple[Any, ...]:
    """Return what a softmax's map is made of."""
    return (*basics(local), local.lines, local.line_of, local.y)


def basics(local: LinearMap) -> tuple[Shape, Shape, Any, str]:
    """Return what every map has."""
    return local.operand_shape, local.result_shape, local.zero, local.formula


def minus(array: Array, numbers: Any) -> Array:
    """Subtract number by number."""
    return shaped(shape_of(array), [x - y for x, y in zip(flat(array), numbers, strict=True)])


def of_cross_entropy(edge: Edge) -> Iterator[Mistake]:
    """Yield softmax without the 1, and the like."""
    local: Any = edge.local
    assert isinstance(local, Weights)
    classes = edge.shape[-1]
    labels = [int(each) for each in flat(edge.operands[1])]
    right = {n * classes + label for n, label in enumerate(labels)}
    share, w = 1.0 / len(labels), local.weights
    plain = [each + share if i in right else each for i, each in enumerate(w)]
    yield Mistake("the 1 was not subtracted at the label", reweighted(local, plain))
    yield Mistake("only the label's score got a gradient", reweighted(local, kept(w, right)))
    yield Mistake("the label's score was left out", reweighted(local, kept(w, set(range(len(w))) - right)))
    yield Mistake("the scores were taken for probabilities", reweighted(local, from_scores(edge, right, share)))


def from_scores(edge: Edge, right: set[int], share: float) -> list[Any]:
    """Return the gradient without softmax: the scores less 1 at the label."""
    return [(x - 1 if i in right else x) * share for i, x in enumerate(flat(edge.operands[0]))]


def kept(weights: Any, places: set[int]) -> list[Any]:
    """Keep the weights at some places; the others become 0."""
    return [each if i in places else 0.0 for i, each in enumerate(weights)]


def reweighted(local: Weights, weights: list[Any]) -> Weights:
    """Return the same map with other weights."""
    return Weights(*basics(local), local.target, weights)


def of_extremes(edge: Edge) -> Iterator[Mistake]:
    """Yield max or min that hands the upstream to more, or to fewer, than it should."""
    local: Any = edge.local
    if not isinstance(local, Weights):
        return
    w = local.weights
    yield Mistake("every element got the upstream, not only the winner", reweighted(local, [1.0] * len(w)))
    yield Mistake("tied elements each got the whole upstream", reweighted(local, [1.0 if each else 0.0 for each in w]))
    first = {local.target[i]: i for i in reversed(range(len(w))) if w[i]}.values()
    yield Mistake("only the first of tied elements got it", reweighted(local, [float(i in first) for i in range(len(w))]))


def of_spread(edge: Edge) -> Iterator[Mistake]:
    """Yield var and std with n - 1, or about 0 instead of the mean."""
    local: Any = edge.local
    if not isinstance(local, Weights):
        return
    count = prod(edge.shape) // max(1, prod(shape_of(edge.value)))
    if count > 1:
        power = 1.0 if edge.gate.name == "var" else 0.5
        yield Mistake(f"it was divided by n - 1 = {count - 1}", scaled(edge, (count / (count - 1)) ** power))
    xs, z = flat(edge.operands[0]), flat(edge.value)
    raw = [2 * x / count if edge.gate.name == "var" else x / (count * z[t]) for x, t in zip(xs, local.target, strict=True)]
    yield Mistake("the mean was not subtracted", reweighted(local, raw))


def of_layer_norm(edge: Edge) -> Iterator[Mistake]:
    """Yield the normalisation with mean and variance taken for constants."""
    width = edge.shape[-1]
    roots = [(line.variance + line.eps) ** 0.5 for line in getattr(edge.local, "lines", ())]
    z = flat(edge.value)

    def pull(up: Array, *, mean: bool, spread: bool) -> Array:
        found: list[Any] = []
        for k, root in enumerate(roots):
            line, own = flat(up)[k * width : (k + 1) * width], z[k * width : (k + 1) * width]
            middle = total_of(line) / width if mean else 0.0
            along = total_of([u * v for u, v in zip(line, own, strict=True)]) / width if spread else 0.0
            found += [(u - middle - v * along) / root for u, v in zip(line, own, strict=True)]
        return shaped(edge.shape, found)

    yield Mistake("mean and variance were taken for constants", Wrong(lambda up: pull(up, mean=False, spread=False)))
    yield Mistake("the variance was taken for a constant", Wrong(lambda up: pull(up, mean=True, spread=False)))
    yield Mistake("the mean was taken for a constant", Wrong(lambda up: pull(up, mean=False, spread=True)))


def total_of(numbers: list[Any]) -> Any:
    """Add up from left to right."""
    total = 0.0
    for each in numbers:
        total += each
    return total


def of_norm(edge: Edge) -> Iterator[Mistake]:
    """Yield the norm's gradient not divided, or that of its square."""
    local: Any = edge.local
    xs, z = flat(edge.operands[0]), flat(edge.value)
    if isinstance(local, Weights):
        yield Mistake("it was not divided by the norm", reweighted(local, list(xs)))
        yield Mistake("it is that of the squared norm", reweighted(local, [2 * x for x in xs]))
        halves = [x / (2 * z[t]) if z[t] else 0.0 for x, t in zip(xs, local.target, strict=True)]
        yield Mistake("the 2 of the square was lost", reweighted(local, halves))


def of_logsumexp(edge: Edge) -> Iterator[Mistake]:
    """Yield logsumexp without its softmax."""
    local: Any = edge.local
    if isinstance(local, Weights):
        xs = flat(edge.operands[0])
        yield Mistake("every element got the upstream, not its softmax", reweighted(local, [1.0] * len(xs)))
        exp, z = FLOAT.ieee["exp"], flat(edge.value)
        unshared = [exp(x) / zt if (zt := z[t]) else 0.0 for x, t in zip(xs, local.target, strict=True)]
        yield Mistake("exp(x) was divided by the result, not by its exponential", reweighted(local, unshared))


def of_cumsum(edge: Edge) -> Iterator[Mistake]:
    """Yield the running total in the wrong direction, or none."""
    yield Mistake("the upstream was handed on as it is", Wrong(lambda up: up))
    forward = edge.gate.apply
    yield Mistake(
        "the upstream was added up forwards, not backwards",
        Wrong(lambda up: forward(FLOAT, [up], [False], edge.params)[0]),
    )


def of_choices(edge: Edge) -> Iterator[Mistake]:
    """Yield where and clip that choose nothing, or the other side."""
    local: Any = edge.local
    if isinstance(local, Weights):
        w = local.weights
        yield Mistake("the upstream went through everywhere", reweighted(local, [1.0] * len(w)))
        yield Mistake("it went through where it should not, and only there", reweighted(local, [1 - each for each in w]))


def of_mse(edge: Edge) -> Iterator[Mistake]:
    """Yield mse without both its factors."""
    count = prod(edge.shape)
    if count > 1:
        yield Mistake("it is the difference alone, without 2/n", scaled(edge, count / 2))
    x, y = edge.operands
    local: Any = edge.local
    if isinstance(local, Weights):
        for words, other in (("the operand", (x, y)[edge.slot]), ("the other operand", (x, y)[1 - edge.slot])):
            data = flat(other) if isinstance(other, Tensor) else [other] * count
            yield Mistake(f"{words} stood for the difference", reweighted(local, [2 * each / count for each in data]))


def of_max_pool(edge: Edge) -> Iterator[Mistake]:
    """Yield pooling that hands the upstream to all of a window, or an equal share."""
    (shares,) = GATES["avg_pool2d"].apply(FLOAT, edge.operands, [True], edge.params)[1]
    window = edge.params["size"]
    size = float(window * window if isinstance(window, int) else prod(window))
    yield Mistake("every number under a window got an equal share", shares)
    yield Mistake("every number under a window got the upstream", Wrong(lambda up: times(up * shares, size)))


RULES: Mapping[str, Callable[[Edge], Iterator[Mistake]]] = {
    "softmax": of_softmax,
    "log_softmax": of_softmax,
    "cross_entropy": of_cross_entropy,
    "max": of_extremes,
    "min": of_extremes,
    "var": of_spread,
    "std": of_spread,
    "layer_norm": of_layer_norm,
    "norm": of_norm,
    "logsumexp": of_logsumexp,
    "cumsum": of_cumsum,
    "where": of_choices,
    "clip": of_choices,
    "mse": of_mse,
    "max_pool2d": of_max_pool,
}
