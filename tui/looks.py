"""Looks: the commands that choose what is seen: panes, zoom, scrolling, digits, calls, theme."""

from __future__ import annotations

from dataclasses import replace

from tui.plan import PANES
from tui.settings import save_settings
from tui.stage import Stage
from tui.widgets.sheet import Sheet


class Looks(Stage):
    """The commands that change what is seen, not where the replay stands."""

    def action_pane(self, number: int) -> None:
        """Choose a pane: it is seen, and has the focus."""
        self.chosen = PANES[number - 1]
        self.arrange()
        self.pane(self.chosen).focus()

    def action_focus_other(self, back: bool = False) -> None:
        """Focus the next pane; on another screen, the next thing."""
        if self.prompting and self.screen is self.main:
            return  # what is asked is answered, or closed, first
        move = self.screen.focus_previous if back else self.screen.focus_next
        move(".pane" if self.screen is self.main else "*")

    def action_zoom(self) -> None:
        """Show the focused pane alone, or all again."""
        focused = self.main.focused
        if focused is not None and focused.id in PANES:
            self.chosen = focused.id
        self.zoomed = not self.zoomed
        self.arrange()

    def focused_pane(self) -> Sheet:
        """Return the pane that has the focus, or the circuit."""
        focused = self.main.focused
        return focused if isinstance(focused, Sheet) and focused.id in PANES else self.pane("circuit")

    def action_scroll(self, x: int, y: int) -> None:
        """Scroll the focused pane; in the events, step."""
        pane = self.focused_pane()
        if pane.id == "events":
            self.move(self.session.cursor.step(y))
        else:
            pane.scroll_relative(x, y, animate=False)

    def action_page(self, direction: int) -> None:
        """Scroll the focused pane by a page; in the events, step by one."""
        pane = self.focused_pane()
        size = max(1, pane.scrollable_content_region.height - 1)
        if pane.id == "events":
            self.move(self.session.cursor.step(direction * size))
        else:
            pane.scroll_relative(0, direction * size, animate=False)

    def action_pan(self, x: int, y: int) -> None:
        """Pan the focused pane; from the events, which follow the step, the circuit."""
        pane = self.focused_pane()
        (self.pane("circuit") if pane.id == "events" else pane).scroll_relative(x, y, animate=False)

    def action_detail(self) -> None:
        """Draw gates as boxes, or as symbols only."""
        self.boxed = not self.boxed
        self.say("gates as boxes" if self.boxed else "gates as symbols")

    def action_calls(self) -> None:
        """Draw calls as one gate each, or gate by gate."""
        self.session.toggle_calls()
        self.show()

    def action_digits(self, change: int) -> None:
        """Print more or fewer digits, now and in later runs."""
        self.session.set_digits(change)
        self.settings.digits = self.session.style.digits
        self.show()

    def action_open(self) -> None:
        """Open a call or a tensor step; close an opened step."""
        cursor = self.session.cursor
        if not self.session.open_call() and not cursor.close() and not cursor.open():
            self.session.message = "only a call drawn as one gate, or a backward step of tensors, opens"
        self.show()

    def action_pin(self) -> None:
        """Pin the value at hand."""
        self.session.pin()
        self.show()

    def keep_theme(self, name: str) -> None:
        """Remember the theme, and draw everything in it."""
        if name != self.settings.theme:
            self.settings.theme = name
            self.keep_settings()  # now: another replay may be opened beside this one
        for sheet in self.main.query(Sheet):
            sheet.notify_style_update()

    def keep_settings(self) -> None:
        """Write the settings where they have changed; say what went wrong."""
        if self.settings != self.settings_kept:
            self.session.message = save_settings(self.settings) or self.session.message
            self.settings_kept = replace(self.settings)
