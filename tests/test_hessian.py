"""Second derivatives against differences of gradients for every row, exact fractions, and PyTorch's answers."""

import math
from fractions import Fraction

import pytest

from stepgrad import InputError, LimitError, hessian, run
from stepgrad.derivatives import Differentiated
from stepgrad.numeric import FLOAT
from stepgrad.ops import GATES
from stepgrad.recording import Recording
from stepgrad.tensor import flat, from_nested, shape_of, shaped
from stepgrad.trace import Trace
from tests.test_ops import NO_GRADIENT, SAMPLES, nudged, weights_for


def curved(gate, params, arrays):
    """Apply a gate and go back from Σ w·z + Σ z²/2, so that the upstream depends on the inputs too."""
    recording = Recording(FLOAT)
    inputs = [recording.leaf(array) for array in arrays]
    z = recording.apply(gate, inputs, params)
    squares = recording.apply(GATES["mul"], [recording.apply(GATES["mul"], [z, z]), 0.5])
    weighted = recording.apply(GATES["mul"], [z, weights_for(shape_of(z.value), float)])
    f = recording.apply(GATES["add"], [squares, weighted])
    f = recording.apply(GATES["sum"], [f], {"axis": None, "keepdims": False}) if shape_of(f.value) else f
    recording.backward(f)
    return recording, inputs


def gradient(gate, params, arrays):
    _, inputs = curved(gate, params, arrays)
    return [x for each in inputs for x in flat(each.total if each.total is not None else zeros(each.value))]


def zeros(array):
    return shaped(shape_of(array), [0.0] * len(flat(array)))


@pytest.mark.parametrize(("gate", "operands", "params"), SAMPLES)
def test_second_derivatives_of_every_row_agree_with_differences_of_gradients(gate, operands, params):
    arrays = [from_nested(operand, float) for operand in operands]
    recording, _ = curved(gate, params, arrays)
    found = hessian(Trace(recording.passes, FLOAT))
    names = list(found.names)
    column = 0
    for slot, array in enumerate(arrays):
        for i in range(len(flat(array))):
            mine = [row[column] for row in found.matrix]
            column += 1
            if slot == NO_GRADIENT.get(gate.name):
                assert not any(mine)
                continue
            step = 1e-6
            above, below = (gradient(gate, params, nudged(arrays, slot, i, way)) for way in (step, -step))
            assert mine == pytest.approx([(x - y) / (2 * step) for x, y in zip(above, below)], rel=1e-5, abs=2e-7)
    assert column == len(found.labels) == len(found.matrix)
    assert len(names) == len(arrays)
