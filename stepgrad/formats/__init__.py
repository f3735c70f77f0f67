"""Formats: a trace goes in, lines come out, one at a time; a million events never sit in one string."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from stepgrad.errors import FormatError, nearest
from stepgrad.formats.layers import layers
from stepgrad.formats.summary import summary
from stepgrad.formats.text import text
from stepgrad.trace import Trace

FORMATS: dict[str, Callable[..., Iterator[str]]] = {"text": text, "json": summary, "layers": layers}


def render(trace: Trace, format: str = "text", **options: Any) -> Iterator[str]:
    """Yield a trace as lines of a format.

    Parameters
    ----------
    trace : Trace
    format : str
        ``text``, ``json`` for the result on one line, or ``layers`` for the lengths of gradients.
    **options
        What the format takes: ``digits`` and ``ascii_only`` for ``text`` and ``layers``, ``width`` for ``text``.

    Raises
    ------
    FormatError
        If there is no such format, or it does not take an option.
    """
    if format not in FORMATS:
        raise FormatError(f"there is no format {format!r}; use one of {', '.join(FORMATS)}{nearest(format, FORMATS)}")
    try:
        return FORMATS[format](trace, **options)
    except TypeError:
        raise FormatError(f"the format {format!r} does not take {', '.join(options)}; see its documentation") from None
