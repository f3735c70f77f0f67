"""Work: what a gate costs, told from the shapes of its operands before it is applied.

A step of the limit pays for a gate on numbers. Tensors take more time and memory than that, so they
are charged for: else one line could run for hours and still be a single step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from stepgrad.gate import Gate
from stepgrad.tensor import Shape

PER_STEP = 20  # multiplications that take as long as a gate on numbers
PER_ELEMENT = 4  # multiplications that an element of a tensor counts as: it is stored, and has a local


def of_matmul(shapes: Sequence[Shape]) -> int:
    """Count the multiplications of a product of stacks of matrices."""
    a, b = shapes
    stack = max(prod(a[:-2]), prod(b[:-2]))
    return stack * prod(a[-2:]) * prod(b[-1:] if len(b) > 1 else ())


def of_softmax(shapes: Sequence[Shape]) -> int:
    """Count the multiplications of a softmax's Jacobian, along the longest axis."""
    (shape,) = shapes
    return prod(shape) * max(shape, default=1)


PRODUCTS: Mapping[str, Callable[[Sequence[Shape]], int]] = {
    "matmul": of_matmul,
    "softmax": of_softmax,
    "log_softmax": of_softmax,
}


def steps_for(gate: Gate, shapes: Sequence[Shape]) -> int:
    """Return how many steps a gate counts beyond its own; none for numbers and small tensors."""
    products = PRODUCTS[gate.name](shapes) if gate.name in PRODUCTS else 0
    return (products + PER_ELEMENT * sum(map(prod, shapes))) // PER_STEP
