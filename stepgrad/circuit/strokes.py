"""Strokes: the character for the lines that meet in a cell."""

from __future__ import annotations

UP, RIGHT, DOWN, LEFT = 1, 3, 9, 27  # a light line in that direction; twice as much, a heavy one

LINES = " ╵╹╶└┖╺┕┗╷│╿┌├┞┍┝┡╻╽┃┎┟┠┏┢┣╴┘┚─┴┸╼┶┺┐┤┦┬┼╀┮┾╄┒┧┨┰╁╂┲╆╊╸┙┛╾┵┹━┷┻┑┥┩┭┽╃┯┿╇┓┪┫┱╅╉┳╈╋"
"""By the sum of the directions: Unicode has a character for every mixture of light and heavy."""

ROUND = str.maketrans("┌┐└┘", "╭╮╰╯")


def stroke(up: int, right: int, down: int, left: int, *, ascii_only: bool = False) -> str:
    """Return the character for lines of weight 0, 1 or 2 in four directions.

    >>> stroke(0, 1, 1, 0), stroke(1, 2, 1, 2), stroke(1, 1, 1, 1, ascii_only=True)
    ('╭', '┿', '+')
    """
    if not ascii_only:
        return LINES[up * UP + right * RIGHT + down * DOWN + left * LEFT].translate(ROUND)
    if not up and not down:
        return "=" if max(left, right) > 1 else "-"
    if not left and not right:
        return '"' if max(up, down) > 1 else "|"
    return "+"


def fork(*, ascii_only: bool = False) -> str:
    """Return the character where lines are joined, not crossed."""
    return "o" if ascii_only else "●"
