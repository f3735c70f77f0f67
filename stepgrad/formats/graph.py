"""The graph of one pass: its nodes, whatever pass made them, and what is written on them."""

from __future__ import annotations

from typing import NamedTuple

from stepgrad.errors import FormatError
from stepgrad.picture import drawn
from stepgrad.stretch import PassSummary
from stepgrad.style import one_line
from stepgrad.tensor import Array
from stepgrad.trace import Trace
from stepgrad.wording import Wording


class Drawn(NamedTuple):
    """A node as it is drawn.

    Attributes
    ----------
    node : int
    label : str
        What stands in its box; of an input its name.
    name : str
        Its name; empty for one that has none, or whose name is the label.
    value, gradient : tuple of str
        The lines of the numbers; no gradient where none arrived.
    operands : tuple of int
        The nodes that it uses, in the order of their slots.
    """

    node: int
    label: str
    name: str
    value: tuple[str, ...]
    gradient: tuple[str, ...]
    operands: tuple[int, ...]

    @property
    def is_leaf(self) -> bool:
        """Whether no gate computed it."""
        return not self.operands


def pass_of(trace: Trace, number: int | None) -> PassSummary:
    """Return a pass by its number, counted from 1; the last one that was swept, if None.

    Raises
    ------
    FormatError
        If there is no such pass, or nothing was computed in any.
    """
    passes = trace.passes
    if not trace.node_count:
        raise FormatError("nothing was computed, so there is no circuit; write a program such as f = x * y")
    if number is None:
        return next((each for each in reversed(passes) if each.backward), passes[-1])
    if not 1 <= number <= len(passes):
        raise FormatError(f"there is no pass {number}; the trace has {len(passes)}, counted from 1")
    return passes[number - 1]


def nodes_of(trace: Trace, told: PassSummary, *, whole: bool) -> list[int]:
    """List the nodes that the output of a pass depends on, in creation order; with ``whole`` all made in it, too."""
    last = max(told.backward.stop, told.forward.stop) - 1
    output = trace.output_at(last)
    found = {output}
    if whole:
        found |= {node for index in told.forward for node in trace.nodes_at(index)}
    waiting = sorted(found)
    while waiting:
        fresh = [each for each in trace.operands(waiting.pop()) if each not in found]
        found.update(fresh)
        waiting += fresh
    return sorted(found)


def graph_of(wording: Wording, pass_number: int | None) -> tuple[list[Drawn], int]:
    """Return the nodes that the output of a pass depends on, and the output.

    Values and gradients are those known when its backward sweep is done.
    """
    trace = wording.trace
    told = pass_of(trace, pass_number)
    known = told.backward.stop if told.backward else told.forward.stop
    output = trace.output_at(known - 1)

    def node_drawn(node: int) -> Drawn:
        operands = trace.operands(node)
        name = wording.name(node)
        label = wording.label_of(node) if operands else name
        gradient: Array = trace.gradient_at(node, known) if told.backward else None
        value = drawn(trace.value_at(node, known), wording)
        shown = name if operands and node in trace.names else ""
        return Drawn(node, one_line(label), one_line(shown), value, drawn(gradient, wording), operands)

    return [node_drawn(node) for node in nodes_of(trace, told, whole=False)], output
