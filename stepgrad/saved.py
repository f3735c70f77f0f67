"""Saved lines: one line of a JSON Lines trace, read and checked field by field before anything is done with it.

What is wrong is told in one sentence that names the field; whoever reads the file adds the line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from math import prod
from typing import Any, NoReturn

from stepgrad.errors import GateError
from stepgrad.formats.jsonl import FORMAT, FORMAT_VERSION, HEADER_KEYS, KEYS
from stepgrad.formats.spelling import CHECKSUM
from stepgrad.gate import Gate
from stepgrad.limits import LIMITS
from stepgrad.numeric import FLOAT, NUMBER_TYPES, NumberType
from stepgrad.source import Span
from stepgrad.tensor import Array, Number, Shape, Tensor, from_nested

MAX_LINE = 1 << 26  # bytes of a line
MAX_PARTS = 4_000_000  # numbers, and lists, in a line
MAX_KEYS = 500_000  # fields in a line; a program's own text may look like some
MAX_RANK = 100  # of a tensor
MAX_WHOLE = 1 << 53  # an index or a count: what every reader of JSON takes exactly
MAX_FRACTION = 1 << 19  # signs of a fraction
FRACTION = re.compile(r"(-?)(0x[0-9a-f]+|[0-9]{1,4001})/(0x[0-9a-f]+|[0-9]{1,4001})")

KINDS = ("forward", "seed", "backward", "update", "print")
PLACE = "line column end_line end_column"
USED = {
    "forward": PLACE + " node name version gate params operands literals value note path changes",
    "seed": "node total",
    "backward": "node gate slot operand upstream local product total first note",
    "update": PLACE + " node name version value old change",
    "print": PLACE + " text",
}  # which fields a kind of event has, beside step, pass and kind; the others are null
UNUSED = {kind: tuple(set(KEYS[3:]) - set(used.split())) for kind, used in USED.items()}
SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


class Wrong(Exception):  # noqa: N818
    """What is wrong with a line; never leaves the loader."""


def wrong(sentence: str) -> NoReturn:
    """Say what is wrong with a line."""
    raise Wrong(sentence)


def clipped(value: Any) -> str:
    """Show a value from a file, shortened, on one line."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 40 else f"{text[:36]} …"


def parsed(line: bytes, keys: Sequence[str]) -> dict[str, Any]:
    """Parse a line as an object with exactly these keys, and perhaps a checksum."""
    check_parts(line)
    try:
        found = DECODER.decode(line.decode())
    except UnicodeDecodeError as error:
        wrong(f"byte {error.start + 1} is not UTF-8; the file is damaged")
    except json.JSONDecodeError as error:
        wrong(f"this is no JSON: {error.msg[0].lower()}{error.msg[1:]} at column {error.colno}")
    except (ValueError, RecursionError):
        wrong("a number is too long, or lists are too deep, for a trace")
    if not isinstance(found, dict):
        wrong("this is no object; every line is one, in braces")
    if not all(map(found.__contains__, keys)):
        wrong(f"the field `{next(key for key in keys if key not in found)}` is missing")
    for key in found if len(found) > len(keys) else ():
        if key not in keys and key != CHECKSUM:
            wrong(f"there is no field `{clipped(key)}` in this version")
    return found


def check_parts(line: bytes) -> None:
    """Refuse a line of which Python would make too many objects."""
    if line.count(b",") > MAX_PARTS or line.count(b"[") + line.count(b"{") > MAX_PARTS:
        wrong(f"the line holds more than {MAX_PARTS:,} numbers or lists; no step of a program does")
    if line.count(b'":') > MAX_KEYS:
        wrong(f"the line holds more than {MAX_KEYS:,} fields; no step of a program does")


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, refusing a key that comes twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        wrong(f"the field `{clipped(next(key for key in keys if keys.count(key) > 1))}` stands there twice")
    return found


def unknown_constant(text: str) -> NoReturn:
    """Refuse what Python writes and JSON has not."""
    wrong(f'{text} is no JSON; write "nan", "inf" and "-inf" in quotes')


DECODER = json.JSONDecoder(object_pairs_hook=without_doubles, parse_constant=unknown_constant)


class Fields:
    """The fields of one line."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def __getitem__(self, key: str) -> Any:
        return self.found[key]

    def fail(self, key: str, wanted: str) -> NoReturn:
        """Say what a field should hold."""
        wrong(f"`{key}` is {clipped(json.dumps(self.found.get(key), ensure_ascii=False))}; it should be {wanted}")

    def whole(self, key: str, stop: int = MAX_WHOLE, wanted: str = "a whole number") -> int:
        """Return a whole number from 0 on, below ``stop``."""
        value = self.found[key]
        if not is_whole(value, stop):
            self.fail(key, wanted)
        return int(value)

    def text(self, key: str) -> str:
        """Return a text."""
        value = self.found[key]
        if not isinstance(value, str):
            self.fail(key, "a text")
        return value

    def shown_text(self, key: str) -> str:
        """Return a text that a terminal shows as it is: a name."""
        value = self.text(key)
        if not value.isprintable():
            wrong(f"`{key}` is {clipped(json.dumps(value))}, which has signs that cannot be seen; no name has any")
        return value

    def text_or_null(self, key: str) -> str | None:
        """Return a text, or None."""
        return None if self.found[key] is None else self.text(key)

    def entries(self, key: str) -> list[Any]:
        """Return a list."""
        value = self.found[key]
        if not isinstance(value, list):
            self.fail(key, "a list")
        return value

    def wholes(self, key: str, stop: int) -> list[int]:
        """Return a list of whole numbers below ``stop``."""
        values = self.entries(key)
        if not all(is_whole(each, stop) for each in values):
            self.fail(key, f"a list of whole numbers below {stop}")
        return values

    def span(self) -> Span | None:
        """Return the stretch of the program that a line tells."""
        return span_of([self.found[key] for key in ("line", "column", "end_line", "end_column")])

    def array(self, key: str, number: NumberType) -> Array:
        """Return a number or a tensor."""
        return array_of(self.found[key], number, key)

    def of_shape(self, key: str, number: NumberType, shape: Shape) -> Array:
        """Return a number or a tensor of a known shape."""
        found = self.array(key, number)
        have = found.shape if isinstance(found, Tensor) else ()
        if have != shape:
            wrong(f"`{key}` has shape {have}; it should have {shape}")
        return found


def is_whole(value: Any, stop: int = MAX_WHOLE) -> bool:
    """Whether a value of JSON is a whole number from 0 on, below ``stop``."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < stop


def span_of(four: Sequence[Any]) -> Span | None:
    """Return a stretch of the program."""
    if all(each is None for each in four):
        return None
    if not all(is_whole(each) for each in four):
        wrong("`line`, `column`, `end_line` and `end_column` are whole numbers, or null all together")
    return Span(*four)


def header_of(line: bytes) -> Fields:
    """Read the first line: what file this is comes before what fields it has."""
    check_parts(line)
    try:
        found = json.loads(line.decode())
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and found.get("format") == FORMAT:
        version: Any = found.get("format_version")
        if is_whole(version) and version > FORMAT_VERSION:
            wrong(f"this trace has version {version}, and this stepgrad reads {FORMAT_VERSION}; use a newer stepgrad")
    header = Fields(parsed(line, HEADER_KEYS))
    if header["format"] != FORMAT:
        header.fail("format", json.dumps(FORMAT))
    if header["format_version"] != FORMAT_VERSION or isinstance(header["format_version"], (bool, float)):
        header.fail("format_version", str(FORMAT_VERSION))
    return header


def number_type(header: Fields) -> NumberType:
    """Return the number type that a header names."""
    known = {kind.__name__: number for kind, number in NUMBER_TYPES.items()}
    if header["number"] not in tuple(known):
        header.fail("number", " or ".join(map(json.dumps, known)))
    return known[header["number"]]


def array_of(value: Any, number: NumberType, key: str) -> Array:
    """Read a number, or nested lists of them; a tensor without numbers is told by its shape."""
    if isinstance(value, dict):
        return Tensor(empty_shape(value, key), [])
    if not isinstance(value, list):
        return number_of(value, number, key)
    try:
        found = from_nested(value, lambda each: number_of(each, number, key))
    except GateError as error:
        wrong(f"`{key}`: {error}")
    assert isinstance(found, Tensor)
    if not found.data and found.shape != (0,):
        wrong(f'`{key}` is a tensor without numbers; write it as {{"shape": [0, 3]}}')
    if len(found.shape) > MAX_RANK or len(found.data) > LIMITS.elements:
        wrong(f"`{key}` is too large a tensor; {LIMITS.elements:,} numbers are the most")
    return found


def empty_shape(value: dict[str, Any], key: str) -> Shape:
    """Read the shape of a tensor without numbers."""
    shape = value.get("shape")
    if len(value) != 1 or not isinstance(shape, list) or len(shape) > MAX_RANK or not all(map(is_whole, shape)):
        wrong(f'`{key}` is no number and no tensor; one without numbers is {{"shape": [0, 3]}}')
    if 0 not in shape or prod(max(size, 1) for size in shape) > LIMITS.elements:
        wrong(f"`{key}` has the shape {clipped(shape)}; only shapes with a 0 are told so, and small ones")
    return tuple(shape)


def number_of(value: Any, number: NumberType, key: str) -> Number:
    """Read a number; ``nan``, ``inf`` and fractions are texts."""
    if number is FLOAT:
        if type(value) is float and value - value == 0:
            return value
        if type(value) is int and abs(value) <= MAX_WHOLE:
            return float(value)
        if isinstance(value, str) and value in SPECIAL:
            return SPECIAL[value]
    elif isinstance(value, str):
        return fraction_of(value, key)
    return wrong(
        f"`{key}` holds {clipped(json.dumps(value, ensure_ascii=False))}, which is no number of this trace; "
        + ('write 0.5, "nan" or "inf"' if number is FLOAT else 'write a fraction as "1/3"')
    )


def fraction_of(text: str, key: str) -> Fraction:
    """Read a fraction: ``1/3``, ``-0x10/0x3``."""
    parts = FRACTION.fullmatch(text) if len(text) < MAX_FRACTION else None
    if parts is None:
        wrong(f'`{key}` holds {clipped(json.dumps(text, ensure_ascii=False))}; write a fraction as "1/3"')
    sign, *wholes = parts.groups()
    top, bottom = (int(each, 16 if each.startswith("0x") else 10) for each in wholes)
    if not bottom:
        wrong(f"`{key}` holds a fraction with the denominator 0")
    return Fraction(-top if sign else top, bottom)


# Parameters


def sizes(value: Any) -> tuple[int, ...]:
    """Read whole numbers, also negative ones."""
    if not isinstance(value, list) or not all(map(is_int, value)) or len(value) > MAX_RANK:
        raise TypeError
    if prod(max(each, 1) for each in value) > LIMITS.elements:
        raise TypeError
    return tuple(value)


def is_int(value: Any) -> bool:
    """Whether a value is a whole number that can be an axis, a size or an index."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_WHOLE


def one_int(value: Any) -> int:
    """Read a whole number."""
    if not is_int(value):
        raise TypeError
    return int(value)


def one_or_more(value: Any) -> Any:
    """Read a whole number, or several."""
    return sizes(value) if isinstance(value, list) else one_int(value)


def or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let null stand for None."""
    return lambda value: None if value is None else read(value)


def one_bool(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise TypeError
    return value


def index_items(value: Any) -> tuple[Any, ...]:
    """Read an index: whole numbers, null, ``"..."`` and slices, which are lists of three."""
    if not isinstance(value, list) or len(value) > MAX_RANK:
        raise TypeError
    return tuple(index_item(each) for each in value)


def index_item(value: Any) -> Any:
    """Read one part of an index."""
    if value is None or is_int(value):
        return value
    if value == "...":
        return ...
    if isinstance(value, list) and len(value) == 3 and all(each is None or is_int(each) for each in value):
        return slice(*value)
    raise TypeError


def real(value: Any) -> Number:
    """Read a number that shapes a gate: whole, with a point, or a fraction."""
    if isinstance(value, str):
        return fraction_of(value, "params")
    if isinstance(value, float) and value - value == 0:
        return value
    return one_int(value)


READERS: dict[str, Callable[[Any], Any]] = {
    "axis": or_none(one_int),
    "keepdims": one_bool,
    "shape": sizes,
    "axes": or_none(sizes),
    "index": index_items,
    "size": one_or_more,
    "stride": or_none(one_or_more),
    "padding": one_or_more,
    "classes": one_int,
}  # by a parameter's name; else it is a real number


def params_of(gate: Gate, value: Any) -> dict[str, Any]:
    """Read the parameters of a gate."""
    pairs = [] if value is None else value
    whole = isinstance(pairs, list) and all(isinstance(each, list) and len(each) == 2 for each in pairs)
    if not whole or [name for name, _ in pairs] != list(gate.params) or (value is None) != (not gate.params):
        takes = f"pairs of name and value for {', '.join(gate.params)}" if gate.params else "null"
        wrong(f"`params` does not suit the gate `{gate.name}`, which takes {takes}")
    found = {}
    for name, each in pairs:
        try:
            found[name] = READERS.get(name, real)(each)
        except TypeError:
            wrong(f"`params`: {name} cannot be {clipped(json.dumps(each))} in the gate `{gate.name}`")
    return found


def check_unused(found: dict[str, Any], unused: Iterable[str], kind: str) -> None:
    """Check that the fields which a kind of event has not are null."""
    for key in unused:
        if found[key] is not None:
            wrong(f"`{key}` is given, and the events of kind {kind} have none; it should be null")
