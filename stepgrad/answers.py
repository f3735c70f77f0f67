"""Answers: somebody else's gradients, by the names that the trace knows.

They come as a mapping from names to numbers, nested lists or whatever has ``tolist()``, or from a file, JSON or
CSV. A name may be that of an input or of any value on the way, with its version (``c₂``, ``c#2``), without a name
(``v₅``, ``%5``), or one element (``W[0][1]``); ``dW``, ``W.grad`` and ``∂f/∂W`` mean W.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

from stepgrad.errors import GateError, InputError, nearest
from stepgrad.intake import text_of
from stepgrad.literals import array_of, plain, raw
from stepgrad.numeric import FLOAT
from stepgrad.ops import INPUT
from stepgrad.stretch import Stretch
from stepgrad.tape import Node
from stepgrad.tensor import Array, Shape, Tensor, flat, full, shape_of, shaped, show_shape, strides_of
from stepgrad.trace import Trace

ELEMENT = re.compile(r"(.+?)((?:\[\s*\d{1,15}(?:\s*,\s*\d{1,15})*\s*\])+)")
SPELLINGS = (
    re.compile(r"(.+)\.grad"),
    re.compile(r"[∂d].+/[∂d](.+)"),
    re.compile(r"(?:d|∂|grad_|d_)(.+)"),
    re.compile(r"(.+)_grad"),
)
VERSION = re.compile(r"(.+?)(?:[₀-₉]+|#\d+)")
NUMBER = re.compile(r"[-+]?((\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|inf|infinity|nan)", re.IGNORECASE | re.ASCII)


def answers_of(trace: Trace, number: int, given: Mapping[str, Any]) -> dict[Node, Array]:
    """Bring somebody's gradients to the nodes that they are of, in the pass with this number.

    None is 0, as where nothing came. A flat list serves for a matrix of as many numbers; another shape than the
    value's stays as it is: it may be the very mistake.

    Raises
    ------
    InputError
        If a name is not known, a gradient is no number and no tensor, or an element is not there.
    """
    if not isinstance(given, Mapping):
        raise InputError('gradients are given by name, as in {"x": 3.0}; make a dictionary of them')
    if not given:
        raise InputError('there is no gradient to compare with; give some by name, as in {"x": 3.0}')
    several = with_versions(map(str, given))
    found: dict[Node, Array] = {}
    elements: dict[Node, dict[int, Any]] = {}
    for name, value in given.items():
        node, index = node_called(trace, number, str(name), several)
        if index is None:
            shape = shape_of(node.value)
            found[node] = full(shape, 0.0) if value is None else fitted(gradient_of(str(name), value), shape)
        else:
            elements.setdefault(node, {})[index] = gradient_of(str(name), value)
    for node, parts in elements.items():
        ours = trace.stretch(number).gradient(node, trace.stretch(number).end)
        numbers = list(flat(ours)) if ours is not None else [0.0] * prod(shape_of(node.value))
        for place, value in parts.items():
            numbers[place] = value
        found[node] = shaped(shape_of(node.value), numbers)
    return found


def gradient_of(name: str, value: Any) -> Array:
    """Bring one gradient to a number or a tensor; text and whatever has ``.grad`` or ``.data`` too."""
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        value = float(value)
    value = raw(value)
    try:
        return value if isinstance(value, Tensor) else array_of(as_lists(value), FLOAT)
    except (GateError, TypeError, ValueError) as error:
        raise InputError(f"the gradient of {name!r} cannot be read: {error}") from None


def as_lists(value: Any) -> Any:
    """Return nested lists of floats; the entries of a list may have ``tolist()``, or be texts such as ``"inf"``."""
    value = plain(raw(value))
    if isinstance(value, list):
        return [as_lists(each) for each in value]
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value.strip()) else value


def fitted(gradient: Array, shape: Shape) -> Array:
    """Give a gradient the shape of its value, where it is that but for axes of size 1, or flat."""
    own = shape_of(gradient)
    same = [size for size in own if size != 1] == [size for size in shape if size != 1]
    flat_one = len(own) == 1 and len(shape) > 1 and prod(own) == prod(shape)
    return shaped(shape, flat(gradient)) if own != shape and (same or flat_one) else gradient


# Names


def with_versions(names: Iterable[str]) -> frozenset[str]:
    """List the names of which a version is given, as ``c₂`` is of c: then ``c`` alone means the first one.

    >>> sorted(with_versions(["c", "c₂", "x", "W#3"]))
    ['W', 'c']
    """
    return frozenset(match[1] for name in names if (match := VERSION.fullmatch(name.strip())))


def node_called(trace: Trace, number: int, name: str, several: frozenset[str]) -> tuple[Node, int | None]:
    """Return the node with a name in a pass and, where the name is that of an element, its place."""
    stretch = trace.stretch(number)
    for candidate in spellings(name):
        element = ELEMENT.fullmatch(candidate)
        for text, brackets in [(candidate, ""), *([(element[1], element[2])] if element else [])]:
            node = found_in(trace, stretch, text.strip(), several)
            if node is not None:
                return node, place_of(name, brackets, shape_of(node.value)) if brackets else None
    raise InputError(f"no value of this program is called {name!r}{nearest(name, trace.suggested)}")


def spellings(name: str) -> Iterator[str]:
    """Yield a name as it stands, and what it may mean."""
    name = name.strip()
    yield name
    for pattern in SPELLINGS:
        match = pattern.fullmatch(name)
        if match:
            yield match[1]


def found_in(trace: Trace, stretch: Stretch, name: str, several: frozenset[str]) -> Node | None:
    """Return the node that a name means in a pass: an input before what was computed, and then the last version."""
    versions = trace.versions.get(name)
    if versions is not None and name in several:
        return trace.node_in(stretch, versions[0])
    if versions is None:
        try:
            return trace.node_in(stretch, trace.find(name))
        except InputError:
            return None
    chosen = next((trace.gate(index) for index in versions if trace.gate(index) is INPUT), None)
    here = [node for node in stretch.taking_part if trace.text_of(trace.index_of(node)) == name]
    nodes = [node for node in here if chosen is None or node.gate is chosen]
    reached = [node for node in nodes if node in stretch.edges.arrivals]
    made = [node for node in nodes if node.home == stretch.recorded.number]
    last = next(index for index in reversed(versions) if chosen is None or trace.gate(index) is chosen)
    return next(reversed(reached or made), None) or trace.node_in(stretch, last)


def place_of(name: str, brackets: str, shape: Shape) -> int:
    """Return where an element stands, row-major."""
    index = [int(each) for each in re.findall(r"\d+", brackets)]
    if len(index) != len(shape) or any(i >= size for i, size in zip(index, shape)):
        raise InputError(f"{name!r} is no element of shape {show_shape(shape)}; give one index per axis, from 0")
    return sum(i * stride for i, stride in zip(index, strides_of(shape)))


# Files


def read_answers(path: str) -> dict[str, Any]:
    """Read gradients by name from a JSON or a CSV file.

    JSON is ``{"w0": -0.2, "W": [[1, 2], [3, 4]]}``, or what ``stepgrad run --json`` prints. A line of CSV is a name
    and its gradient, or all its entries, row-major; a first line of words is skipped, and lines with the same name
    go on with its entries.

    Raises
    ------
    InputError
        If the file cannot be read, or does not hold gradients by name.
    """
    text = text_of(path, "a JSON or a CSV file with gradients")
    is_csv = Path(path).suffix.lower() in (".csv", ".tsv", ".txt") or not text.lstrip().startswith(("{", "["))
    try:
        return from_csv(path, text) if is_csv and not text.lstrip().startswith("{") else from_json(path, text)
    except csv.Error as error:
        raise InputError(f"{path!r} is not CSV ({error}); write a name and its gradient on each line") from None


def from_json(path: str, text: str) -> dict[str, Any]:
    """Read an object of gradients by name."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f'{path!r} is not JSON ({error}); write it as {{"x": 3.0}}') from None
    except (RecursionError, ValueError):
        raise InputError(f"{path!r} has too long or deep a value; write numbers and lists of them") from None
    if isinstance(found, dict) and isinstance(found.get("grads"), dict):
        found = found["grads"]
    if not isinstance(found, dict):
        raise InputError(f'{path!r} holds no gradients by name; write it as {{"x": 3.0}}')
    return found


def from_csv(path: str, text: str) -> dict[str, Any]:
    """Read lines of a name and numbers."""
    first = text.lstrip().partition("\n")[0]
    separator = next((sign for sign in "\t;" if sign in first), ",")
    found: dict[str, list[float]] = {}
    for number, cells in enumerate(csv.reader(text.splitlines(), delimiter=separator), 1):
        parts = [cell.strip() for cell in cells]
        while parts and not parts[-1]:
            parts.pop()
        if not parts or (number == 1 and not all_numbers(parts[1:])):
            continue
        if len(parts) < 2 or not all_numbers(parts[1:]):
            wrong = next((part for part in parts[1:] if not NUMBER.fullmatch(part)), "")
            what = f"{wrong!r} is no number" if wrong else "there is no gradient"
            raise InputError(f"{path}:{number}: {what}; write a name and its gradient, as in w0,-0.2")
        found.setdefault(parts[0], []).extend(float(part) for part in parts[1:])
    if not found:
        raise InputError(f"{path!r} holds no gradients; write a name and its gradient on each line, as in w0,-0.2")
    return {name: numbers[0] if len(numbers) == 1 else numbers for name, numbers in found.items()}


def all_numbers(parts: Sequence[str]) -> bool:
    """Whether there are cells, and all are numbers."""
    return bool(parts) and all(NUMBER.fullmatch(part) for part in parts)
