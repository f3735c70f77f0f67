"""Formats: a trace goes in, lines come out, one at a time; a million events never sit in one string."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any, NamedTuple

from stepgrad.errors import FormatError, nearest
from stepgrad.formats.csv import csv
from stepgrad.formats.dot import dot
from stepgrad.formats.html import html
from stepgrad.formats.jsonl import jsonl
from stepgrad.formats.latex import latex
from stepgrad.formats.layers import layers
from stepgrad.formats.markdown import markdown
from stepgrad.formats.mermaid import mermaid
from stepgrad.formats.python import python
from stepgrad.formats.summary import summary
from stepgrad.formats.svg import svg
from stepgrad.formats.text import text
from stepgrad.formats.tikz import tikz
from stepgrad.trace import Trace


class Format(NamedTuple):
    """One form in which a trace is told.

    Attributes
    ----------
    lines : callable
        ``lines(trace, **options)`` yields the lines.
    endings : tuple of str
        The endings of file names that mean it; the first is its own.
    words : str
        What it is, in a phrase for the command line's help.
    tangents : bool
        Whether it tells forward mode, too.
    """

    lines: Callable[..., Iterator[str]]
    endings: tuple[str, ...]
    words: str
    tangents: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """The options that it takes."""
        parameters = signature(self.lines).parameters.values()
        return tuple(each.name for each in parameters if each.kind is each.KEYWORD_ONLY)


FORMATS: dict[str, Format] = {
    "text": Format(text, (".txt",), "the lecture's derivation, step by step", tangents=True),
    "markdown": Format(markdown, (".md", ".markdown"), "tables that render on GitHub", tangents=True),
    "csv": Format(csv, (".csv",), "one row an event, for spreadsheets and data frames", tangents=True),
    "jsonl": Format(jsonl, (".jsonl",), "lossless, an object an event: to load again, for DuckDB, pandas, Spark"),
    "html": Format(html, (".html", ".htm"), "a page that steps forwards and back in a browser"),
    "svg": Format(svg, (".svg",), "the lecture's picture at a step, or at the end of a pass"),
    "tikz": Format(tikz, (".tikz.tex", ".tikz"), "the same picture for LaTeX"),
    "latex": Format(latex, (".tex",), "the derivation as lecture notes print it"),
    "dot": Format(dot, (".dot", ".gv"), "the circuit of a pass, for Graphviz"),
    "mermaid": Format(mermaid, (".mmd", ".mermaid"), "the circuit of a pass as a flowchart that GitHub draws"),
    "python": Format(python, (".py",), "a pass as straight-line Python that runs by itself"),
    "json": Format(summary, (".json",), "the result on one line", tangents=True),
    "layers": Format(layers, (".layers",), "how long every input's gradient is, pass by pass"),
}


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
    check_format(format)
    check_options(format, {name: name for name in options})
    if trace.along and not FORMATS[format].tangents:
        others = " or ".join(name for name, each in FORMATS.items() if each.tangents)
        raise FormatError(f"the format {format!r} tells gradients, and this trace has tangents; use {others}")
    return FORMATS[format].lines(trace, **options)


def check_format(name: str) -> None:
    """Check that there is such a format.

    Raises
    ------
    FormatError
        If there is none.
    """
    if name not in FORMATS:
        raise FormatError(f"there is no format {name!r}; use one of {', '.join(FORMATS)}{nearest(name, FORMATS)}")


def check_options(format: str, options: Mapping[str, str]) -> None:
    """Check that a format takes options, given with what the user calls them.

    Raises
    ------
    FormatError
        If it does not take one: the sentence says which formats do, and what this one takes.
    """
    known = FORMATS[format].options
    for name, called in options.items():
        if name not in known:
            others = [key for key, each in FORMATS.items() if name in each.options]
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            ways = f"use {' or '.join(others)} for that" if others else takes
            raise FormatError(f"the format {format!r} does not take {called}; {ways}")


def format_of(name: str) -> str:
    """Return the format that the ending of a file's name means.

    Raises
    ------
    FormatError
        If none has it.
    """
    found = next((key for key, each in FORMATS.items() if name.endswith(each.endings)), None)
    if found is None:
        endings = ", ".join(each.endings[0] for each in FORMATS.values())
        raise FormatError(f"no format ends as {name!r} does; use one of {endings}, or say --format")
    return found
