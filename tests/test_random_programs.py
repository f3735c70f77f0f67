"""Thousands of random programs: the forward sweep against Python, bit for bit; gradients against forward mode."""

import math
from fractions import Fraction

import pytest

import stepgrad
from tests.oracles import DUAL_FUNCTIONS, PYTHON_FUNCTIONS, dual_gradient, random_program, run_as_python

BATCH = 250


@pytest.mark.parametrize("batch", range(10))
def test_values_agree_with_python_bit_for_bit(batch):
    compared = 0
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        program, inputs = random_program(seed, tuple(PYTHON_FUNCTIONS))
        values = {name: float(text) for name, text in inputs.items()}
        trace = stepgrad.run(program, values)
        try:
            expected = run_as_python(program, PYTHON_FUNCTIONS, values)
        except (ArithmeticError, ValueError, TypeError):
            continue  # where Python raises or leaves the reals, IEEE values go on
        if isinstance(expected, complex):
            continue
        assert (
            math.isclose(trace.value, expected, rel_tol=0, abs_tol=0)
            or trace.value == expected
            or (math.isnan(trace.value) and math.isnan(expected))
        ), (program, inputs)
        compared += 1
    assert compared > BATCH // 2


@pytest.mark.parametrize("batch", range(10))
def test_gradients_are_exact_in_fractions(batch):
    compared = 0
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        program, inputs = random_program(seed)
        try:
            value, gradient = dual_gradient(program, inputs, {}, Fraction)
        except ZeroDivisionError:
            with pytest.raises(stepgrad.StepgradError, match="divided by zero"):
                stepgrad.run(program, {k: Fraction(v) for k, v in inputs.items()}, number=Fraction)
            continue
        trace = stepgrad.run(program, {k: Fraction(v) for k, v in inputs.items()}, number=Fraction)
        used = {name: slope for name, slope in gradient.items() if name in trace.grads}
        assert (trace.value, trace.grads) == (value, used), (program, inputs)
        compared += 1
    assert compared > BATCH // 2


@pytest.mark.parametrize("batch", range(4))
def test_gradients_agree_with_forward_mode_in_floats(batch):
    compared = 0
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        program, inputs = random_program(seed, tuple(DUAL_FUNCTIONS))
        try:
            value, gradient = dual_gradient(program, inputs, DUAL_FUNCTIONS)
        except (ArithmeticError, ValueError):
            continue
        trace = stepgrad.run(program, {k: float(v) for k, v in inputs.items()})
        sizes = [abs(value), *map(abs, gradient.values())]
        if not all(size < 1e12 for size in sizes):
            continue  # ill-conditioned: both lose their digits
        largest = max(sizes)
        for name, slope in gradient.items():
            assert trace.grads[name] == pytest.approx(slope, rel=1e-6, abs=1e-9 * max(1.0, largest)), (program, inputs)
        compared += 1
    assert compared > BATCH // 2


def test_same_program_same_bytes():
    for seed in range(40):
        program, inputs = random_program(seed, tuple(DUAL_FUNCTIONS))
        values = {k: float(v) for k, v in inputs.items()}
        assert str(stepgrad.run(program, values)) == str(stepgrad.run(program, dict(reversed(values.items()))))
