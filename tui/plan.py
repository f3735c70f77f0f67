"""The plan of the screen: which panes are seen at a size, and where."""

from __future__ import annotations

from collections.abc import Sequence

from tui.view.page import Area

PANES = ("circuit", "step", "source", "events", "tensors", "values", "loss", "layers")
TITLES = {
    "circuit": "Circuit", "step": "Step", "source": "Source", "events": "Events",
    "tensors": "Tensors", "values": "Values", "loss": "Loss", "layers": "Layers",
}  # fmt: skip

NARROW, NORMAL, WIDE = 60, 100, 160  # columns from which on there is more than one pane, three, a right column
LOW = 16  # rows below which there is one pane at a time


def single(width: int, height: int) -> bool:
    """Whether a body of this size has room for one pane only."""
    return width < NARROW or height < LOW


def framed(width: int, height: int) -> bool:
    """Whether panes have a frame, or only a rule above them."""
    return width >= NORMAL and height >= 24


def arranged(width: int, height: int, chosen: str, *, zoomed: bool = False, passes: int = 1) -> dict[str, Area]:
    """Return the area of every pane that is seen.

    Parameters
    ----------
    width, height : int
        The size of the body, between the status and the time line.
    chosen : str
        The pane that was asked for last: it is always seen.
    zoomed : bool
        Whether it is seen alone.
    passes : int
        How many passes the trace has: with several, the loss has its place where there is room.
    """
    if zoomed or single(width, height):
        return {chosen: Area(0, 0, width, height)}
    deck_height = max(8, min(13 if width < WIDE else 12, height * 2 // 5))
    top = height - deck_height
    right = width * 28 // 100 if width >= WIDE else 0
    found = {"circuit": Area(0, 0, width - right, top)}
    deck = deck_panes(width, chosen, passes)
    if right:
        last = chosen if chosen in ("values", "loss", "layers") else "loss" if passes > 1 else "values"
        found |= {"events": Area(width - right, 0, right, top), last: Area(width - right, top, right, deck_height)}
    x = 0
    for place, (name, share) in enumerate(deck, 1):
        size = width - right - x if place == len(deck) else (width - right) * share // 100
        found[name] = Area(x, top, size, deck_height)
        x += size
    return found


def deck_panes(width: int, chosen: str, passes: int) -> Sequence[tuple[str, int]]:
    """Return the panes below the circuit, from left to right, with their shares of the width."""
    if width >= WIDE:
        return (("step", 38), ("source", 31), ("tensors", 31))
    if width < NORMAL:
        return (("step", 56), (chosen if chosen not in ("circuit", "step") else "events", 44))
    return (
        ("step", 36),
        (chosen if chosen in ("tensors", "values", "loss", "layers") else "source", 30),
        ("events", 34),
    )
