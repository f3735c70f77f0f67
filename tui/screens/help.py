"""The help: all keys on one screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import ModalScreen

from tui.view.help import help_page
from tui.widgets.sheet import Sheet


class HelpScreen(ModalScreen[None]):
    """Lists all keys; any key that closes closes it."""

    BINDINGS = [("escape,q,question_mark,enter", "dismiss", "close")]  # noqa: RUF012

    def __init__(self, ascii_only: bool) -> None:
        super().__init__()
        self.ascii_only = ascii_only

    def compose(self) -> ComposeResult:
        """Make the sheet."""
        sheet = Sheet(lambda width, height: help_page(width), id="help", ascii_only=self.ascii_only)
        sheet.border_title = "Keys"
        sheet.border_subtitle = "escape closes"
        yield sheet
