"""Second derivatives: the Hessian of a program's output, and the trace that computes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from stepgrad.derivatives import Differentiated, elements_of, flows
from stepgrad.errors import InputError, nearest
from stepgrad.language import MAX_STEPS, run
from stepgrad.longhand import written
from stepgrad.tensor import Number, Shape, fold_rows, shape_of
from stepgrad.trace import Trace
from stepgrad.tracked import value_of


@dataclass(frozen=True)
class Hessian:
    """All second derivatives of an output by some inputs.

    ``hessian["w", "x"]`` is the block of two inputs, a number or nested lists of w's shape and then x's;
    ``hessian["w"]`` has the blocks of w by the other's name. Elements go by their labels: ``"W[0][1]"``.

    Attributes
    ----------
    output : str
        What is differentiated.
    value : number
        What it holds.
    names : tuple of str
        The inputs, in the program's order.
    labels : tuple of str
        Every number of theirs, in the order of rows and columns: ``w0``, ``W[0][1]``.
    gradient : tuple of numbers
        The first derivatives, by label.
    matrix : tuple of tuples of numbers
        A row for every first derivative, a column for what it is differentiated by.
    shapes : mapping
        The shape of every input.
    trace : Trace
        The differentiated program: forwards, backwards, and then backwards from each gradient.
    """

    output: str
    value: Any
    names: tuple[str, ...]
    labels: tuple[str, ...]
    gradient: tuple[Number, ...]
    matrix: tuple[tuple[Number, ...], ...]
    shapes: Mapping[str, Shape]
    trace: Trace

    def __repr__(self) -> str:
        return written(self)

    def __getitem__(self, key: str | tuple[str, str]) -> Any:
        """Return the block of a pair of inputs, or all blocks of one."""
        if isinstance(key, str):
            return {name: self[key, name] for name in self.names}
        (rows, above), (columns, aside) = map(self._places, key)
        entries = [self.matrix[row][column] for row in rows for column in columns]
        return fold_rows(above + aside, entries) if above + aside else entries[0]

    def _places(self, name: str) -> tuple[Sequence[int], Shape]:
        # Where the numbers of an input, or one of them, stand among the labels, and their shape.
        if name in self.shapes:
            before = self.names[: self.names.index(name)]
            start = sum(prod(self.shapes[each]) for each in before)
            return range(start, start + prod(self.shapes[name])), self.shapes[name]
        if name not in self.labels:
            raise InputError(
                f"there are no second derivatives by {name!r}; use one of {', '.join(self.names)}"
                f"{nearest(name, self.labels)}"
            )
        return [self.labels.index(name)], ()


def hessian(
    source: str | Trace,
    /,
    inputs: Mapping[str, Any] | None = None,
    *,
    output: str | None = None,
    wrt: str | Iterable[str] | None = None,
    number: type = float,
    filename: str = "<text>",
    max_steps: int = MAX_STEPS,
    **named: Any,
) -> Hessian:
    """Differentiate twice: the backward sweep is differentiated as the program was.

    Parameters
    ----------
    source : str or Trace
        The program's text, or what a run of it left behind: then its last pass is differentiated.
    inputs, output, number, filename, max_steps, **named
        As for :func:`stepgrad.run`.
    wrt : str or iterable of str, optional
        The inputs to differentiate by; all, unless told.

    Returns
    -------
    Hessian

    Raises
    ------
    InputError
        If the output depends on no input, or ``wrt`` names none.
    LimitError
        If it takes more than ``max_steps``: as many backward sweeps as there are numbers, each as long as the
        forward and backward sweeps together.

    Examples
    --------
    >>> found = hessian("f = x**2 * y", x=3.0, y=2.0)
    >>> found.matrix
    ((4.0, 6.0), (6.0, 0.0))
    >>> found["x", "y"], found.trace.output
    (6.0, '∂f/∂y')

    Notes
    -----
    The trace is one like any other, so it can be differentiated again: ``hessian(hessian(f, wrt="x").trace)`` has
    the third derivatives, one of which is by x.

    What has no second derivative keeps its convention: ``relu``, ``abs``, ``max``, ``where`` and their like
    have locals that are plain numbers, 0 or 1, so their second derivatives are 0, also at the kink.
    """
    trace = traced(source, inputs, output=output, number=number, filename=filename, max_steps=max_steps, **named)
    indices = chosen_inputs(trace, wrt)
    done = Differentiated(trace, max_steps)
    chosen = {name: trace.node_in(done.stretch, index) for name, index in indices.items()}
    leaves = [leaf for node in chosen.values() for leaf in done.leaves(node)]
    gradient = [each for node in chosen.values() for each in done.gradient(node)]
    done.check_room(sum(map(flows, gradient)), max_steps)
    shapes = {name: shape_of(node.value) for name, node in chosen.items()}
    return Hessian(
        output=trace.output,
        value=trace.value,
        names=tuple(chosen),
        labels=tuple(label for name, shape in shapes.items() for label in elements_of(name, shape)),
        gradient=tuple(map(value_of, gradient)),
        matrix=tuple(tuple(done.row(each, leaves)) for each in gradient),
        shapes=shapes,
        trace=done.traced(),
    )


def traced(source: str | Trace, inputs: Mapping[str, Any] | None, **options: Any) -> Trace:
    """Run a program, or take what a run of it left behind."""
    if isinstance(source, str):
        return run(source, inputs, **options)
    how = ("number", "filename", "max_steps", "backward")
    if inputs or any(value is not None for key, value in options.items() if key not in how):
        raise InputError("a trace has its inputs and its output already; give others to its program")
    return source


def chosen_inputs(trace: Trace, names: str | Iterable[str] | None) -> dict[str, int]:
    """Return the inputs of these names, in their order, or all; each with its node."""
    known = dict(zip(trace.input_names(), trace.inputs, strict=True))
    if names is None:
        return known
    asked = [names] if isinstance(names, str) else list(names)
    for name in asked:
        if name not in known:
            raise InputError(f"{name!r} is no input; use one of {', '.join(known)}{nearest(name, known)}")
    return {name: known[name] for name in asked}
