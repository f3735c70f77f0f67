"""Wrong rules of the structural gates that are neither products nor plain sums, gate by gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

from stepgrad.linear import LinearMap, Softmax, Weights
from stepgrad.mistakes import Mistake, scaled, times, weighted
from stepgrad.numeric import FLOAT
from stepgrad.ops import GATES
from stepgrad.reductions import total
from stepgrad.sweeps import Edge, Wrong
from stepgrad.tensor import Array, Shape, Tensor, flat, shape_of, shaped


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
        yield Mistake("only the diagonal, 1 - softmax, was taken", weighted(edge.shape, [1 - each for each in y]))
        yield Mistake("the sum of the upstream was left out", Wrong(lambda up: minus(up, y)))
        yield Mistake("it was taken for softmax", Wrong(as_if(local, is_log=False).pull))
        return
    yield Mistake("only the diagonal, (1 - y) y, was taken", weighted(edge.shape, [(1 - each) * each for each in y]))
    yield Mistake("the sum over the line was left out", weighted(edge.shape, list(y)))
    yield Mistake("it was taken for log_softmax", Wrong(as_if(local, is_log=True).pull))


def as_if(local: Softmax, *, is_log: bool) -> Softmax:
    """Return the map of softmax for that of its logarithm, or the other way round."""
    return Softmax(*basics(local), local.lines, local.line_of, local.y, is_log)


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
    yield Mistake(
        "only the first of tied elements got it", reweighted(local, [float(i in first) for i in range(len(w))])
    )


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
    raw = [
        2 * x / count if edge.gate.name == "var" else x / (count * z[t]) for x, t in zip(xs, local.target, strict=True)
    ]
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
            middle = total(FLOAT, line) / width if mean else 0.0
            along = total(FLOAT, [u * v for u, v in zip(line, own, strict=True)]) / width if spread else 0.0
            found += [(u - middle - v * along) / root for u, v in zip(line, own, strict=True)]
        return shaped(edge.shape, found)

    yield Mistake("mean and variance were taken for constants", Wrong(lambda up: pull(up, mean=False, spread=False)))
    yield Mistake("the variance was taken for a constant", Wrong(lambda up: pull(up, mean=True, spread=False)))
    yield Mistake("the mean was taken for a constant", Wrong(lambda up: pull(up, mean=False, spread=True)))


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
        yield Mistake(
            "it went through where it should not, and only there", reweighted(local, [1 - each for each in w])
        )


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
    shares: Any
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
