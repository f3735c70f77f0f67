"""The footer: the keys of what has the focus, as many as fit."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.widgets import Footer

from stepgrad.style import cells
from tui.keys import fitting


class Hints(Footer):
    """A footer that leaves out what matters least where it has no room, and cuts no word in two."""

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        """Make the keys that fit."""
        keys = list(super().compose())
        sizes = [(str(getattr(key, "action", "")), size_of(key)) for key in keys]
        for key, shown in zip(keys, fitting(sizes, self.app.size.width), strict=True):
            if shown:
                yield key

    def on_resize(self, event: events.Resize) -> None:
        """Choose again for another width."""
        self.refresh(recompose=True)


def size_of(key: object) -> int:
    """Return how many cells a key and its word take, with the blank between it and the next."""
    return cells(f"{getattr(key, 'key_display', '')} {getattr(key, 'description', '')} ")
