"""Takes the pictures in README: ``python -m tests.pictures`` writes them into ``docs/``.

They are the screen itself, saved as SVG; a test compares what they show with what the screen shows now.
"""

import os
import re
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.screen import drive

DOCS = Path(__file__).parent.parent / "docs"

DESCENT = """\
# A line through two points: f(1) = 3 and f(3) = 7.
w = 0.0
b = 0.0
for k in range(12):
    near = (w*1 + b - 3)**2
    far = (w*3 + b - 7)**2
    loss = near + far
    backward(loss)
    w -= 0.03 * w.grad
    b -= 0.03 * b.grad
"""
NEURON = """\
# Two neurons, each a call of a call.
def squash(s):
    return 1 / (1 + exp(-s))

def neuron(w, x, b):
    return squash(w*x + b)

x = 0.5; w1 = 2.0; b1 = -1.0; w2 = -3.0; b2 = 0.5
h = neuron(w1, x, b1)
y = neuron(w2, h, b2)
loss = (y - 1)**2
"""

SHOTS = {
    "sigmoid": ("sigmoid", (120, 36), ["17"], []),
    "sigmoid-80x24": ("sigmoid", (80, 24), ["17"], []),
    "fork": ("staged", (120, 36), ["20"], []),
    "matrix": ("matrix", (120, 36), ["9"], ["enter", "right", "5"]),
    "light": ("sigmoid", (120, 36), ["17"], []),
    "passes": (DESCENT, (160, 44), ["pass 4"], ["]", "]"]),
    "calls": (NEURON, (120, 36), ["30"], ["m"]),
}
THEMES = {"light": "textual-light"}


def take(name):
    """Return a picture as SVG."""
    program, size, places, keys = SHOTS[name]
    taken = []

    async def body(app, pilot):
        if name in THEMES:
            app.theme = THEMES[name]
        for place in places:
            app.session.cursor.go(place)
        app.show()
        for key in keys:
            await pilot.press(key)
        await pilot.pause()
        taken.append(app.export_screenshot(title="stepgrad"))

    with TemporaryDirectory() as folder:
        os.environ["STEPGRAD_CONFIG"] = folder  # nobody's own theme
        drive(program, body, size=size)
    return portable(taken[0])


def portable(svg):
    """Let no font be fetched from anywhere, keep blanks for other renderers, and number the ids evenly."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)
    return re.sub(r"terminal-\d+", "terminal", svg)


def text_of(svg):
    """Return the words of a picture, in order, without blanks."""
    return [word for text in re.findall(r"<text[^>]*>(.*?)</text>", svg, re.S) for word in unescape(text).split()]


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    for each in SHOTS:
        (DOCS / f"{each}.svg").write_text(take(each), encoding="utf-8")
