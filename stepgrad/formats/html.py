"""HTML: one file that steps forwards and back in a browser, from a disk or a server, with no network.

Pictures are drawn here, once for all steps that share one; what each step changes in them is data, and the script of
the page puts it in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from itertools import chain
from typing import Any, NamedTuple

from stepgrad.circuit import Circuit
from stepgrad.errors import FormatError, visible
from stepgrad.events import Event, Forward, Print, Update
from stepgrad.formats.page import BODY, HEAD, PANES, SCRIPT, STYLE
from stepgrad.formats.scene import (
    DARK,
    LIGHT,
    Scene,
    boxed,
    checked,
    definition,
    label_of,
    moment_at,
    scene_of,
    sentence,
    title_of,
)
from stepgrad.formats.spoken import told
from stepgrad.formats.svg import ACROSS, MONO, SHAPES, colours, definitions, drawing, shown, size, template
from stepgrad.picture import MOST_NODES, Picture, picture_at
from stepgrad.source import Span
from stepgrad.style import Style, one_line
from stepgrad.trace import Trace
from stepgrad.wording import Wording

MOST_STEPS = 25_000  # that a page holds: some megabytes of data
MOST_PICTURES = 1_000  # of passes too large to be drawn whole, which have a picture a step
SMALLEST = 0.6  # how small a circuit gets before it is scrolled


def html(trace: Trace, *, steps: Sequence[int] | None = None, digits: int = 2) -> Iterator[str]:
    """Yield the trace as a page.

    Parameters
    ----------
    trace : Trace
    steps : sequence of int, optional
        The indices of the events to tell; all, if None.
    digits : int
        Decimals of the printed numbers.

    Raises
    ------
    FormatError
        If there are more than ``MOST_STEPS`` steps to tell, or more than ``MOST_PICTURES`` of passes that are
        not drawn whole, or none.
    """
    chosen = range(len(trace)) if steps is None else steps
    checked(trace, None)
    if not chosen:
        raise FormatError("no step is chosen, so there is nothing to show; choose at least one")
    if len(chosen) > MOST_STEPS:
        raise FormatError(
            f"a page holds {MOST_STEPS:,} steps at most, and these are {len(chosen):,}; "
            f"choose some of them, as in --steps 1:{MOST_STEPS // 10}"
        )
    yield from HtmlExport(trace, Style(digits), chosen).lines()


class Group(NamedTuple):
    """The pictures of passes that differ in nothing but their numbers and versions, with room for the longest."""

    number: int
    picture: Picture
    circuit: Circuit


class HtmlExport:
    """Writes one trace in one style."""

    def __init__(self, trace: Trace, style: Style, steps: Sequence[int]) -> None:
        self.trace = trace
        self.wording = Wording(trace, style)
        self.steps = steps
        self.by_pass: dict[int, Picture] = {}
        self.pictures = list(self.pictures_of(steps))
        self.groups: dict[object, Group] = {}
        self.key_of = {id(picture): self.key(picture) for picture in self.pictures}
        for picture in {id(each): each for each in self.pictures}.values():
            self.join(picture)

    def pictures_of(self, steps: Sequence[int]) -> Iterator[Picture]:
        """Yield the picture at every event that is told, unless these are too many."""
        own = 0
        for index in steps:
            found = self.picture(index)
            own += not found.whole
            if own > MOST_PICTURES:
                raise FormatError(
                    f"a pass of more than {MOST_NODES} nodes is drawn around each step, and a page holds "
                    f"{MOST_PICTURES:,} steps of such; choose some of them, as in --steps 1:{MOST_PICTURES}"
                )
            yield found

    def picture(self, index: int) -> Picture:
        """Return the picture at an event; of a pass that is drawn whole, made once."""
        number = self.trace.pass_at(index)
        if number not in self.by_pass:
            found = picture_at(self.wording, index + 1)
            if not found.whole:
                return found
            self.by_pass[number] = found
        return self.by_pass[number]

    def key(self, picture: Picture) -> object:
        """Return what pictures of one group have in common."""
        vertices = zip(picture.nodes, picture.circuit.vertices, strict=True)
        looks = tuple(
            (self.trace.bare_name(node) if node in self.trace.names else "", v.leaf or v.label, v.lines)
            for node, v in vertices
        )
        return picture.circuit.operands, looks, () if picture.whole else picture.nodes

    def join(self, picture: Picture) -> None:
        """Take a picture into its group, and make room for it there."""
        key, vertices = self.key_of[id(picture)], picture.circuit.vertices
        group = self.groups.setdefault(key, Group(len(self.groups), picture, picture.circuit))
        wider = tuple(
            known._replace(columns=max(known.columns, v.columns), label=max(known.label, v.label, key=len))
            for known, v in zip(group.circuit.vertices, vertices, strict=True)
        )
        self.groups[key] = group._replace(circuit=group.circuit._replace(vertices=wider))

    # The page

    def lines(self) -> Iterator[str]:
        """Yield the page."""
        trace, title = self.trace, escape(title_of(self.trace))
        yield HEAD
        yield f"<title>{title}</title>"
        yield "<style>"
        yield from css()
        yield "</style>"
        yield "</head>"
        yield "<body>"
        yield f"<header><h1>{title}</h1>"
        yield BODY
        yield "</header>"
        yield '<figure id="circuit" aria-label="The circuit" style="margin:0">'
        scenes = [scene_of(self.wording, each.picture, each.circuit) for each in self.groups.values()]
        yield from self.still(scenes)
        yield "</figure>"
        yield PANES
        yield "<noscript><p>This page needs scripts to step; it shows the last step.</p></noscript>"
        yield '<script type="application/json" id="trace">'
        source = list(map(visible, trace.program.lines)) if trace.program else []
        yield from (
            f'{{"total":{len(trace)},"across":{ACROSS},"source":{packed(source)},',
            f'"steps":{packed([index + 1 for index in self.steps])},',
            '"pictures":[',
        )
        for k, scene in enumerate(scenes):
            yield packed(svg_of(scene, template(scene))) + ("," if k < len(scenes) - 1 else "")
        yield '],"events":['
        for place, row in enumerate(self.rows(scenes)):
            yield row + ("," if place < len(self.steps) - 1 else "")
        yield "]}"
        yield "</script>"
        yield "<script>"
        yield SCRIPT
        yield "</script>"
        yield "</body>"
        yield "</html>"

    def still(self, scenes: Sequence[Scene]) -> Iterator[str]:
        """Yield the picture at the last step: what is seen without scripts."""
        index = self.steps[-1]
        scene = scene_of(self.wording, self.pictures[-1])
        moment = moment_at(scene, self.wording, index + 1)
        yield svg_of(scene, chain(definitions(), drawing(scene, moment)))

    def rows(self, scenes: Sequence[Scene]) -> Iterator[str]:
        """Yield, for every event that is told, what its step says and changes."""
        before, index_before, moment = None, -1, None
        known: list[tuple[str, str]] = []
        for index, picture in zip(self.steps, self.pictures, strict=True):
            number = self.groups[self.key_of[id(picture)]].number
            scene = scenes[number]
            scene = replace(scene, picture=scene.picture._replace(nodes=picture.nodes))
            fresh = picture is not before
            # Where inputs are given other values from outside, any number may change at any step.
            near = index == index_before + 1 and not fresh and self.trace.program is not None
            moment = moment_at(scene, self.wording, index + 1, before=moment if near else None)
            if fresh:
                known = [("", "")] * len(moment.numbers)
            now = [("\n".join(value), "\n".join(gradient)) for value, gradient in moment.numbers]
            event = self.trace[index]
            yield packed(
                [
                    one_line(sentence(self.wording, event)),
                    [line for line in told(self.wording, event) if line],
                    self.span(event),
                    [number, self.texts(picture)] if fresh else None,
                    changes(known, now),
                    moment.activity.vertices,
                    list(dict.fromkeys(scene.wires.index(scene.same_wire(edge)) for edge in moment.activity.edges)),
                    moment.activity.upstream,
                    moment.activity.changed,
                    int(moment.backward),
                    moment.local,
                ]
            )
            before, index_before, known = picture, index, now

    def texts(self, picture: Picture) -> list[tuple[int, str, str, str]]:
        """Return, for every vertex, the step that computed it, and what is called what and told of it."""
        found = []
        for node, vertex in zip(picture.nodes, picture.circuit.vertices, strict=True):
            name = "" if vertex.leaf else label_of(self.wording.name(node))
            words = one_line(definition(self.wording, node))
            found.append((self.trace.forward_index(node) + 1, boxed(vertex), name, words))
        return found

    def span(self, event: Event) -> Span | None:
        """Return the stretch of the program that an event is about; of an edge, that of its gate."""
        if isinstance(event, (Forward, Update, Print)):
            return event.span
        return self.trace.span(event.node)


def changes(known: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]]) -> list[tuple[int, int, str]]:
    """List what numbers are new: the vertex, 0 for its value or 1 for its gradient, the lines."""
    return [
        (vertex, side, after[side])
        for vertex, (before, after) in enumerate(zip(known, now, strict=True))
        for side in (0, 1)
        if before[side] != after[side]
    ]


def packed(data: Any) -> str:
    """Write data as JSON that may stand inside a script: no text of a program ends it, or begins a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def svg_of(scene: Scene, inside: Iterator[str]) -> str:
    """Return a drawing inside a page."""
    width, height = size(scene)
    least = SMALLEST * width
    head = (
        f'<svg viewBox="0 0 {shown(width)} {shown(height)}" role="img" aria-label="the circuit" '
        f'style="width:min({shown(width)}px,max(100%,{shown(least)}px))">'
    )
    return "".join([head, *inside, "</svg>"])


def css() -> Iterator[str]:
    """Yield the style: of the page, and of the pictures in it."""
    yield from root(LIGHT)
    yield "@media (prefers-color-scheme:dark){"
    yield from root(DARK)
    yield "}"
    yield "@media print{"
    yield from root(LIGHT)
    yield "}"
    yield STYLE
    yield from (f"svg {line}" if line[0] != "." else f"#circuit {line}" for line in SHAPES)
    yield from (f"#circuit {line}" for line in colours({role: f"var(--{role})" for role in LIGHT}))


def root(palette: Mapping[str, str]) -> Iterator[str]:
    """Yield colours as variables."""
    yield f":root{{--mono:{MONO};{';'.join(f'--{role}:{colour}' for role, colour in palette.items())}}}"
