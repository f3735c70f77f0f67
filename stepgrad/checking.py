"""Checking: every gradient of a pass against differences, and against exact fractions where it is rational."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import inf, isfinite, ulp
from typing import Any, NamedTuple

from stepgrad.differences import Quotient, differentiate
from stepgrad.errors import GateError
from stepgrad.evaluation import Evaluation, exact_gradients
from stepgrad.ops import INPUT
from stepgrad.style import Style, bracketed, cells, filled
from stepgrad.sweeps import Sweep, check_doubles, swept_pass
from stepgrad.tape import Node
from stepgrad.tensor import Array, flat, indices, shape_of
from stepgrad.trace import Trace
from stepgrad.wording import Wording

MAX_WORK = 1_000_000  # numbers that may be computed for differences
MOST_ROWS = 24  # of one tensor that are printed
NEAR = 1e-9  # relative: how far a float64 gradient may be from the exact one
CLEAR = 0.1  # of a gradient: where the bound is above, differences cannot tell

AGREES, WRONG, UNTOLD, SKIPPED = "agrees", "WRONG", "cannot tell", "not checked"


class Row(NamedTuple):
    """One number of a gradient, checked.

    Attributes
    ----------
    name : str
        The input's, with the index of the element.
    gradient : number
        What the sweep found.
    quotient : Quotient or None
        What differences say; None where they were not tried.
    exact : Fraction or None
        The gradient in exact fractions; None where the program is not rational.
    certified : float or None
        The double nearest to the true gradient, where it is given.
    verdict : str
        ``agrees``, ``WRONG``, ``cannot tell`` or ``not checked``.
    why : str
        Why differences cannot tell.
    """

    name: str
    gradient: Any
    quotient: Quotient | None
    exact: Fraction | None
    certified: float | None
    verdict: str
    why: str

    @property
    def ulps(self) -> float | None:
        """How far the gradient is from the exact one, or from the certified one, in units in the last place."""
        true = self.exact if self.exact is not None else self.certified
        return None if true is None else ulps_between(self.gradient, true)


@dataclass(frozen=True)
class Check:
    """What checking the gradients of a pass has found; true where none is wrong.

    Attributes
    ----------
    rows : tuple of Row
        Every number of the gradient of every input, in order.
    inexact : str
        Why there are no exact gradients; empty where there are.
    lines : tuple of str
        The report.
    """

    rows: tuple[Row, ...]
    inexact: str
    lines: tuple[str, ...]

    @property
    def agree(self) -> bool:
        """Whether no gradient is wrong."""
        return not any(row.verdict == WRONG for row in self.rows)

    ok = agree

    def __bool__(self) -> bool:
        return self.agree

    def __str__(self) -> str:
        return "\n".join(self.lines)


def check(
    trace: Trace,
    *,
    number: int | None = None,
    certified: Mapping[str, Any] | None = None,
    max_work: int = MAX_WORK,
    ascii_only: bool = False,
) -> Check:
    """Check every gradient of every input of a pass.

    Parameters
    ----------
    trace : Trace
    number : int, optional
        Which pass, counted from 1, with its inputs as they were in it; by default, the last with a backward sweep.
    certified : mapping, optional
        The doubles nearest to the true gradients, by the names that ``trace.grads`` has, if somebody proved them.
    max_work : int
        How many numbers may be computed for differences; of what is beyond, evenly spaced elements are checked.
    ascii_only : bool
        Whether the report keeps to ASCII.

    Returns
    -------
    Check
        True where no gradient is wrong; ``str`` is the report.

    Examples
    --------
    >>> from stepgrad.language import run
    >>> print(check(run("x = 0.5; f = x**2")))
           gradient  by differences  within  exact
    ∂f/∂x       1.0             1.0   2e-13  0 ulp  agrees
    the gradient agrees
    """
    sweep = Sweep(trace, swept_pass(trace, number))
    check_doubles(sweep)
    try:
        exact, inexact = exact_gradients(sweep), ""
    except GateError as error:
        exact, inexact = {}, str(error)
    wording = Wording(trace, Style(ascii_only=ascii_only))
    inputs = inputs_of(sweep)
    budget = max_work // max(1, len(inputs))
    groups = [
        list(rows_of(sweep, node, name, exact, (certified or {}).get(name), budget)) for node, name in inputs.items()
    ]
    rows = tuple(row for group in groups for row in group)
    return Check(rows, inexact, tuple(lines_of(groups, inexact, wording, wording.name(trace.index_of(sweep.output)))))


def inputs_of(sweep: Sweep) -> dict[Node, str]:
    """Return the inputs of a pass with their names: those that it reached, and those that never are."""
    trace = sweep.trace
    last = {
        trace.node_in(sweep.stretch, index): name for index, name in zip(trace.inputs, trace.input_names(), strict=True)
    }
    reached = sorted((node for node in sweep.ours if node.gate is INPUT), key=lambda node: node.index)
    names = {trace.bare_name(trace.index_of(node)) for node in reached}
    unreached = {node: name for node, name in last.items() if node not in sweep.ours and name not in names}
    found = {node: last.get(node) or trace.bare_name(trace.index_of(node)) for node in reached} | unreached
    return dict(sorted(found.items(), key=lambda each: each[0].index))


def rows_of(  # noqa: PLR0917 - each is another thing about the same input
    sweep: Sweep, node: Node, name: str, exact: Mapping[Node, Array], proven: Any, max_work: int
) -> Iterator[Row]:
    """Yield the rows of one input, element by element."""
    evaluation = Evaluation(sweep, node)
    noise = evaluation.noise()
    shape = shape_of(evaluation.value)
    ours, values = flat(sweep.gradient(node)), flat(evaluation.value)
    true = flat(exact[node]) if node in exact else [Fraction(0) if exact else None] * len(ours)
    doubles = flat_list(proven) if proven is not None else [None] * len(ours)
    every = max(1, -(-len(ours) * evaluation.cost * EVALUATIONS // max(1, max_work)))
    for place, index in enumerate(indices(shape)):
        quotient = None
        if place % every == 0:
            quotient = differentiate(partial(evaluation, place), float(values[place]), noise)
        verdict, why = judged(ours[place], quotient, true[place])
        yield Row(name + bracketed(index), ours[place], quotient, true[place], doubles[place], verdict, why)


EVALUATIONS = 8  # that a difference takes, most often


def flat_list(value: Any) -> list[Any]:
    """Return the numbers of nested lists, row-major."""
    waiting = [value]
    while any(isinstance(each, list) for each in waiting):
        waiting = [x for each in waiting for x in (each if isinstance(each, list) else [each])]
    return waiting


def judged(gradient: Any, quotient: Quotient | None, exact: Fraction | None) -> tuple[str, str]:
    """Judge a gradient: by the exact one where there is one, else by differences; say why these cannot tell.

    Where the output's own rounding hides a departure from the exact gradient, it is no mistake.
    """
    why = doubt_of(gradient, quotient)
    if exact is not None:
        slack = Fraction(quotient.bound) if quotient is not None and isfinite(quotient.bound) else Fraction(0)
        near = isfinite(gradient) and abs(Fraction(gradient) - exact) <= max(Fraction(NEAR) * abs(exact), slack)
        return (AGREES if near else WRONG), why
    if quotient is None:
        return SKIPPED, ""
    if why:
        return UNTOLD, why
    return (AGREES if quotient.allows(float(gradient)) else WRONG), ""


def doubt_of(gradient: Any, quotient: Quotient | None) -> str:
    """Say why differences cannot tell, if they cannot."""
    if quotient is None:
        return ""
    if not isfinite(gradient):
        return "the gradient is not finite"
    if quotient.doubt:
        return quotient.doubt
    size = max(abs(float(gradient)), abs(quotient.value)) if gradient else 1.0
    return "rounding hides it: the differences cancel" if quotient.bound > CLEAR * size else ""


def ulps_between(gradient: Any, true: Any) -> float:
    """Return the distance of a double from a number, in units in the last place of that number."""
    if not isfinite(gradient) or not isfinite(true):
        return 0.0 if gradient == true or (gradient != gradient and true != true) else inf
    return float(abs(Fraction(gradient) - Fraction(true)) / Fraction(ulp(float(true))))


# The report


def lines_of(groups: list[list[Row]], inexact: str, wording: Wording, output: str) -> Iterator[str]:
    """Yield the report: a table, what is left out of it, and the result."""
    rows = [row for group in groups for row in group]
    shown = [row for group in groups for row in shown_of(group)]
    table = [["", "gradient", "by differences", "within", *columns(rows), ""]]
    table += [cells_of(row, rows, wording, output) for row in shown]
    widths = [max(map(cells, column)) for column in zip(*table, strict=True)]
    for line in table:
        first, *middle, last = line
        padded = [" " * (width - cells(text)) + text for text, width in zip(middle, widths[1:-1], strict=True)]
        yield wording.style.sign("  ".join([filled(first, widths[0]), *padded, last]).rstrip())
    for group in groups:
        hidden = len(group) - len(shown_of(group))
        if hidden:
            name = group[0].name.partition("[")[0]
            yield wording.style.sign(f"… and {hidden:,} more numbers of {name}: {result_of(group)}")
    if inexact and rows:
        yield f"no exact gradients: {inexact.partition(';')[0]}"
    yield result_of(rows)


def shown_of(group: list[Row]) -> list[Row]:
    """Choose the rows of one input that are printed: all, or those that do not agree, and then the first."""
    if len(group) <= MOST_ROWS:
        return group
    chosen = sorted(
        range(len(group)),
        key=lambda i: ((WRONG, UNTOLD).index(v) if (v := group[i].verdict) in (WRONG, UNTOLD) else 2, i),
    )
    return [group[i] for i in sorted(chosen[: MOST_ROWS // 2])]


def columns(rows: list[Row]) -> list[str]:
    """Name the columns that there is something for."""
    return [name for name, has in (("exact", has_exact(rows)), ("certified", has_certified(rows))) if has]


def has_exact(rows: list[Row]) -> bool:
    """Whether there are exact gradients."""
    return any(row.exact is not None for row in rows)


def has_certified(rows: list[Row]) -> bool:
    """Whether there are certified gradients."""
    return any(row.certified is not None for row in rows)


def cells_of(row: Row, rows: list[Row], wording: Wording, output: str) -> list[str]:
    """Write one row of the table."""
    line = [wording.partial(output, row.name), repr(float(row.gradient)), *quotient_cells(row.quotient)]
    if has_exact(rows):
        line.append("" if row.exact is None else f"{ulps_between(row.gradient, row.exact):.3g} ulp")
    if has_certified(rows):
        line.append("undecided" if row.certified is None else f"{ulps_between(row.gradient, row.certified):.3g} ulp")
    return [*line, f"{row.verdict}: {row.why}" if row.why and row.verdict == UNTOLD else row.verdict]


def quotient_cells(quotient: Quotient | None) -> list[str]:
    """Write what differences say, with the digits that the bound leaves."""
    if quotient is None or quotient.value != quotient.value:
        return ["", ""]
    if not isfinite(quotient.bound):
        return ["", "?"]
    size = abs(quotient.value)
    digits = 17 if not quotient.bound else max(1, min(17, len(f"{int(size / quotient.bound)}"))) if size else 1
    return [repr(float(f"{quotient.value:.{digits}g}")), f"{quotient.bound:.0e}"]


def result_of(rows: list[Row]) -> str:
    """Say how many gradients agree, are wrong, or cannot be told."""
    count = {verdict: sum(1 for row in rows if row.verdict == verdict) for verdict in (AGREES, WRONG, UNTOLD, SKIPPED)}
    if count[AGREES] == len(rows):
        return "the gradient agrees" if len(rows) == 1 else f"all {len(rows):,} gradients agree"
    words = {AGREES: "agree", WRONG: "wrong", UNTOLD: "cannot be told by differences", SKIPPED: "not checked"}
    return f"of {len(rows):,} gradients: " + ", ".join(f"{n:,} {words[each]}" for each, n in count.items() if n)
