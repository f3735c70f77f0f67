"""Moves: the commands that go from step to step, find and play; each calls one method of Cursor or Session."""

from __future__ import annotations

from collections.abc import Iterator

from tui.session import SPEEDS
from tui.stage import Stage
from tui.view.page import printable
from tui.widgets.sheet import Sheet

FRAMES = 30  # pictures a second while playing or looking for something


class Moves(Stage):
    """The commands that move."""

    due = 0.0  # the part of a step that the time passed while playing is worth

    def action_step(self) -> None:
        """One step forward; in an opened step, one element."""
        self.move(self.session.cursor.step())

    def action_step_back(self) -> None:
        """One step back."""
        self.move(self.session.cursor.back())

    def action_over(self, reverse: bool = False) -> None:
        """A whole gate."""
        self.move(self.session.cursor.over(reverse=reverse))

    def action_phase(self, reverse: bool = False) -> None:
        """A phase."""
        self.move(self.session.cursor.phase(reverse=reverse))

    def action_turn(self, reverse: bool = False) -> None:
        """A pass."""
        self.move(self.session.cursor.turn(reverse=reverse))

    def action_start(self) -> None:
        """The first step."""
        self.move(self.session.cursor.start())

    def action_end(self) -> None:
        """The last step."""
        self.move(self.session.cursor.end())

    def action_partner(self) -> None:
        """Between a gate's forward and backward steps."""
        if not self.session.cursor.partner():
            self.session.message = "this value has no step on the other side"
        self.show()

    def action_touch(self, reverse: bool = False) -> None:
        """The next step that touches the value at hand."""
        session = self.session
        name = session.trace.name(session.node)
        self.hunt(session.touching(reverse=reverse), f"no further step touches {name}")

    async def action_go(self) -> None:
        """Ask where to go."""
        await self.ask("go to", "", self.go, "17, +5, 50%, pass 3, a name")

    def go(self, place: str) -> None:
        """Go to a place, and say nothing more of what was before."""
        self.move(self.session.cursor.go(place))

    def on_sheet_clicked(self, event: Sheet.Clicked) -> None:
        """Go where a click leads."""
        self.move(self.session.cursor.seek(event.step))

    # Looking for something

    async def action_search(self) -> None:
        """Ask what to search for, and go to the first match."""
        before = self.session.query.text if self.session.query else ""
        await self.ask("search", before, self.start_search, "a name, a gate, some source")

    def start_search(self, text: str) -> None:
        """Search for a text from here on."""
        self.session.search(text)
        if self.session.query is not None:
            self.action_search_next()

    def action_search_next(self, reverse: bool = False) -> None:
        """Go to the next match."""
        mistake = self.attempt(lambda: self.hunt(self.session.search_next(reverse=reverse), "no match"))
        if mistake:
            self.say(mistake)

    def action_run_on(self, reverse: bool = False) -> None:
        """Continue to a breakpoint."""
        where = "before this step" if reverse else "after this step"
        mistake = self.attempt(lambda: self.hunt(self.session.run_on(reverse=reverse), f"no breakpoint {where}"))
        if mistake:
            self.say(mistake)

    def hunt(self, found: Iterator[int | None], otherwise: str) -> None:
        """Go to the step that an iterator finds, slice by slice, so that the screen stays alive."""
        self.hunting = found
        self.session.message = otherwise
        self.look_on()
        if self.hunting is not None:
            self.say("looking; escape stops")
            self.session.message = otherwise
            self.start_ticking()

    def look_on(self) -> None:
        """Look through one more slice."""
        assert self.hunting is not None
        for position in self.hunting:
            if position is not None:
                self.session.cursor.seek(position)
                self.session.message = ""
                break
            return
        self.hunting = None
        self.show()

    # Breakpoints

    def action_toggle_break(self) -> None:
        """A breakpoint on the value at hand."""
        self.session.toggle_break()
        self.show()

    async def action_breakpoints(self) -> None:
        """List the breakpoints and ask for a condition."""
        have = ", ".join(each.text for each in self.session.breakpoints)
        question = f"breaks on {printable(have)}; also on" if have else "break on"
        hint = "a name, a gate, nonfinite, abs(product) < 1e-6" + ("; - removes all" if have else "")
        await self.ask(question, "", self.session.change_breakpoints, hint)

    # Playing

    def action_play(self) -> None:
        """Play, or pause."""
        self.playing = not self.playing
        self.due = 0.0
        if self.playing:
            if self.session.cursor.position == len(self.session.trace):
                self.session.cursor.start()
            self.start_ticking()
        self.move(True)

    def action_speed(self, change: int) -> None:
        """Play faster or slower."""
        self.session.set_speed(change)
        self.show()

    def tick(self) -> None:
        """Let a frame's time pass: look on, or play on."""
        if self.hunting is not None:
            self.look_on()
        elif self.playing:
            self.due += SPEEDS[self.session.speed] / FRAMES
            steps, self.due = int(self.due), self.due % 1
            if steps and not self.session.play(steps):
                self.playing = False
            if steps:
                self.move(True)
        if self.hunting is None and not self.playing and self.ticker is not None:
            self.ticker.pause()
            self.show()
