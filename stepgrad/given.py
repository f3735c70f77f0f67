"""Given: what the options of a command name: a program or a saved trace, values, numbers to compute with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from stepgrad.errors import InputError
from stepgrad.gallery import again, find, read_either
from stepgrad.language import Recipe, Text, number_type
from stepgrad.numeric import NumberType
from stepgrad.supply import read_inputs, read_values
from stepgrad.trace import Trace


def traced(options: argparse.Namespace, *, backward: bool = True) -> Trace:
    """Run the program that the options name, or load the trace."""
    return traced_as(options, backward=backward)[0]


def traced_as(options: argparse.Namespace, *, backward: bool = True) -> tuple[Trace, str, Recipe]:
    """Return the trace that the options name, its title, and how it can be run again."""
    how = recipe(options)
    found = find_given(options.program, options.max_steps)
    if isinstance(found, Text):
        return how.run(found, backward=backward), found.filename, how
    if how.inputs or how.output is not None or how.number is not float:
        raise InputError(f"{options.program!r} is a saved trace, with its own values; give others to its program")
    title = found.program.filename if found.program is not None else options.program
    return found, title, again(found, options.max_steps)


def recipe(options: argparse.Namespace) -> Recipe:
    """Return how the options want a program to be run."""
    kind = Fraction if options.exact else float if options.decimal is None else Decimal
    number = number_type(kind, options.decimal)
    inputs = supplied(options.values, options.inputs, number)
    return Recipe(inputs, options.output, options.max_steps, kind, options.decimal)


def find_given(given: str, max_steps: int) -> Text | Trace:
    """Find a program or a saved trace: `-`, an existing path, an example's name, program text, in this order."""
    if given != "-":
        return find(given, max_steps)
    if sys.stdin is None:
        raise InputError("standard input is closed; name a file, or give the program itself")
    return read_either(sys.stdin.buffer, "<stdin>", max_steps)


def supplied(pairs: Iterable[str], file: str | None, number: NumberType) -> dict[str, Any]:
    """Read the values given on the command line, after those of a JSON file."""
    return {**(read_inputs(file, number) if file else {}), **read_values(pairs, number)}
