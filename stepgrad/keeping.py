"""Keeping: a block in which all that Values compute is kept, and the trace that it leaves behind."""

from __future__ import annotations

import gc
from itertools import chain
from types import TracebackType

from stepgrad.events import Name
from stepgrad.numeric import FLOAT
from stepgrad.style import one_line
from stepgrad.trace import Trace
from stepgrad.value import HERE


class Tape:
    """Keep everything that Values compute in a ``with`` block, for a trace.

    Blocks may be nested, and a tape used for several: each keeps all that happens while it is entered.
    A value computed before is shown with what its operands hold when the tape is made.

    Examples
    --------
    >>> from stepgrad.value import Value
    >>> with Tape() as tape:
    ...     x = Value(3.0, name="x")
    ...     f = x * x
    ...     f.backward()
    >>> [type(event).__name__ for event in tape.trace()]
    ['Forward', 'Forward', 'Seed', 'Backward', 'Backward']
    """

    def __init__(self) -> None:
        self.history = HERE.new_history()
        self.collector: list[bool] = []  # a stack: a tape may be entered again inside itself

    def __enter__(self) -> Tape:
        HERE.keep_in(self.history)
        self.collector.append(gc.isenabled())
        gc.disable()  # it would walk the growing tape again and again
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        HERE.stop_keeping(self.history)
        if self.collector.pop():
            gc.enable()

    def trace(self) -> Trace:
        """Return the trace of what has been recorded so far; the recording goes on undisturbed."""
        passes = HERE.passes_so_far(self.history)
        updated = (update.node for each in passes for update in each.updates)
        taking_part = chain(updated, (node for each in passes for node in (*each.leaves, *each.earlier, *each.nodes)))
        named = {node: one_line(str(node.more.name)) for node in taking_part if node.more and node.more.name}
        names: dict[int, Name] = {}
        versions: dict[str, int] = {}
        for node in sorted(named, key=lambda node: node.index):
            versions[named[node]] = version = versions.get(named[node], 0) + 1
            names[node.index] = Name(named[node], version)
        return Trace(passes, FLOAT, names=names, history=self.history)
