"""Layers: how long the gradient of every input is, pass by pass: where gradients vanish or explode is seen at once."""

from __future__ import annotations

from collections.abc import Iterator

from stepgrad.style import Style, cells, filled
from stepgrad.trace import Trace


def layers(trace: Trace, *, digits: int = 4, ascii_only: bool = False) -> Iterator[str]:
    """Yield a table: a row a pass, a column an input, in the order in which the inputs were given.

    Parameters
    ----------
    trace : Trace
    digits : int
        Decimals of the printed numbers.
    ascii_only : bool
        Spell mathematical signs in ASCII.
    """
    style = Style(digits, ascii_only)
    swept = (each.number for each in trace.passes if each.backward)
    last = trace.stretches.last_swept
    ends = [] if last is None else [next(each.number for each in trace.passes if each.backward), last + 1]
    names = list(dict.fromkeys(name for number in ends for name in trace.norms(number)))
    headings = ["pass", "loss", *(style.sign(f"‖∂{name}‖") for name in names)]
    widths = [max(cells(heading), digits + 6) for heading in headings]
    yield "  ".join(
        filled("", width - cells(heading)) + heading for heading, width in zip(headings, widths, strict=True)
    )
    for number in swept:
        value, norms = trace.passes[number - 1].value, trace.norms(number)
        loss = style.number(value) if not isinstance(value, list) else "-"
        texts = [str(number), loss, *(style.number(norms[name]) if name in norms else "-" for name in names)]
        yield "  ".join(f"{text:>{width}}" for text, width in zip(texts, widths, strict=True))
