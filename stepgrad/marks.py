"""Marks: what tells that steps of two traces are the same one: their kinds, and what their nodes are called."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import NamedTuple

from stepgrad.conditions import touched_by
from stepgrad.stretches import Placed
from stepgrad.trace import Trace


class Mark(NamedTuple):
    """What a step is recognised by.

    Attributes
    ----------
    kind : str
    names : tuple of str
        What its nodes are called; empty where one has no name.
    """

    kind: str
    names: tuple[str, ...]


def kind_at(trace: Trace, index: int) -> str:
    """Return the kind of the event at an index: an edge, a seed, an update, or else forward."""
    if len(trace.nodes_at(index)) > 1:
        return "edge"
    summary = trace.passes[trace.pass_at(index) - 1]
    return "seed" if index in summary.backward else "update" if index in summary.updates else "forward"


def mark_at(trace: Trace, index: int) -> Mark:
    """Return what the event at an index is recognised by."""
    return Mark(kind_at(trace, index), tuple(trace.names.get(node, "") for node in trace.nodes_at(index)))


@dataclass(frozen=True)
class SameMark:
    """A step with some mark, which is one of another trace."""

    mark: Mark

    @property
    def text(self) -> str:
        """The names."""
        return " ".join(self.mark.names)

    def is_known(self, trace: Trace) -> bool:
        """Whether a trace has all the names."""
        return all(name in trace.named for name in self.mark.names if name)

    def holds(self, trace: Trace, index: int) -> bool:
        """Whether the event at an index has the mark."""
        return mark_at(trace, index) == self.mark

    def exceptions(self, trace: Trace, placed: Placed) -> Container[int]:
        """Return the passes where what has these names is made, and those that follow."""
        versions = trace.versions  # of these the first is called by the bare name
        names = filter(None, self.mark.names)
        return touched_by((versions[each][0] if each in versions else trace.named[each] for each in names), placed)
