"""Session: a trace that is looked at, and all that the user has set: what a screen has besides its look.

No Textual here: the app calls these methods, and so do the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from stepgrad.conditions import Condition, Mentions, OnNodes, read_condition
from stepgrad.cursor import Cursor
from stepgrad.errors import InputError
from stepgrad.events import Backward, Direction, Print, Seed, Tangent, Update
from stepgrad.formats.text import TextExport
from stepgrad.language import Recipe, Text
from stepgrad.names import names_in_order
from stepgrad.ops import INPUT
from stepgrad.reader import read
from stepgrad.source import Span
from stepgrad.style import Style
from stepgrad.supply import read_values
from stepgrad.tensor import nested
from stepgrad.trace import Trace
from stepgrad.wording import Wording

SPEEDS = (0.5, 1, 2, 4, 8, 16, 32, 64, 250, 1000)  # steps a second
MAX_DIGITS = 17
MOST_EDITED = 500  # characters of a value that an edit begins with


class Session:
    """A trace, a position in it, and what the user has set.

    Attributes
    ----------
    trace, cursor
    title : str
        The file, the example, or ``<text>``.
    recipe : Recipe
        How the program was run.
    style : Style
        How numbers and signs are printed.
    breakpoints : list of Condition
    query : Mentions or None
        What is searched for.
    pinned : list of str
        Names that stand first among the values.
    speed : int
        The place of the playing speed in ``SPEEDS``.
    message : str
        The last thing that had to be said; empty where there is none.
    closed : bool
        Whether calls of functions are drawn as one gate each, but for those in ``opened``.
    opened : set of int
    """

    def __init__(self, trace: Trace, title: str, recipe: Recipe | None = None, style: Style | None = None) -> None:
        self.trace = trace
        self.title = title
        self.recipe = recipe or Recipe()
        self.cursor = Cursor(trace)
        self.style = style or Style()
        self.breakpoints: list[Condition] = []
        self.query: Mentions | None = None
        self.pinned: list[str] = []
        self.speed = SPEEDS.index(2)
        self.message = ""
        self.closed = False
        self.opened: set[int] = set()

    @property
    def wording(self) -> Wording:
        """Names and equations in the style that is set."""
        return Wording(self.trace, self.style)

    @property
    def node(self) -> int:
        """The node that the step is about: what it computes or updates, or what an edge brings a gradient to."""
        nodes = self.trace.nodes_at(self.cursor.position - 1)
        return nodes[-1] if nodes else self.trace.output_at(self.cursor.position - 1)

    @property
    def gate_node(self) -> int:
        """The node whose gate is at work; where something is printed, the output."""
        nodes = self.trace.nodes_at(self.cursor.position - 1)
        return nodes[0] if nodes else self.trace.output_at(self.cursor.position - 1)

    @property
    def span(self) -> Span | None:
        """The stretch of the program to which the step belongs."""
        event = self.cursor.event
        return event.span if isinstance(event, (Update, Print)) else self.trace.span(self.gate_node)

    # Settings

    def set_digits(self, change: int) -> None:
        """Print more or fewer digits."""
        digits = max(0, min(self.style.digits + change, MAX_DIGITS))
        self.style = self.style._replace(digits=digits)
        self.message = f"{digits} decimals"

    def set_speed(self, change: int) -> None:
        """Play faster or slower."""
        self.speed = max(0, min(self.speed + change, len(SPEEDS) - 1))
        self.message = f"{SPEEDS[self.speed]:g} steps a second"

    def pin(self) -> None:
        """Pin the value of the step to the top of the values, or unpin it."""
        name = self.trace.bare_name(self.node)
        if name in self.pinned:
            self.pinned.remove(name)
        else:
            self.pinned.append(name)
        self.message = f"{name} {'pinned' if name in self.pinned else 'unpinned'}"

    # Breakpoints and searches

    def toggle_break(self) -> None:
        """Set a breakpoint on the value at whose gate the step is, or remove it."""
        name = self.trace.name(self.gate_node)
        before = [each for each in self.breakpoints if each.text == name]
        if before:
            self.breakpoints.remove(before[0])
        else:
            self.breakpoints.append(read_condition(name, self.trace))
        self.message = f"breakpoint on {name} {'removed' if before else 'set: c continues to it'}"

    def change_breakpoints(self, text: str) -> None:
        """Set a breakpoint on a condition; remove it where there is one already; ``-`` removes all.

        Raises
        ------
        InputError
            If it is no condition.
        """
        if text.strip() in ("", "-"):
            self.message = f"{len(self.breakpoints)} breakpoints removed" if text.strip() else ""
            self.breakpoints = [] if text.strip() else self.breakpoints
            return
        condition = read_condition(text, self.trace)
        if condition.text in [each.text for each in self.breakpoints]:
            self.breakpoints = [each for each in self.breakpoints if each.text != condition.text]
            self.message = f"breakpoint removed: {condition.text}"
        else:
            self.breakpoints.append(condition)
            self.message = f"breakpoint set: {condition.text}"

    def breaks_at(self, index: int) -> bool:
        """Whether a breakpoint is at the event of an index."""
        return any(each.holds(self.trace, index) for each in self.breakpoints)

    def run_on(self, *, reverse: bool = False) -> Iterator[int | None]:
        """Look for the next breakpoint, slice by slice.

        Raises
        ------
        InputError
            If there is no breakpoint.
        """
        if not self.breakpoints:
            raise InputError("no breakpoint yet: b sets one here, B one on a condition")
        return self.cursor.hunt(self.breakpoints, reverse=reverse)

    def search(self, text: str) -> None:
        """Search for some words from now on; for nothing where they are empty."""
        self.query = Mentions(text.strip()) if text.strip() else None

    def search_next(self, *, reverse: bool = False) -> Iterator[int | None]:
        """Look for the next match, slice by slice, beginning anew at the other end.

        Raises
        ------
        InputError
            If nothing is searched for.
        """
        if self.query is None:
            raise InputError("nothing is searched for yet; / searches")
        return self.cursor.hunt([self.query], reverse=reverse, wrap=True)

    def touching(self, *, reverse: bool = False) -> Iterator[int | None]:
        """Look for the next step that touches the value at hand, slice by slice."""
        node = self.node
        return self.cursor.hunt([OnNodes(self.trace.name(node), frozenset([node]))], reverse=reverse)

    def play(self, steps: int) -> bool:
        """Go on by some steps, to a breakpoint at most; return whether the play goes on."""
        self.cursor.close()
        goes_on = True
        while goes_on and steps:
            goes_on = self.cursor.step() and not self.breaks_at(self.cursor.position - 1)
            steps -= 1
        return goes_on

    # What if

    def input_at_hand(self) -> str:
        """Write the input that the step is about, or else the first one, as an edit begins: ``w0=2.0``."""
        inputs = self.trace.inputs
        node = self.node if self.trace.node(self.node).gate is INPUT else next(iter(inputs), None)
        if node is None:
            return ""
        name = self.trace.bare_name(node)
        first = self.trace.versions.get(name, [node])[0]  # an update gave later ones; what is edited is the beginning
        text = f"{name}={nested(self.trace.value_at(first, len(self.trace)))}"
        return text if len(text) <= MOST_EDITED else f"{name}="

    def edit(self, text: str) -> Session:
        """Give inputs other values, as in ``w0=3 x0=-1``, and run again.

        Returns
        -------
        Session
            A new one, on the same step where that makes sense. This one stays as it is.

        Raises
        ------
        StepgradError
            If a value cannot be read, or the program fails with it.
        """
        inputs = {**self.recipe.inputs, **read_values(split_values(text), self.recipe.number_type)}
        return self.rerun(self.program_text, replace(self.recipe, inputs=inputs))

    def edit_program(self, text: str) -> Session:
        """Run another program's text, with those of the inputs that it still has; like :meth:`edit`."""
        _, tree = read(text, self.title)
        names = {name for name, _ in names_in_order(tree)}
        inputs = {name: value for name, value in self.recipe.inputs.items() if name in names}
        return self.rerun(text, replace(self.recipe, inputs=inputs))

    @property
    def program_text(self) -> str:
        """The program's text.

        Raises
        ------
        InputError
            If the trace was left behind by Python code, which cannot be run again from here.
        """
        if self.trace.program is None:
            raise InputError("this trace was recorded from Python code; change it there and run it again")
        return self.trace.program.text

    def rerun(self, text: str, recipe: Recipe) -> Session:
        """Run a text and keep position, breakpoints and settings as far as they make sense."""
        again = Session(recipe.run(Text(text, self.title)), self.title, recipe, self.style)
        again.cursor.like(self.cursor)
        again.query, again.pinned, again.speed = self.query, self.pinned, self.speed
        for each in self.breakpoints:
            try:
                again.breakpoints.append(read_condition(each.text, again.trace))
            except InputError:
                continue  # the name it was on is gone
        again.message = "run again"
        return again

    def step_text(self) -> str:
        """Return the step as the text export writes it."""
        return "\n".join(TextExport(self.trace, self.style, 100).step(self.cursor.event))

    @property
    def is_backward(self) -> bool:
        """Whether the step belongs to a sweep: backward, or of tangents."""
        return isinstance(self.cursor.event, (Seed, Backward, Direction, Tangent))

    # Calls

    def toggle_calls(self) -> None:
        """Draw calls of functions as one gate each, or all their gates."""
        self.closed = not self.closed
        self.opened.clear()
        self.message = "calls drawn as one gate; enter opens one" if self.closed else "calls drawn gate by gate"

    def open_call(self) -> bool:
        """Open the outermost closed call in which the step lies; return whether there is one."""
        closed = [call for call in self.trace.path(self.gate_node) if call not in self.opened] if self.closed else []
        self.opened.update(closed[:1])
        return bool(closed)


def split_values(text: str) -> list[str]:
    """Split ``w0=3 W=[[1, 2], [3, 4]]`` where the next ``NAME=`` begins.

    >>> split_values("w0=3, W=[[1, 2], [3, 4]]")
    ['w0=3', 'W=[[1, 2], [3, 4]]']
    """
    starts = [match.start() for match in re.finditer(r"(?:^|(?<=[\s,;]))[^\W\d]\w*\s*=(?!=)", text)]
    bounds = zip([0, *starts[1:]], [*starts[1:], len(text)], strict=True) if starts else [(0, len(text))]
    return [text[start:end].strip(" ,;") for start, end in bounds if text[start:end].strip(" ,;")]
