"""The rules of the gates that compare with what is wanted: mse, svm_loss, one_hot.

Losses average over the batch, as cross_entropy in ``reductions`` does, so that a gradient does not grow
with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepgrad.errors import GateError
from stepgrad.gate import Local, Params, for_some
from stepgrad.linear import Weights
from stepgrad.matrix import Ruled, Wanted
from stepgrad.numeric import NumberType
from stepgrad.reductions import check_labels, total
from stepgrad.selection import columns_of
from stepgrad.tensor import Array, Number, Shape, check_size, flat, shape_of, shaped


def mse(number: NumberType, operands: Sequence[Array], wanted: Wanted) -> Ruled:
    """Average the squared differences over all elements; that of nothing is nan."""
    shape, (xs, ys) = columns_of(operands)
    divide, count, two = number.ieee["div"], number.make(len(xs)), number.make(2)
    differences = [x - y for x, y in zip(xs, ys, strict=True)]
    to_x = [two * divide(d, count) for d in differences]  # 2d may be beyond float64
    target, zero = [0] * len(xs), number.make(0)
    maps = [
        Weights(shape, (), zero, f"{{up}} · 2 ({first} − {second}) / {len(xs)}", target, weights)
        for first, second, weights in (("{x}", "{y}", to_x), ("{y}", "{x}", [-w for w in to_x]))
    ]
    return divide(total(number, [d * d for d in differences]), count), [*maps]


def margins(scores: Array, labels: Array, margin: Number) -> tuple[list[int], list[list[Number]]]:
    """Return the labels and, for each sample, by how much every class comes too near to the right one."""
    classes, right = check_labels(shape_of(scores), labels, "svm_loss")
    data = flat(scores)
    rows = [data[n * classes : (n + 1) * classes] for n in range(len(right))]
    return right, [[s - row[label] + margin for s in row] for row, label in zip(rows, right, strict=True)]


def svm_loss(number: NumberType, operands: Sequence[Array], wanted: Wanted, *, margin: Number) -> Ruled:
    """Add up what every wrong class is above the right one less a margin, averaged over the batch."""
    scores, labels = operands
    right, rows = margins(scores, labels, number.make(margin))
    zero, count = number.make(0), number.make(len(right))
    losses: list[Number] = []
    weights: list[Number] = []
    for row, label in zip(rows, right, strict=True):
        wrong = [not (m <= 0 or c == label) for c, m in enumerate(row)]  # nan is wrong, too: it is not hidden
        losses.append(total(number, [m if bad else zero for c, (m, bad) in enumerate(zip(row, wrong)) if c != label]))
        held = [number.make(int(bad)) for bad in wrong]
        held[label] = number.make(-sum(wrong))
        weights += [each / count for each in held]
    formula = "{up} for each class that is too near, −{up} for each of them at the label"
    each = "" if len(shape_of(scores)) == 1 else f", / {len(right)}"
    local = Weights(shape_of(scores), (), zero, formula + each, [0] * len(weights), weights)
    return total(number, losses) / count, [local, None]


def svm_note(operands: Sequence[Array], params: Params, result: Array, local: Local) -> str | None:
    """Say how many wrong classes lie on the margin exactly."""
    scores, labels = operands
    right, rows = margins(scores, labels, params["margin"])
    on_margin = sum(
        1 for row, label in zip(rows, right, strict=True) for c, m in enumerate(row) if not m and c != label
    )
    words = "class on the margin: it gets no gradient, by convention"
    return for_some(words, on_margin, sum(len(row) - 1 for row in rows)) if on_margin else None


def one_hot(number: NumberType, operands: Sequence[Array], wanted: Wanted, *, classes: int) -> Ruled:
    """Write every label as a row of zeros with a 1 at its place; labels are whole numbers and get no gradient."""
    (labels,) = operands
    if classes < 1:
        raise GateError(f"{classes} classes are none; give `one_hot` the number of classes, 1 or more")
    shape: Shape = (*shape_of(labels), classes)
    check_size(shape)
    zero, one = number.make(0), number.make(1)
    rows: list[Number] = []
    for label in flat(labels):
        if label not in range(classes):
            raise GateError(
                f"label {label} is none of the {classes} classes; use whole numbers from 0 to {classes - 1}"
            )
        rows += [one if c == label else zero for c in range(classes)]
    return shaped(shape, rows), [None]
