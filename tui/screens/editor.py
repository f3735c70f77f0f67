"""The editor: the program's text, run again from there."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static, TextArea

from tui.widgets.hints import Hints


class Editor(ModalScreen[None]):
    """Edits a program's text.

    Parameters
    ----------
    text : str
    run : callable
        Runs the text; returns what was wrong with it, or nothing. A mistake is shown here, and the text stays.
    """

    BINDINGS = [  # noqa: RUF012
        Binding("ctrl+r", "run", "Run"),
        Binding("tab", "app.focus_other", "To the buttons"),
        Binding("escape", "dismiss", "Close"),
    ]

    def __init__(self, text: str, run: Callable[[str], str]) -> None:
        super().__init__()
        self.text = text
        self.run_text = run

    def compose(self) -> ComposeResult:
        """Make the text area, the line for mistakes and the buttons."""
        with Vertical(id="editor") as box:
            box.border_title = "The program"
            area = TextArea(self.text, show_line_numbers=True, tab_behavior="focus")
            area.cursor_blink = False
            yield area
            yield Static("", id="mistake", markup=False)
            with Horizontal():
                yield Button("Run", variant="primary", id="run", compact=True)
                yield Button("Cancel", id="cancel", compact=True)
        yield Hints()

    def action_run(self) -> None:
        """Run the text; close where it ran."""
        area = self.query_one(TextArea)
        mistake = self.run_text(area.text)
        self.query_one("#mistake", Static).update(mistake)
        if not mistake:
            self.dismiss()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Run, or close."""
        if event.button.id == "run":
            self.action_run()
        else:
            self.dismiss()
