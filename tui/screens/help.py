"""The help: all keys on one screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from tui.view.help import help_page
from tui.widgets.hints import Hints
from tui.widgets.sheet import Sheet


class HelpScreen(ModalScreen[None]):
    """Lists all keys; any key that closes closes it, and any that scrolls scrolls it."""

    BINDINGS = [  # noqa: RUF012
        Binding("escape,q,question_mark,enter", "dismiss", "Close"),
        Binding("down,j", "scroll_by(1)", "Scroll", key_display="↑ ↓"),
        Binding("up,k", "scroll_by(-1)", show=False),
        Binding("pagedown,space", "scroll_by(10)", show=False),
        Binding("pageup", "scroll_by(-10)", show=False),
    ]

    def __init__(self, ascii_only: bool) -> None:
        super().__init__()
        self.ascii_only = ascii_only

    def compose(self) -> ComposeResult:
        """Make the sheet."""
        sheet = Sheet(lambda width, height: help_page(width), id="help", ascii_only=self.ascii_only)
        sheet.border_title = "Keys"
        yield sheet
        yield Hints()

    def action_scroll_by(self, lines: int) -> None:
        """Scroll by some lines."""
        self.query_one("#help", Sheet).scroll_relative(0, lines, animate=False)
