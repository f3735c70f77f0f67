"""Published worked examples, at their published digits and at float64."""

import json
import math
from pathlib import Path

import pytest

import stepgrad

CASES = json.loads((Path(__file__).parent / "published.json").read_text(encoding="utf-8"))


def flat(value):
    return [number for row in value for number in flat(row)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_published_case(case):
    trace = stepgrad.run(case["program"])
    assert math.isclose(trace.value, case["value"], rel_tol=1e-14)
    for name, gradient in case["grads"].items():
        for mine, theirs in zip(flat(trace.grads[name]), flat(gradient), strict=True):
            assert math.isclose(mine, theirs, rel_tol=1e-13, abs_tol=1e-15), name
    published = case["published"]
    tolerance = 0.5000001 * 10 ** -published["decimals"] if published["decimals"] else 1e-12
    if published["value"] is not None:
        # Some texts cut digits off instead of rounding: 2.302 for 2.302585.
        assert abs(trace.value - published["value"]) <= max(tolerance, 1e-3 if case["id"].endswith("initloss10") else 0)
    for name, gradient in published["grads"].items():
        for mine, theirs in zip(flat(trace.grads[name]), flat(gradient), strict=True):
            assert abs(mine - theirs) <= tolerance, name


def test_all_thirty_are_here():
    assert len(CASES) == len({case["id"] for case in CASES}) == 30
