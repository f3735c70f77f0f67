"""Certificates: every number of a result, proved to be the double nearest to the true one.

The true result is that of the program in real numbers, in which literals and inputs mean their doubles and every
branch is the one that the float run takes. The program is run once more on enclosures, at more and more
digits, and what is rational in it also in fractions, until both bounds of every number round to the same double (Ziv's
strategy). What no precision decides is said, never guessed.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from stepgrad.enclosures import DOUBTS, Doubt, working
from stepgrad.errors import StepgradError
from stepgrad.gate import Elementwise, Gate, Params
from stepgrad.language import MAX_STEPS, Interpreter, prepared
from stepgrad.literals import raw
from stepgrad.numeric import FLOAT, NumberType
from stepgrad.reader import read
from stepgrad.scopes import Thunk
from stepgrad.source import Program, Span
from stepgrad.spreads import balls
from stepgrad.structural import Structural
from stepgrad.tape import NO_PARAMS, Node
from stepgrad.tensor import Array, flat, from_nested, indices, nested, same_number, shape_of, shaped
from stepgrad.trace import Trace

Key: TypeAlias = tuple[str, str]  # what a number is, "value", "gradient" or "updated", and of which input
PlacedDoubt: TypeAlias = tuple[Doubt, Span]
Bounds: TypeAlias = "tuple[float, float] | None"  # the doubles nearest to them
DIGITS = (34, 68, 136, 400, 800)  # from 400 on, 0 rounds to 0: the bounds are nearer to it than any other double
FOR_TIES = 136  # with so many digits, also in fractions; more confirm no comparison that these do not


class Certifier(Interpreter):
    """Runs a program on enclosures, and notes where a branch is in doubt."""

    def __init__(self, program: Program, tree: ast.Module, number: NumberType, supplied: Any, max_steps: int) -> None:
        super().__init__(program, tree, number, supplied, max_steps)
        self.found: dict[PlacedDoubt, None] = {}

    def recorded_leaf(
        self, value: Any, target: ast.AST, source: ast.AST | None = None, *, constant: bool = False
    ) -> Node:
        """Record an input or a constant: it means the double that floats have there."""
        ready = raw(self.operand(value, source or target))
        doubles = shaped(shape_of(ready), [self.number.make(float(x)) for x in flat(ready)])
        return super().recorded_leaf(doubles, target, source, constant=constant)

    def read(self, node: ast.AST) -> Any:
        """Read as ever; what is in doubt when it runs belongs to the innermost place."""
        thunk, doubts = super().read(node), DOUBTS.get()
        if isinstance(node, (ast.Name, ast.Constant)):
            return thunk

        def watched() -> Any:
            found = thunk()
            if doubts:
                place = self.span_of(node)
                self.found |= {(doubt, place): None for doubt in doubts}
                doubts.clear()
            return found

        return watched

    def unary(self, name: str, module: str, gate: Elementwise, operand: Thunk, node: ast.Call) -> Thunk:
        """Read as ever; a gate without a kink compares only to choose between formulas that are equal."""
        thunk, doubts = super().unary(name, module, gate, operand, node), DOUBTS.get()
        if has_kink(gate):
            return thunk

        def call() -> Any:
            found = thunk()
            doubts.clear()
            return found

        return call

    def apply(self, gate: Gate, operands: Sequence[Any], place: ast.AST, params: Params = NO_PARAMS) -> Any:
        """Apply as ever, with the same exception."""
        doubts = DOUBTS.get()
        before = len(doubts)
        found = super().apply(gate, operands, place, params)
        if not has_kink(gate):
            del doubts[before:]
        return found


def has_kink(gate: Gate) -> bool:
    """Whether a gate's own comparisons decide what it is, and not only which formula is good for its digits."""
    return bool(
        gate.chooses or (isinstance(gate, Elementwise) and gate.kinks) or (isinstance(gate, Structural) and gate.kink)
    )


class Attempt(NamedTuple):
    """What a run on enclosures found: bounds of every number, rounded, and the branches that are in doubt."""

    how: str
    bounds: dict[Key, list[Bounds]]
    doubts: list[PlacedDoubt]


class Certified(NamedTuple):
    """Numbers that belong together: the value, or a gradient.

    Attributes
    ----------
    numbers : number or nested lists
        The doubles nearest to the true results; None where that is not decided.
    how : str
        With what they were proved: ``34 digits``, ``136 digits and fractions``; empty where none was.
    ulps : float
        How far the float run is off at most, in units of the last place.
    """

    numbers: Any
    how: str
    ulps: float


@dataclass(frozen=True)
class Certificate:
    """A result that is proved.

    Attributes
    ----------
    trace : Trace
        The float run.
    value : number or nested lists
        The output: every number the double nearest to the true one; None where that is not decided.
    grads, updated : dict
        The same for the gradients of the inputs, and for what updated inputs hold at the end.
    undecided : tuple of str
        A sentence for every number that is not decided, and for every comparison of the float run that the
        bounds do not confirm: the numbers above follow the float run there.
    digits : int
        With how many digits it was computed at most: 34 where the first run was enough.
    details : dict
        How each was proved, and how far the float run is off: under ``("value", "")``, ``("gradient", name)`` and
        ``("updated", name)``.
    """

    trace: Trace
    undecided: tuple[str, ...]
    digits: int
    details: Mapping[Key, Certified]

    @property
    def value(self) -> Any:
        """The output."""
        return self.details["value", ""].numbers if ("value", "") in self.details else None

    @property
    def grads(self) -> dict[str, Any]:
        """The gradients of the inputs, by name."""
        return {name: each.numbers for (kind, name), each in self.details.items() if kind == "gradient"}

    @property
    def updated(self) -> dict[str, Any]:
        """What updated inputs hold at the end, by name."""
        return {name: each.numbers for (kind, name), each in self.details.items() if kind == "updated"}


def certify(
    source: str,
    /,
    inputs: Mapping[str, Any] | None = None,
    *,
    output: str | None = None,
    filename: str = "<text>",
    max_steps: int = MAX_STEPS,
    **named: Any,
) -> Certificate:
    """Run a program and prove its value and its gradients.

    Parameters
    ----------
    source, inputs, output, filename, max_steps, **named
        As for :func:`stepgrad.run`.

    Returns
    -------
    Certificate

    Raises
    ------
    ProgramError, InputError
        As for :func:`stepgrad.run`.

    Examples
    --------
    >>> found = certify("f = tanh(x) * 3", x=0.1)
    >>> found.value, found.grads, found.digits, found.undecided
    (0.2990039838748675, {'x': 2.970198872542319}, 34, ())
    """
    text, given = read(source, filename), {**(inputs or {}), **named}
    trace = prepared(Interpreter, text, FLOAT, given, max_steps).run(output)
    floats = results_of(trace)
    proved = {key: Proved([None] * len(flat(array))) for key, array in floats.items()}
    doubts: list[PlacedDoubt] = []
    digits = 0
    for tried in DIGITS:
        if is_futile(tried, proved, floats, doubts):
            continue
        number = balls(tried, sharing=tried == FOR_TIES)
        with working(number):
            found = attempt(prepared(Certifier, text, number, given, max_steps), output, floats)
        if found is None:
            continue
        doubts = found.doubts if not digits else remaining(doubts, found.doubts)
        for key, each in proved.items():
            each.take(found.bounds[key], found.how)
        digits = tried
        if all(each.is_whole for each in proved.values()) and all(doubt.refuted for doubt, _ in doubts):
            break
    sentences = [*undecided_numbers(trace, floats, proved), *doubtful_branches(doubts)]
    details = {key: each.certified(floats[key]) for key, each in proved.items()}
    return Certificate(trace, tuple(sentences), digits, details)


def attempt(interpreter: Certifier, output: str | None, floats: Mapping[Key, Array]) -> Attempt | None:
    """Run a program on enclosures; None where these cannot do it, or come to other floats."""
    try:
        found = results_of(interpreter.run(output))
    except (StepgradError, ArithmeticError):
        return None
    if found.keys() != floats.keys() or any(not is_shadow(found[key], floats[key]) for key in floats):
        return None
    rest = {(doubt, Span(1, 1, 1, 1)): None for doubt in DOUBTS.get()}
    bounds = {key: [x.ends() for x in flat(array)] for key, array in found.items()}
    digits = interpreter.number.kind.digits  # type: ignore[attr-defined]
    how = f"{digits} digits{' and fractions' if digits == FOR_TIES else ''}"
    return Attempt(how, bounds, [*interpreter.found, *rest])


def remaining(doubts: Sequence[PlacedDoubt], found: Sequence[PlacedDoubt]) -> list[PlacedDoubt]:
    """Return what is in doubt after one more run: what was refuted once, and what no run has confirmed."""
    still = set(found)
    kept = [each for each in doubts if each[0].refuted or each in still]
    known = set(kept)
    return kept + [each for each in found if each[0].refuted and each not in known]


def is_shadow(found: Array, floats: Array) -> bool:
    """Whether enclosures carry these very floats."""
    pairs = zip(flat(found), flat(floats), strict=True)
    return shape_of(found) == shape_of(floats) and all(same_number(x.shadow, y) for x, y in pairs)


def results_of(trace: Trace) -> dict[Key, Array]:
    """Return all that a run has found."""
    values = {("value", ""): trace.value} if trace.output else {}
    gradients = {("gradient", name): each for name, each in trace.grads.items()}
    updated = {("updated", name): each for name, each in trace.updated.items()}
    return {key: from_nested(each, lambda x: x) for key, each in {**values, **gradients, **updated}.items()}


class Proved:
    """The numbers of one result as far as they are proved."""

    def __init__(self, doubles: list[float | None]) -> None:
        self.doubles = doubles
        self.bounds: list[Bounds] = [None] * len(doubles)
        self.how = ""

    @property
    def is_whole(self) -> bool:
        """Whether all are proved."""
        return None not in self.doubles

    def take(self, bounds: list[Bounds], how: str) -> None:
        """Take what both bounds agree on."""
        for place, found in enumerate(bounds):
            if self.doubles[place] is None and found is not None:
                self.bounds[place] = found
                low, high = found
                if low == high and math.isfinite(low):
                    self.doubles[place] = high
                    self.how = how

    def certified(self, floats: Array) -> Certified:
        """Return the result, in the shape of the floats."""
        pairs = zip(self.doubles, flat(floats), strict=True)
        off = [abs(x - double) / math.ulp(double) for double, x in pairs if double is not None]
        return Certified(nested(shaped(shape_of(floats), list(self.doubles))), self.how, max(off, default=0.0))


def is_futile(
    digits: int, proved: Mapping[Key, Proved], floats: Mapping[Key, Array], doubts: Sequence[PlacedDoubt]
) -> bool:
    """Whether to try no more, or not with so many digits: nothing open would be decided by them."""
    open_ = [
        (each.bounds[place], x)
        for key, each in proved.items()
        for place, x in enumerate(flat(floats[key]))
        if each.doubles[place] is None
    ]
    if digits == DIGITS[0]:
        return False
    if digits < FOR_TIES and open_ and all(bounds is not None and bounds[0] < 0 < bounds[1] for bounds, _ in open_):
        return True  # what seems to be 0 is best looked at as a tie
    if digits <= FOR_TIES and any(not doubt.refuted for doubt, _ in doubts):
        return False
    return all(not math.isfinite(x) if bounds is None else bounds[0] == bounds[1] for bounds, x in open_)


def undecided_numbers(trace: Trace, floats: Mapping[Key, Array], proved: Mapping[Key, Proved]) -> Iterator[str]:
    """Say of every number that is not decided, why."""
    for (kind, name), each in proved.items():
        array = floats[kind, name]
        for x, double, bounds, index in zip(
            flat(array), each.doubles, each.bounds, indices(shape_of(array)), strict=True
        ):
            if double is None:
                yield f"{spelled(trace, kind, name)}{''.join(f'[{i}]' for i in index)} {reason(x, bounds)}"


def spelled(trace: Trace, kind: str, name: str) -> str:
    """Name a result."""
    output = trace.output
    return {"value": output, "gradient": f"∂{output}/∂{name}", "updated": f"{name} after the last update"}[kind]


def reason(x: float, bounds: Bounds) -> str:
    """Say why a number is not decided."""
    if bounds is None:
        if math.isfinite(x):
            return f"is {x} in floats, and no bounds were found for the true number"
        return f"is {x} in floats: the domain was left, and no true number belongs to it"
    low, high = bounds
    if low == high:
        return "is beyond the largest double"
    return f"lies between {low} and {high}, and {DIGITS[-1]} digits do not decide between the two"


def doubtful_branches(doubts: Sequence[PlacedDoubt]) -> Iterator[str]:
    """Say of every comparison that the bounds do not confirm, where it is and what floats made of it."""
    for doubt, span in doubts:
        if not all(math.isfinite(float(each)) for each in (doubt.left, doubt.right)):
            what = "inf and nan are no true numbers"
        elif doubt.refuted:
            what = "the true numbers compare otherwise; what follows belongs to the branch that floats took"
        else:
            what = f"the true numbers are so near to each other that bounds of {FOR_TIES} digits do not confirm it"
        compared = f"floats compare {doubt.left} {doubt.sign} {doubt.right}"
        yield f"line {span.line}, column {span.column}: {compared}, and {what}"
