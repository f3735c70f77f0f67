"""The result of a run as one line of JSON: what other programs compare with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from stepgrad.printing import fraction_text
from stepgrad.trace import Trace


def summary(trace: Trace) -> Iterator[str]:
    """Yield one line: ``{"output": …, "value": …, "grads": {…}, "steps": …}``, and ``"updated"`` if inputs were.

    Tensors are nested lists; ``nan``, ``inf``, ``-inf`` fractions and decimals are strings.
    """
    import json  # only this format pays for loading it

    found: dict[str, Any] = {
        "output": trace.output_name(ascii_only=True),
        "value": plain_json(trace.value),
        "grads": plain_json(trace.grads),
        "steps": len(trace),
    }
    if trace.updated:
        found["updated"] = plain_json(trace.updated)
    yield json.dumps(found, allow_nan=False)


def plain_json(value: Any) -> Any:
    """Bring a result to what JSON has."""
    if isinstance(value, dict):
        return {key: plain_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(each) for each in value]
    if isinstance(value, Fraction):
        return fraction_text(value)
    if isinstance(value, Decimal) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return value
