"""The gallery: the examples with a line each, and any file."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from stepgrad.gallery import example_paths, example_title
from tui.widgets.hints import Hints


class Gallery(ModalScreen[None]):
    """Lists the examples, and asks for a file.

    Parameters
    ----------
    view : callable
        Opens what was picked; returns what was wrong with it, or nothing. A mistake is shown here, to be mended.
    """

    BINDINGS = [  # noqa: RUF012
        Binding("escape,q", "dismiss", "Close"),
        Binding("tab", "app.focus_other", "Examples, or a file"),
    ]

    def __init__(self, view: Callable[[str], str]) -> None:
        super().__init__()
        self.view = view

    def compose(self) -> ComposeResult:
        """Make the list of examples and the line for a file."""
        paths = example_paths()
        widest = max(map(len, paths), default=0)
        options = [Option(Content(f"{name:<{widest}}  {example_title(path)}"), id=name) for name, path in paths.items()]
        with Vertical(id="gallery") as box:
            box.border_title = "View an example or a file"
            box.border_subtitle = "enter opens"
            yield OptionList(*options, compact=True)
            yield Input(placeholder="a path to a program, or its text: f = (x + 1) * x", compact=True)
            yield Static("", id="mistake", markup=False)
        yield Hints()

    def open(self, given: str) -> None:
        """Open something; stay where that fails."""
        mistake = self.view(given)
        self.query_one("#mistake", Static).update(mistake)
        if not mistake:
            self.dismiss()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open an example."""
        self.open(event.option.id or "")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Open a file."""
        if event.value.strip():
            self.open(event.value.strip())
