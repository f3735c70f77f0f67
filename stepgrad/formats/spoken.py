"""Spoken: a step told in words for a page: what happens, with names, with numbers, by which rule."""

from __future__ import annotations

from collections.abc import Sequence

from stepgrad.events import Backward, Event, Forward, Print, Seed, Update
from stepgrad.formats.scene import sentence
from stepgrad.gate import in_parentheses
from stepgrad.linear import LinearMap
from stepgrad.ops import INPUT
from stepgrad.style import beside, cells, one_line
from stepgrad.tensor import Tensor, show_shape
from stepgrad.wording import Wording

WIDE = 84  # cells of matrices side by side
Words = tuple[str, str]  # a text and its role; with `!`, it is bold


def told(wording: Wording, event: Event) -> list[list[Words]]:
    """Tell a step as lines: what happens, with names, with numbers, by which rule."""
    sign = wording.style.sign
    match event:
        case Forward():
            lines = forward_lines(wording, event)
        case Seed():
            name = wording.name(event.node)
            lines = [[(f"Backward begins at {name}", "!")]]
            lines += values(wording, wording.seeded(event), event.gradient, "gradient!")
            lines.append([("The seed: the output changes by 1 for each 1 that it changes.", "words")])
        case Backward():
            way = sign(f"{wording.name(event.node)} → {wording.name(event.operand)}")
            lines = [[("Backward ", "!"), (way, ""), (f"  through {wording.label_of(event.node)}", "dim")]]
            of_tensors = isinstance(event.local, LinearMap)
            lines += tensor_lines(wording, event) if of_tensors else number_lines(wording, event)
            lines += fork_lines(wording, event)
        case Update():
            lines = [[("Update ", "!"), (sentence(wording, event), "")]]
            if isinstance(event.new, Tensor):
                lines += [[(line, "value")] for line in beside(wording.old_and_new(event))]
        case Print():
            lines = [[("Print", "!")], [(one_line(event.text), "value")]]
    if isinstance(event, (Forward, Backward)) and event.note:
        lines.append([("note: ", "!"), (sign(event.note), "note")])
    if isinstance(event, Backward):
        gate = wording.trace.node(event.node).gate
        lines.append([(f"{wording.label_of(event.node)} {sign(gate.words)}.", "words")])
    return [[(one_line(text), role) for text, role in line] for line in lines]


def forward_lines(wording: Wording, event: Forward) -> list[list[Words]]:
    """Tell what was computed, from what."""
    name = wording.name(event.node)
    if not event.operands:
        given = "an input: it gets a gradient" if event.gate is INPUT else "a constant: no gradient flows to it"
        return [[("Forward ", "!"), (f"{name} is {given}", "")], *values(wording, name, event.value, "value!")]
    lines: list[list[Words]] = [[("Forward ", "!"), (f"{name} = {wording.expression(event)}", "")]]
    used = dict.fromkeys(each for each in event.operands if isinstance(each, int))
    blocks = [values(wording, wording.name(o), wording.trace.value_at(o, event.step), "value") for o in used]
    lines += side_by_side([*blocks, values(wording, name, event.value, "value!")])
    return [*lines, [(f"Backward it {wording.style.sign(event.gate.words)}.", "words")]]


def values(wording: Wording, name: str, array: object, role: str) -> list[list[Words]]:
    """Tell that a name is a value, a matrix on several lines."""
    label = f"{name} {wording.style.equals(array)} "
    lines = beside([(label, wording.style.rows(array))])
    shape = f"  {show_shape(array.shape)}" if isinstance(array, Tensor) else ""
    return [[(label, ""), (lines[0][len(label) :], role), (shape, "dim")], *([(line, role)] for line in lines[1:])]


def number_lines(wording: Wording, event: Backward) -> list[list[Words]]:
    """Tell the chain rule of numbers."""
    style, output = wording.style, wording.output(event)
    node, operand = wording.name(event.node), wording.name(event.operand)
    result, becomes = wording.partial(output, operand), "=" if event.first else "+="
    upstream, local, product = wording.arithmetic(event)
    indent = " " * (cells(result) + 1)
    lines: list[list[Words]] = [
        [
            (f"{result} {becomes} ", ""), (wording.partial(output, node), "upstream"),
            (style.sign(" · "), ""), (wording.partial(node, operand), "local"),
        ],
        [
            (f"{indent}{style.equals(event.upstream, event.local):>{len(becomes)}} ", ""), (upstream, "upstream!"),
            (style.sign(" × "), ""), (in_parentheses(local), "local!"),
            (f" {style.equals(event.upstream, event.local, event.product)} ", ""), (product, "gradient!"),
        ],
    ]  # fmt: skip
    rule = wording.local_rule(event)
    return [*lines, [("where ", ""), (rule, "local")]] if rule else lines


def tensor_lines(wording: Wording, event: Backward) -> list[list[Words]]:
    """Tell the chain rule of tensors, then its matrices."""
    blocks = wording.factors(event)
    products = 1 if event.first else 2
    roles = ["upstream", *["local"] * (len(blocks) - 1 - products), *["gradient!"] * products]
    columns: list[list[list[Words]]] = []
    for block, role in zip(blocks, roles, strict=True):
        label, rows = block[0], beside([block])
        columns.append([[(label, ""), (rows[0][len(label) :], role)], *([(row, role)] for row in rows[1:])])
    return [[(wording.equation(event), "")], *side_by_side(columns)]


def side_by_side(blocks: Sequence[list[list[Words]]]) -> list[list[Words]]:
    """Set blocks of lines side by side where matrices are among them and there is room, else one below the other."""
    widths = [max(sum(cells(text) for text, _ in line) for line in block) for block in blocks]
    if all(len(block) == 1 for block in blocks) or sum(widths) + 3 * len(blocks) > WIDE:
        return [line for block in blocks for line in block]
    lines: list[list[Words]] = []
    for row in range(max(map(len, blocks))):
        lines.append([])
        for block, width in zip(blocks, widths, strict=True):
            words = block[row] if row < len(block) else []
            lines[-1] += [*words, (" " * (width + 3 - sum(cells(text) for text, _ in words)), "")]
    return lines


def fork_lines(wording: Wording, event: Backward) -> list[list[Words]]:
    """Tell the addition where gradients meet."""
    if event.first:
        return []
    style = wording.style
    if isinstance(event.total, Tensor):
        name = wording.partial(wording.output(event), wording.name(event.operand))
        return [[(f"gradients add at forks: {name} += product", "note")]]
    before = wording.trace.gradient_at(event.operand, event.step - 1)
    added = f"{style.number(before)} + {in_parentheses(style.number(event.product))}"
    relation = style.equals(before, event.product, event.total)
    return [[(f"gradients add at forks: {added} {relation} ", "note"), (style.number(event.total), "gradient!")]]
