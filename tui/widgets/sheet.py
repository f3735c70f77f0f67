"""A sheet: the one widget that draws pages, line by line; a line exists when it is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBarRender
from textual.strip import Strip

from stepgrad.style import cells
from tui.palette import style_of
from tui.view.page import Line, Page, Sheetful, cut, in_ascii


class PlainBar(ScrollBarRender):
    """A scroll bar of whole cells: blanks only, no block elements."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8


class Sheet(ScrollView, inherit_bindings=False):
    """A pane that shows a page and scrolls through it.

    Only rows whose line has changed are drawn again.

    Parameters
    ----------
    page_of : callable
        Makes the page for a width and a height in cells.
    id : str
    ascii_only : bool
        Whether the terminal has ASCII only.
    focusable : bool
    """

    DEFAULT_CSS = """
    Sheet {
        background: $surface;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-color: $foreground 25%;
        scrollbar-background: $surface;
        scrollbar-background-hover: $surface;
        scrollbar-color-hover: $primary;
    }
    """

    class Clicked(Message):
        """A line that leads to a step was clicked."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(
        self,
        page_of: Callable[[int, int], Page],
        *,
        id: str,
        ascii_only: bool = False,
        focusable: bool = True,
    ) -> None:
        super().__init__(id=id)
        self.page: Page = Sheetful(())
        self.page_of = page_of
        self.made_for = Size(0, 0)
        self.ascii_only = ascii_only
        self.can_focus = focusable
        self.drawn: dict[int, Line] = {}
        if ascii_only:
            self.vertical_scrollbar.renderer = PlainBar  # type: ignore[misc]  # meant to be set per bar

    def show(self) -> None:
        """Make the page anew, and bring what must be seen of it into sight."""
        if not self.make():
            return
        height = self.made_for.height
        size = Size(self.page.width, self.page.height)
        if self.virtual_size != size:
            self.virtual_size = size
        self.follow()
        for y in range(height):
            if self.drawn.get(y) != self.seen(y):
                self.refresh(Region(0, y, self.size.width, 1))

    def make(self) -> bool:
        """Make the page for the present size; return whether there is room for one."""
        self.made_for = self.content_size
        width = self.made_for.width - self.styles.scrollbar_size_vertical
        if width < 1 or self.made_for.height < 1:
            return False
        self.page = self.page_of(width, self.made_for.height)
        return True

    def follow(self) -> None:
        """Bring the page's focus into sight: by the least where it is near, to the middle where it is far."""
        focus = self.page.focus
        if focus is None:
            return
        width, height = self.scrollable_content_region.size
        columns, rows = self.page.fixed
        x = followed(self.scroll_offset.x, width - columns, focus.x - columns, focus.width, self.page.width - columns)
        y = followed(self.scroll_offset.y, height - rows, focus.y - rows, focus.height, self.page.height - rows)
        if (x, y) != self.scroll_offset:
            self.scroll_to(x, y, animate=False, immediate=True, force=True)

    def seen(self, y: int) -> Line:
        """Return what is seen in a row: what is fixed, then what is scrolled to, as the terminal can show it."""
        x, top = self.scroll_offset
        columns, rows = self.page.fixed
        line = self.page.line(y if y < rows else top + y)
        width = self.scrollable_content_region.width
        line = (*cut(line, 0, min(columns, width)), *cut(line, x + columns, width - columns))
        return in_ascii(line) if self.ascii_only else line

    def render_line(self, y: int) -> Strip:
        """Draw a row; the first of a new size makes its page, so that no frame is empty."""
        if self.made_for != self.content_size:
            self.make()
        line = self.seen(y)
        self.drawn[y] = line
        base = self.rich_style
        theme = self.app.current_theme
        look = (theme.name, theme.dark, theme.name.startswith("ansi"))
        segments = [Segment(words.text, base + style_of(words.role, *look)) for words in line if words.text]
        strip = Strip(segments, sum(cells(words.text) for words in line))
        return strip.crop_extend(0, self.scrollable_content_region.width, base)

    def on_resize(self) -> None:
        """Make the page for the new size."""
        self.drawn.clear()
        self.show()

    def notify_style_update(self) -> None:
        """Draw everything again in the new colours."""
        super().notify_style_update()
        self.drawn.clear()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Tell to which step a click leads."""
        place = event.get_content_offset(self)
        if place is None:
            return
        x, y = self.scroll_offset
        columns, rows = self.page.fixed
        step = self.page.step_at(place.x + x * (place.x >= columns), place.y + y * (place.y >= rows))
        if step is not None:
            self.post_message(self.Clicked(step))


def followed(now: int, room: int, start: int, size: int, whole: int) -> int:
    """Return the scroll position that shows a stretch: the present one, else the first, else a near or central one."""
    margin = 1 if room > size + 2 else 0
    if now <= max(start - margin, 0) and min(start + size + margin, whole) <= now + room:
        return now
    if start + size + margin <= room:
        return 0
    near = start - margin - room < now < start + size + margin + room
    wanted = start - margin if start - margin < now else start + size + margin - room
    if not near:
        wanted = start + size // 2 - room // 2
    return max(0, min(wanted, whole - room))
