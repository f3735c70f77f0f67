"""Extracts: which steps of a trace are told, as a sequence of their indices.

Every way to choose (a stretch of steps, a phase, a value) is a sequence of indices of events, in order; several
ways together leave what all of them leave. None stands for the whole trace.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from stepgrad.conditions import OnNodes
from stepgrad.errors import InputError
from stepgrad.events import Event
from stepgrad.searching import steps_to_ask
from stepgrad.trace import Trace

PHASES = ("forward", "backward", "updates")


def chosen_steps(
    trace: Trace, *, steps: slice | None = None, only: str | None = None, node: str | None = None
) -> Sequence[int] | None:
    """Return the indices of the events that are asked for; None for all.

    Parameters
    ----------
    trace : Trace
    steps : slice, optional
        Of step numbers, which count from 1; the last one is left out, as in Python's slices.
    only : {"forward", "backward", "updates"}, optional
    node : str, optional
        A name: of all its versions, or of one, as in ``c₂`` or ``c#2``. Edges from and to it count.

    Raises
    ------
    InputError
        If there is no such value, or no such step.
    """
    if steps is None and only is None and node is None:
        return None
    told = range(len(trace)) if steps is None else indices_of(trace, steps)
    found: Sequence[int] = told
    if node is not None:
        found = array("q", touching(trace, told, node))
    if only is not None:
        found = array("q", in_phase(trace, found, only))
    if not found:
        raise InputError("no step of the trace is all that is asked for; ask for less at once")
    return found


def indices_of(trace: Trace, steps: slice) -> range:
    """Return the indices of the steps of a slice, counted from 1."""
    start, stop = steps.start or 1, len(trace) + 1 if steps.stop is None else steps.stop
    found = range(len(trace))[max(start - 1, 0) : max(stop - 1, 0)]
    if not found:
        raise InputError(f"there are no steps {start}:{stop}; the trace has {len(trace)}, counted from 1, as in 1:5")
    return found


def in_phase(trace: Trace, indices: Sequence[int], only: str) -> Iterator[int]:
    """Yield the indices that lie in one phase of their pass."""
    if only not in PHASES:
        raise InputError(f"there is no phase {only!r}; use one of {', '.join(PHASES)}")
    steps = phase = range(0)
    for index in indices:
        if index not in steps:
            here = trace.passes[trace.pass_at(index) - 1]
            steps, phase = here.steps, getattr(here, only)
        if index in phase:
            yield index


def touching(trace: Trace, indices: range, name: str) -> Iterator[int]:
    """Yield the indices of the events that are about a value: its own steps, and edges from and to it."""
    condition = OnNodes(name, trace.all_called(name) if name in trace.versions else {trace.find(name)})
    asked = steps_to_ask(trace, indices, [condition])
    return (index for index in asked if index is not None and condition.holds(trace, index))


def events_of(trace: Trace, steps: Sequence[int] | None) -> Iterator[Event]:
    """Yield the events at these indices; all where they are None."""
    return iter(trace) if steps is None else (trace[index] for index in steps)


def begins(trace: Trace, index: int, before: int | None) -> str:
    """Name the phase that an event is the first of, among those told: empty where the one before is in it, too."""
    here = trace.passes[trace.pass_at(index) - 1]
    phase = next((name for name in PHASES if index in getattr(here, name)), "")
    return "" if before is not None and before in getattr(here, phase) else phase
