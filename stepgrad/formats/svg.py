"""SVG: the lecture's picture at a step, values in green above the wires, gradients in red below.

A file of its own: no font, no script, no network. Colours are classes, written out twice, for light and for dark
paper; a program that knows no media queries draws the light ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from math import hypot
from typing import NamedTuple

from stepgrad.errors import FormatError, nearest
from stepgrad.events import Event
from stepgrad.formats.scene import DARK, LIGHT, SMALL, Asked, Moment, Place, Scene, sentence, title_of
from stepgrad.style import Style, cells, one_line
from stepgrad.trace import Trace
from stepgrad.wording import Wording

ACROSS, DOWN = 8.4, 18  # pixels of a cell; a sign of a monospaced font at 14 pixels is 8.4 wide
MARGIN = 18
RADIUS = 7  # of a wire's corners
MOST_PICTURES = 500  # of a file
THEMES = ("auto", "light", "dark")
MONO = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace"
SANS = "system-ui,'Segoe UI','Helvetica Neue','DejaVu Sans',Arial,sans-serif"


def svg(
    trace: Trace,
    *,
    step: int | None = None,
    steps: Sequence[int] | None = None,
    pass_number: int | None = None,
    digits: int = 2,
    theme: str = "auto",
) -> Iterator[str]:
    """Yield the circuit as SVG.

    Parameters
    ----------
    trace : Trace
    step : int, optional
        What is known at this step, its gate and its wire heavy, its equation below; without it, all that is known
        at the end of a pass.
    steps : sequence of int, optional
        The indices of some events: a picture of each, one below the other.
    pass_number : int, optional
        Which pass, counted from 1; the last that was swept, if None.
    digits : int
        Decimals of the printed numbers.
    theme : str
        ``light``, ``dark``, or ``auto``: as the reader has it.
    """
    if theme not in THEMES:
        raise FormatError(f"there is no theme {theme!r}; use one of {', '.join(THEMES)}{nearest(theme, THEMES)}")
    wording = Wording(trace, Style(digits))
    frames = [Frame(*each.drawn(wording), each.event(trace)) for each in asked(step, steps, pass_number)]
    captions = ["" if frame.event is None else one_line(sentence(wording, frame.event)) for frame in frames]
    sizes = [frame_size(*each) for each in zip(frames, captions, strict=True)]
    width, height = max(across for across, _ in sizes), sum(down for _, down in sizes)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{shown(width)}" height="{shown(height)}" '
        f'viewBox="0 0 {shown(width)} {shown(height)}" role="img" aria-labelledby="title desc">'
    )
    yield f'<title id="title">{escape(title_of(trace))}</title>'
    yield f'<desc id="desc">{escape(" ".join(described(wording, *frame) for frame in frames))}</desc>'
    yield "<style>"
    yield from css(theme)
    yield "</style>"
    yield f'<rect class="paper" width="{shown(width)}" height="{shown(height)}" rx="8"/>'
    yield from definitions()
    top = 0.0
    for frame, caption, (_, below) in zip(frames, captions, sizes, strict=True):
        yield from framed(frame, caption, top, below)
        top += below
    yield "</svg>"


def asked(step: int | None, steps: Sequence[int] | None, pass_number: int | None) -> list[Asked]:
    """List the pictures that are asked for: one, unless several steps are chosen.

    Raises
    ------
    FormatError
        If these are too many for a file.
    """
    if step is not None or steps is None or len(steps) < 2:
        return [Asked(step, steps, pass_number)]
    if len(steps) > MOST_PICTURES:
        raise FormatError(f"a file holds at most {MOST_PICTURES} pictures, and these are {len(steps):,}; choose fewer")
    return [Asked(index + 1) for index in steps]


class Frame(NamedTuple):
    """One picture of a file: a scene, what it shows, and the event of its step."""

    scene: Scene
    moment: Moment
    event: Event | None


def framed(frame: Frame, caption: str, top: float, height: float) -> Iterator[str]:
    """Yield one picture of a file, with its caption, below the others."""
    if top:
        yield f'<g transform="translate(0 {shown(top)})">'
    yield from drawing(frame.scene, frame.moment)
    if caption:
        yield text_at((MARGIN, height - MARGIN), caption, "caption")
    if top:
        yield "</g>"


def frame_size(frame: Frame, caption: str) -> tuple[float, float]:
    """Return the width and height of a picture with its caption."""
    width, height = size(frame.scene)
    if not caption:
        return width, height
    return max(width, cells(caption) * ACROSS + 2 * MARGIN), height + 2 * DOWN


def size(scene: Scene) -> tuple[float, float]:
    """Return the width and height of a scene in pixels, with its margins."""
    return scene.layout.width * ACROSS + 2 * MARGIN, scene.layout.height * DOWN + 2 * MARGIN


def described(wording: Wording, scene: Scene, moment: Moment, event: Event | None) -> str:
    """Say what a picture shows: its step, and every value and gradient in it."""
    if event is None:
        head = "What is known at the end."
    else:
        head = f"Step {event.step} of {len(wording.trace)}: {sentence(wording, event)}."
    found = []
    for vertex, (value, gradient) in enumerate(moment.numbers):
        told = " ".join(value) if value else "not yet known"
        found.append(f"{scene.told[vertex]}: {told}" + (f", gradient {' '.join(gradient)}" if gradient else ""))
    return one_line(f"{head} {'; '.join(found)}.")


# Drawing


def drawing(scene: Scene, moment: Moment) -> Iterator[str]:
    """Yield what is known at a step: wires, gates, numbers."""
    active = {scene.same_wire(edge) for edge in moment.activity.edges}
    for edge in [each for each in scene.wires if each not in active]:
        yield wire(scene.path(edge), "" if moment.known[scene.source(edge)] else "unknown")
    for vertex in scene.layout.stubs:
        yield wire(scene.stub(vertex), "" if moment.known[vertex] else "unknown")
    for x, y in scene.forks():
        yield f'<circle class="fork" cx="{across(x)}" cy="{down(y)}" r="3.5"/>'
    for edge in sorted(active):
        yield wire(scene.path(edge), "active back" if moment.backward else "active forth")
    for vertex in scene.vertices:
        at_work = vertex in moment.activity.vertices
        shown_name = scene.named[vertex] or at_work or vertex == moment.activity.changed
        classes = {"active": at_work, "unknown": not moment.known[vertex], "told": shown_name}
        local = moment.local if at_work else ""
        yield from gate(scene, vertex, joined("gate", classes), local)
    for vertex, (value, gradient) in enumerate(moment.numbers):
        places = scene.value_places(vertex)
        new = vertex == moment.new_value()
        yield from numbers(places[len(places) - len(value) :], value, "value", new=new)
        new = vertex == moment.new_gradient()
        role = "upstream" if vertex == moment.activity.upstream and not new else "gradient"
        yield from numbers(scene.gradient_places(vertex), gradient, role, new=new)


def template(scene: Scene) -> Iterator[str]:
    """Yield a scene with slots for all its numbers, which a script fills."""
    yield from definitions()
    yield "<g>"
    for edge in scene.wires:
        yield wire(scene.path(edge), "", f' data-source="{scene.source(edge)}"')
    for vertex in scene.layout.stubs:
        yield wire(scene.stub(vertex), "", f' data-source="{vertex}"')
    for x, y in scene.forks():
        yield f'<circle class="fork" cx="{across(x)}" cy="{down(y)}" r="3.5"/>'
    yield '</g><g class="top"></g>'
    for vertex in scene.vertices:
        yield from gate(scene, vertex, joined("gate", {"named": scene.named[vertex]}), None)
    yield '<g class="grounds"></g>'
    for vertex in scene.vertices:
        yield '<g class="numbers">'
        for role, places in (("value", scene.value_places(vertex)), ("gradient", scene.gradient_places(vertex))):
            yield from numbers(places, [""] * len(places), role, new=False)
        yield "</g>"


def definitions() -> Iterator[str]:
    """Yield the arrowhead."""
    yield '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerUnits="userSpaceOnUse"'
    yield ' markerWidth="13" markerHeight="13" orient="auto-start-reverse">'
    yield '<path class="tip" d="M0 0L10 5L0 10z"/></marker></defs>'


def wire(path: list[Place], classes: str, data: str = "") -> str:
    """Draw a wire; an active one with an arrow where its number goes."""
    end = "end" if "forth" in classes else "start" if "back" in classes else ""
    tip = f' marker-{end}="url(#arrow)"' if end else ""
    return f'<path class="{" ".join(filter(None, ("wire", classes)))}" d="{rounded(path)}"{tip}{data}/>'


def rounded(path: list[Place]) -> str:
    """Write a path in pixels, its corners rounded."""
    points = [(x * ACROSS + MARGIN, y * DOWN + MARGIN) for x, y in path]
    parts = [f"M{pair(points[0])}"]
    for before, here, after in zip(points, points[1:], points[2:]):
        radius = min(RADIUS, hypot(*minus(here, before)) / 2, hypot(*minus(after, here)) / 2)
        parts.append(f"L{pair(towards(here, before, radius))}Q{pair(here)} {pair(towards(here, after, radius))}")
    return "".join([*parts, f"L{pair(points[-1])}"])


def towards(here: Place, there: Place, distance: float) -> Place:
    """Return the place at some distance on the way from one to another."""
    x, y = minus(there, here)
    length = hypot(x, y) or 1
    return here[0] + x / length * distance, here[1] + y / length * distance


def minus(here: Place, there: Place) -> Place:
    """Return the way from one place to another."""
    return here[0] - there[0], here[1] - there[1]


def gate(scene: Scene, vertex: int, classes: str, local: str | None = "") -> Iterator[str]:
    """Draw a gate with its label, or the name of a leaf; what it computes is told when it is pointed at.

    With None for the local there is a slot for one.
    """
    left, top, right, bottom = scene.frame(vertex)
    told = f"<title>{escape(scene.told[vertex])}</title>"
    x, y = scene.centre(vertex)
    if scene.is_leaf(vertex):
        yield f'<g class="{classes}">{told}{text_at(pixels((right, y)), scene.labels[vertex], "name")}</g>'
        return
    yield f'<g class="{classes}{" narrowed" if local else ""}">{told}'
    yield (
        f'<rect class="frame" x="{across(left)}" y="{down(top)}" width="{shown((right - left) * ACROSS)}" '
        f'height="{shown((bottom - top) * DOWN)}" rx="5"/>'
    )
    yield text_at(pixels((x, y)), scene.labels[vertex], "label")
    if local is None:
        yield text_at(pixels((x, y)), "", "local")
    elif local:
        narrow = min(1, (right - left) * ACROSS / (cells(local) * SMALL * ACROSS + 4))
        yield text_at(pixels((x, y)), local, "local", narrow=narrow)
    yield text_at(pixels((x, top)), scene.names[vertex], "given") + "</g>"


def numbers(places: Iterable[Place], lines: Iterable[str], role: str, *, new: bool) -> Iterator[str]:
    """Write numbers, new ones on a ground of their colour."""
    for place, line in zip(places, lines):
        x, y = pixels(place)
        if new:
            corner = f'x="{shown(x - 3)}" y="{shown(y - 8.5)}"'
            yield f'<rect class="ground {role}" {corner} width="{shown(cells(line) * ACROSS + 6)}" height="17" rx="3"/>'
        yield text_at((x, y), line, joined("number", {role: True, "new": new}))


def text_at(place: Place, text: str, classes: str, *, narrow: float = 1) -> str:
    """Write a text; blanks in it stay. A narrow one is so much smaller than its class."""
    size = "" if narrow == 1 else f' style="font-size:{14 * SMALL * narrow:.1f}px"'
    kept = escape(text).replace(" ", "\N{NO-BREAK SPACE}") if "number" in classes else escape(text)
    return f'<text class="{classes}" x="{shown(place[0])}" y="{shown(place[1])}"{size}>{kept}</text>'


def joined(first: str, more: Mapping[str, bool]) -> str:
    """Join the names of classes that hold."""
    return " ".join([first, *(name for name, holds in more.items() if holds)])


def pixels(place: Place) -> Place:
    """Return where a place is in pixels."""
    return place[0] * ACROSS + MARGIN, place[1] * DOWN + MARGIN


def across(x: float) -> str:
    """Write how far to the right a place is."""
    return shown(x * ACROSS + MARGIN)


def down(y: float) -> str:
    """Write how far down a place is."""
    return shown(y * DOWN + MARGIN)


def pair(place: Place) -> str:
    """Write a place in pixels."""
    return f"{shown(place[0])} {shown(place[1])}"


def shown(number: float) -> str:
    """Write a length with one decimal at most.

    >>> shown(25.2), shown(18.0), shown(-0.01)
    ('25.2', '18', '0')
    """
    text = f"{number:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


# Style

SHAPES = f"""
text{{font:14px {MONO};dominant-baseline:central}}
.name{{font:italic 600 15px {SANS};text-anchor:end}}
.label{{font:600 15px {SANS};text-anchor:middle}}
.given{{font:italic {14 * SMALL:.0f}px {SANS};text-anchor:middle;transform:translateY(-9px);visibility:hidden}}
.told .given{{visibility:visible}}
.local{{font:600 {14 * SMALL:.0f}px {MONO};text-anchor:middle;transform:translateY(9px)}}
.narrowed .label{{transform:translateY(-7px)}}
.caption{{font:15px {MONO}}}
.wire{{fill:none;stroke-width:1.5}}
.wire.active{{stroke-width:3}}
.frame{{stroke-width:1.5}}
.active .frame{{stroke-width:3.5}}
.unknown{{opacity:.4}}
.number.upstream{{font-weight:700}}
.number.new{{font-weight:700}}
""".strip().splitlines()


def css(theme: str) -> Iterator[str]:
    """Yield the classes; with ``auto``, the dark colours for readers who have it dark."""
    yield from SHAPES
    yield from colours(DARK if theme == "dark" else LIGHT)
    if theme == "auto":
        yield "@media (prefers-color-scheme:dark){"
        yield from colours(DARK)
        yield "}"


def colours(of: Mapping[str, str]) -> Iterator[str]:
    """Yield the colours of the classes, a rule a line."""
    yield f".paper{{fill:{of['paper']}}}"
    yield f".wire{{stroke:{of['wire']}}}"
    yield f".fork{{fill:{of['wire']}}}"
    yield f".wire.active{{stroke:{of['active']}}}"
    yield f".tip{{fill:{of['active']}}}"
    yield f".frame{{fill:{of['paper']};stroke:{of['ink']}}}"
    yield f".active .frame{{fill:{of['lit']};stroke:{of['active']}}}"
    yield f".label{{fill:{of['ink']}}}"
    yield f".caption{{fill:{of['ink']}}}"
    yield f".name{{fill:{of['name']}}}"
    yield f".given{{fill:{of['name']}}}"
    yield from (f".{role}{{fill:{of[role]}}}" for role in ("value", "gradient", "upstream", "local"))
    yield f".number.new{{fill:{of['paper']}}}"
