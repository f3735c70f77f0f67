"""Random programs over all gates, at ordinary and extreme magnitudes, against 60-digit truth.

``torch_programs.json`` is a sample of 12,000 scalar and 5,000 tensor programs that were compared with PyTorch 2.13.0 in
float64 and, where the two departed, with 60 digits. Its numbers are the doubles nearest to the truth; among the programs
are some in which PyTorch loses the digits that are asked for here.
"""

import json
import math
from pathlib import Path

import pytest

from stepgrad import run

CASES = json.loads((Path(__file__).parent / "torch_programs.json").read_text(encoding="utf-8"))


def numbers(nested):
    return [number for each in nested for number in numbers(each)] if isinstance(nested, list) else [nested]


def close(mine, truth):
    pairs = zip(numbers(mine), numbers(truth), strict=True)
    return all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) for x, y in pairs)


@pytest.mark.parametrize("case", CASES, ids=[f"{case['kind']} {case['seed']}" for case in CASES])
def test_values_and_gradients_are_the_true_ones(case):
    trace = run(case["program"], case["inputs"])
    assert close(trace.value, case["value"])
    for name, gradient in case["grads"].items():
        assert close(trace.grads[name], gradient), name


def test_the_sample_has_all_kinds():
    kinds = [(case["kind"], case["pytorch agrees"]) for case in CASES]
    assert [kinds.count(each) for each in (("scalar", True), ("tensor", True))] == [60, 40]
    assert kinds.count(("scalar", False)) >= 3
