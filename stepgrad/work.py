"""Work: what operations cost, told before they are done.

A step of the limit pays for a gate on numbers. Tensors, lists and texts take more time and memory than
that, so they are charged for: else one line could run for hours and still be a single step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from stepgrad.convolution import check_images, pool_axes, sliding
from stepgrad.gate import Gate, Params
from stepgrad.tape import NO_PARAMS
from stepgrad.tensor import Shape

PER_STEP = 20  # multiplications that take as long as a gate on numbers
PER_GATE, PER_OPERAND = 12, 2  # steps that a gate on tensors counts as, however small they are
FLOATS, SLOW, FRACTIONS = (1, 1), (6, 1), (40, 10)  # as how many of floats a product counts, and an element
PER_SUM = 4  # steps that a gradient counts as that is a tensor
PER_ELEMENT = 8  # multiplications that an element of a tensor counts as: it is stored, and has a local
SMALL = 8  # elements that cost nothing
PER_ENTRY = 4  # those that an entry of a list counts as, or an element of a tensor that has no local


def of_matmul(shapes: Sequence[Shape], params: Params) -> int:
    """Count the multiplications of a product of stacks of matrices."""
    a, b = shapes
    stack = max(prod(a[:-2]), prod(b[:-2]))
    return stack * prod(a[-2:]) * prod(b[-1:] if len(b) > 1 else ())


def of_outer(shapes: Sequence[Shape], params: Params) -> int:
    """Count the multiplications of every number by every other."""
    return prod(map(prod, shapes))


def of_softmax(shapes: Sequence[Shape], params: Params) -> int:
    """Count the multiplications of a softmax's Jacobian, along the longest axis."""
    (shape,) = shapes
    return prod(shape) * max(shape, default=1)


def of_conv2d(shapes: Sequence[Shape], params: Params) -> int:
    """Count the multiplications of kernels laid on all their places, and the looking up of these."""
    image, kernels = shapes
    check_images(image, kernels)
    rows, columns = sliding(image, kernels[-2:], params["stride"], params["padding"])
    places: int = rows.places * columns.places
    return prod(image[:-3]) * (prod(kernels) + 4) * places


def of_pool(shapes: Sequence[Shape], params: Params) -> int:
    """Count the numbers under all windows."""
    (shape,) = shapes
    rows, columns = pool_axes(shape, params["size"], params["stride"])
    return prod(shape[:-2]) * rows.places * rows.window * columns.places * columns.window


def of_one_hot(shapes: Sequence[Shape], params: Params) -> int:
    """Count the elements of the rows."""
    (shape,) = shapes
    classes: int = max(params["classes"], 0)
    return PER_ELEMENT * prod(shape) * classes


PRODUCTS: Mapping[str, Callable[[Sequence[Shape], Params], int]] = {
    "matmul": of_matmul,
    "outer": of_outer,
    "conv2d": of_conv2d,
    "max_pool2d": of_pool,
    "avg_pool2d": of_pool,
    "layer_norm": of_softmax,
    "one_hot": of_one_hot,
    "softmax": of_softmax,
    "log_softmax": of_softmax,
}


WEIGHTS: Mapping[str, int] = {  # how many plain multiplications each of these takes as long as
    "conv2d": 8,
    "max_pool2d": 5,
    "avg_pool2d": 5,
    "layer_norm": 6,
    "softmax": 3,
    "log_softmax": 3,
}


def steps_for(gate: Gate, shapes: Sequence[Shape], params: Params = NO_PARAMS, times: tuple[int, int] = FLOATS) -> int:
    """Return how many steps a gate on tensors counts beyond its own; ``times`` says of what numbers."""
    products = PRODUCTS[gate.name](shapes, params) * WEIGHTS.get(gate.name, 1) if gate.name in PRODUCTS else 0
    return (
        PER_GATE
        + PER_OPERAND * len(shapes)
        + (times[0] * products + times[1] * PER_ELEMENT * max(0, sum(map(prod, shapes)) - SMALL)) // PER_STEP
    )


def steps_of_entries(count: int) -> int:
    """Return how many steps the entries of a list, or the signs of a text, count."""
    return max(0, count - SMALL) * PER_ENTRY // PER_STEP
