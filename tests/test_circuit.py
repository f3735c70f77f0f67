"""The circuit's layout: golden drawings, and a reader who finds the graph again in every drawing.

Run with ``STEPGRAD_GOLDEN=write`` to draw the golden texts anew; then look at what has changed.
"""

import os
import random
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest

from stepgrad.circuit import SPACINGS, SYMBOLS, Circuit, Point, Vertex, fit, lay_out

GOLDEN = Path(__file__).parent / "golden" / "circuits"
ROOMY, MIDDLE, TIGHT = SPACINGS[1], SPACINGS[4], SPACINGS[-1]


def circuit_of(program: str, columns=5, lines=1, matrices=()) -> Circuit:
    """Build a circuit from lines such as ``w0 x0`` (leaves) and ``p = × w0 x0``."""
    places, vertices, operands = {}, [], []
    for line in filter(None, map(str.split, program.replace(";", "\n").splitlines())):
        gates = [(line[0], line[2], line[3:])] if line[1:2] == ["="] else [(name, name, []) for name in line]
        for name, label, uses in gates:
            places[name] = len(vertices)
            wide, high = (11, 2) if name in matrices else (columns, lines)
            vertices.append(Vertex(label, not uses, wide, high))
            operands.append(tuple(places[each] for each in uses))
    return Circuit(tuple(vertices), tuple(operands))


def mlp(inputs: int, hidden: int) -> str:
    lines = [" ".join(f"x{i}" for i in range(inputs))]
    for j in range(hidden):
        lines.append(" ".join(f"w{j}{i}" for i in range(inputs)) + f" b{j}")
        lines += [f"p{j}{i} = × w{j}{i} x{i}" for i in range(inputs)]
        total = f"p{j}0"
        for i in range(1, inputs):
            lines.append(f"s{j}{i} = + {total} p{j}{i}")
            total = f"s{j}{i}"
        lines += [f"t{j} = + {total} b{j}", f"h{j} = tanh t{j}"]
    lines += [f"v{j}; q{j} = × v{j} h{j}" for j in range(hidden)]
    total = "q0"
    for j in range(1, hidden):
        lines.append(f"r{j} = + {total} q{j}")
        total = f"r{j}"
    return ";".join([*lines, f"c y; o = + {total} c; e = - o y; l = x² e"])


SIGMOID = "w0 x0 w1 x1 w2; a = × w0 x0; b = × w1 x1; c = + a b; d = + c w2; m = ×-1 d; h = exp m; z = +1 h; f = 1/x z"
CIRCUITS = {
    "sigmoid": circuit_of(SIGMOID),
    "fan_out": circuit_of("x; a = σ x; b = exp x; c = x² x; d = + a b; f = + d c"),
    "diamond": circuit_of("x; s = x² x; a = sin s; b = cos s; f = × a b"),
    "chain": circuit_of("x; a = exp x; b = sin a; c = ×-1 b; d = +1 c; e = 1/x d; g = log e; f = x² g"),
    "wide_sum": circuit_of("x0 x1 x2 x3 x4 x5 x6 x7; f = sum x0 x1 x2 x3 x4 x5 x6 x7"),
    "dot": circuit_of(
        "w0 x0 w1 x1 w2 x2 w3 x3; a = × w0 x0; b = × w1 x1; c = × w2 x2; d = × w3 x3; e = + a b; g = + e c; f = + g d"
    ),
    "shared": circuit_of("x y; s = + x y; a = × s x; b = - s y; f = / a b"),
    "square": circuit_of("x y; s = × x x; f = - y s"),
    "mlp": circuit_of(mlp(2, 3)),
    "mlp_small": circuit_of(mlp(2, 2)),
    "staged": circuit_of(
        "x y; sigy = σ y; num = + x sigy; sigx = σ x; xpy = + x y; xpysqr = x² xpy; den = + sigx xpysqr; "
        "invden = 1/x den; f = × num invden"
    ),
    "matrix": circuit_of("W x; q = @ W x; f = ‖x‖² q", matrices=("W",), columns=11),
    "patterns": circuit_of("x y z w; a = × x y; b = max z w; c = + a b; f = ×2 c"),
    "two_outputs": circuit_of("x y z; a = × x y; f = exp a; g = sin z"),
    "swap": circuit_of("x y; a = σ x; b = exp y; c = - b a; d = + a b; f = × c d"),
    "one": circuit_of("x"),
}
SETTINGS = {"roomy": ROOMY, "middle": MIDDLE, "tight": TIGHT, "symbols": SYMBOLS[0]}
GOLDENS = [
    *((name, setting) for name in CIRCUITS for setting in ("roomy", "tight")),
    *((name, "symbols") for name in ("sigmoid", "staged", "mlp", "two_outputs")),
]


def numbers(vertex: int, most: int, sign: str) -> str:
    number = f"{sign}{vertex * 37 % 40 / 10:.2f}"
    return (f"[{number} {number}]" if most >= 11 else number)[:most]


def picture(layout, active_vertices=(), active_edges=(), ascii_only=False) -> list[str]:
    """Draw a layout with made-up numbers; none may be written where something stands."""
    rows = [[" "] * layout.width for _ in range(layout.height)]
    for (x, y), cell in layout.draw(active_vertices, active_edges, ascii_only=ascii_only).items():
        assert len(cell.character) == 1
        assert 0 <= x < layout.width and 0 <= y < layout.height
        assert rows[y][x] == " "
        rows[y][x] = cell.character
    for i, vertex in enumerate(layout.circuit.vertices):
        for (x, y), sign in ((layout.value_at[i], ""), (layout.gradient_at[i], "-")):
            for line in range(vertex.lines):
                for step, character in enumerate(numbers(i, vertex.columns, sign)):
                    assert rows[y + line][x + step] == " "
                    rows[y + line][x + step] = character
    return ["".join(row).rstrip() for row in rows]


def compare(name: str, lines: list[str]):
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("STEPGRAD_GOLDEN") == "write":
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert "\n".join(lines) + "\n" == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "setting"), GOLDENS)
def test_golden(name, setting):
    compare(f"{name}.{setting}", picture(lay_out(CIRCUITS[name], SETTINGS[setting])))


def test_golden_active():
    layout = lay_out(CIRCUITS["staged"], MIDDLE)
    compare("staged.active", picture(layout, (5,), [(5, 0)]))
    compare("staged.active.ascii", picture(layout, (5,), [(5, 0)], ascii_only=True))
    compare("mlp.ascii", picture(lay_out(CIRCUITS["mlp"], TIGHT), ascii_only=True))


def narrow(circuit: Circuit) -> Circuit:
    """Give the sigmoid's vertices the widths of their true numbers."""
    short = (8, 12)
    return circuit._replace(
        vertices=tuple(v._replace(columns=4) if i in short else v for i, v in enumerate(circuit.vertices))
    )


@pytest.mark.parametrize(("width", "height"), [(118, 17), (78, 12)])
def test_sigmoid_fits_the_screens_it_was_designed_for(width, height):
    layout = fit(narrow(CIRCUITS["sigmoid"]), width, height)
    assert layout.width <= width
    assert layout.height <= height
    compare(f"sigmoid.{width}x{height}", picture(layout))


def test_nothing_fits_a_stamp():
    circuit = CIRCUITS["sigmoid"]
    assert fit(circuit, 5, 5) == lay_out(circuit, TIGHT)
    assert fit(circuit, 500, 500) == lay_out(circuit, SPACINGS[0])
    assert fit(Circuit((), ()), 5, 5).draw() == {}


def test_chains_are_straight():
    layout = lay_out(CIRCUITS["sigmoid"], ROOMY)
    middles = [box.y + box.height // 2 for box in layout.boxes]
    assert len(set(middles[8:])) == 1
    assert middles[5] * 2 == middles[0] + middles[1], "a gate in the middle of its operands"


def test_operands_enter_by_slot():
    for name in ("sigmoid", "staged", "dot", "square", "wide_sum", "patterns"):
        layout = lay_out(CIRCUITS[name], ROOMY)
        for target, operands in enumerate(layout.circuit.operands):
            if len(dict.fromkeys(operands)) > 1:
                heights = [entry_row(layout.wires[target, slot]) for slot in range(len(operands))]
                assert heights == sorted(heights), f"{name} {target}"


def entry_row(wire) -> int:
    """Return the row from which a wire comes to its bracket."""
    turns = [here.y for here, there in pairwise(wire) if here.x != there.x]
    last = turns[-1] if turns else wire[0].y
    others = [y for y in turns if y != last]
    return others[-1] if others else last


# The reader: knows characters, boxes and places, and nothing of how they came to be.

WORDS = {"UP": "u", "DOWN": "d", "LEFT": "l", "RIGHT": "r", "VERTICAL": "ud", "HORIZONTAL": "lr"}
ARCS = {"╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu"}
STEPS = {"u": (0, -1), "d": (0, 1), "l": (-1, 0), "r": (1, 0)}
BACK = {"u": "d", "d": "u", "l": "r", "r": "l"}


def weights(character: str) -> dict[str, str]:
    """Read from a character's Unicode name in what directions it has a line, and how heavy."""
    if character in ARCS:
        return dict.fromkeys(ARCS[character], "LIGHT")
    if character == "●":
        return dict.fromkeys("udlr", "LIGHT")
    words = unicodedata.name(character).removeprefix("BOX DRAWINGS ").replace(" AND ", " ").split()
    found, weight, waiting = {}, None, ""
    before = words[0] in ("LIGHT", "HEAVY")
    for word in words:
        if word in ("LIGHT", "HEAVY"):
            weight = word
            if not before:
                found.update(dict.fromkeys(waiting, weight))
                waiting = ""
        elif before:
            found.update(dict.fromkeys(WORDS[word], weight))
        else:
            waiting += WORDS[word]
    return found


def lines_at(cells, point) -> dict[str, str]:
    """Read the lines of a cell; a dot has those that its neighbours have towards it."""
    return weights(cells[point].character) if point in cells and cells[point].kind == "wire" else {}


def read(layout) -> dict[int, set[int]]:
    """Follow every wire from its box through the drawn lines, never to the left, to the boxes where it ends."""
    cells = layout.draw()
    gates = {}
    for i, (vertex, box) in enumerate(zip(layout.circuit.vertices, layout.boxes)):
        if not vertex.leaf:
            gates[box.x - (box.height == 1), box.y + box.height // 2] = i
    found = {}
    for i, box in enumerate(layout.boxes):
        start = (box.x + box.width + (box.height == 1), box.y + box.height // 2)
        ways, seen, ends = [(start, "r")], set(), set()
        while ways:
            (x, y), heading = ways.pop()
            if heading == "r" and (x, y) in gates:
                ends.add(gates[x, y])
                continue
            if ((x, y), heading) in seen or (x, y) not in cells:
                continue
            seen.add(((x, y), heading))
            cell = cells[x, y]
            assert cell.kind == "wire", f"a wire runs into a {cell.kind}"
            lines = weights(cell.character)
            assert BACK[heading] in lines, f"a wire of {i} ends at {cell.character}"
            onward = (
                [heading] if cell.character == "┼" else [each for each in lines if each not in ("l", BACK[heading])]
            )
            for each in onward:
                beside = x + STEPS[each][0], y + STEPS[each][1]
                if cell.character != "●" or beside in gates or BACK[each] in lines_at(cells, beside):
                    ways.append((beside, each))
        found[i] = ends
    return found


def check(layout):
    """Check all that a drawing promises."""
    circuit = layout.circuit
    consumers = {i: set() for i in range(len(circuit.vertices))}
    for target, operands in enumerate(circuit.operands):
        for operand in operands:
            consumers[operand].add(target)
    assert read(layout) == consumers
    used = areas(layout)
    check_wires(layout, used)
    picture(layout)


def areas(layout) -> dict[Point, str]:
    """Return the cells of boxes, names and numbers; no two may be the same."""
    used = {}
    for i, (vertex, box) in enumerate(zip(layout.circuit.vertices, layout.boxes)):
        assert box.height == 1 or (box.height == 3 and not vertex.leaf)
        parts = [(f"box {i}", box.x, box.y, box.width, box.height)]
        parts += [
            (f"numbers {i}", x, y, vertex.columns, vertex.lines) for x, y in (layout.value_at[i], layout.gradient_at[i])
        ]
        middle = box.y + box.height // 2
        assert layout.value_at[i].y + vertex.lines == middle == layout.gradient_at[i].y - 1
        assert 0 <= layout.value_at[i].x - (box.x + box.width) <= 2, "numbers stand right of their box"
        for name, left, top, width, height in parts:
            for x in range(left, left + width):
                for y in range(top, top + height):
                    assert (x, y) not in used, f"{name} on {used[x, y]}"
                    assert 0 <= x < layout.width and 0 <= y < layout.height
                    used[Point(x, y)] = name
    return used


def check_wires(layout, used):
    """Check that wires are connected, touch nothing, and share cells only as they may."""
    circuit, cells = layout.circuit, layout.draw()
    at = {}
    for (target, slot), wire in layout.wires.items():
        source = circuit.operands[target][slot]
        box, end = layout.boxes[source], layout.boxes[target]
        assert wire[0] == (box.x + box.width + (box.height == 1), box.y + box.height // 2)
        assert wire[-1] == (end.x - 1 - (end.height == 1), end.y + end.height // 2)
        assert len(set(wire)) == len(wire), "a wire does not cross itself"
        for here, there in pairwise(wire):
            assert abs(here.x - there.x) + abs(here.y - there.y) == 1
            assert here.x <= there.x, "a wire never runs to the left"
        for i, point in enumerate(wire):
            assert point not in used, f"{used.get(point)} on a wire"
            at.setdefault(point, []).append((source, target, wire, i))
    assert sorted(layout.wires) == sorted((t, s) for t, ops in enumerate(circuit.operands) for s in range(len(ops)))
    for vertex, wire in layout.stubs.items():
        assert wire
        assert not any(vertex in operands for operands in circuit.operands)
        for point in wire:
            assert point not in at and point not in used
    for point, here in at.items():
        for source, target, wire, i in here[1:]:
            first_source, first_target, first, j = here[0]
            if source == first_source:
                continue
            if crosses(wire, i) + crosses(first, j) == 3:
                assert cells[point].character == "┼"
            else:
                assert target == first_target and wire[i:] == first[j:], "wires meet only where they enter a gate"


def crosses(wire, i) -> int:
    """Return 1 where a wire goes straight across, 2 where straight up or down, 0 where it turns."""
    back = wire[i - 1] if i else Point(wire[i].x - 1, wire[i].y)
    forth = wire[i + 1] if i + 1 < len(wire) else Point(wire[i].x + 1, wire[i].y)
    return 1 if back.y == forth.y else 2 if back.x == forth.x else 0


def random_circuit(rng: random.Random, size: int) -> Circuit:
    """Draw a graph: few or many leaves, short or long wires, gates of up to five operands."""
    leaves, reach, most = rng.choice([0.1, 0.3, 0.5]), rng.choice([3, 8, 80]), rng.choice([1, 2, 2, 3, 5])
    vertices, operands = [], []
    for i in range(size):
        leaf = not i or rng.random() < leaves
        label = f"x{i}" if leaf else rng.choice(["×", "+", "exp", "tanh"])
        vertices.append(Vertex(label, leaf, rng.randint(0, 7), rng.choice([1, 1, 1, 2])))
        count = 0 if leaf else rng.randint(0 if rng.random() < 0.05 else 1, most)
        operands.append(tuple(rng.randrange(max(0, i - reach), i) for _ in range(count)))
    return Circuit(tuple(vertices), tuple(operands))


@pytest.mark.parametrize("name", CIRCUITS)
@pytest.mark.parametrize("spacing", SPACINGS + SYMBOLS)
def test_a_reader_finds_the_graph_again(name, spacing):
    check(lay_out(CIRCUITS[name], spacing))


@pytest.mark.parametrize("seed", range(40))
def test_a_reader_finds_any_graph_again(seed):
    rng = random.Random(seed)
    for _ in range(10):
        size = rng.choice([1, 2, 3, 5, 8, 13, 20, 30])
        check(lay_out(random_circuit(rng, size), rng.choice(SPACINGS + SYMBOLS)))
    check(lay_out(random_circuit(rng, rng.randint(30, 80)), rng.choice(SPACINGS + SYMBOLS)))


def check_active(layout, edge):
    """Check that exactly one edge's wire is heavy, and that nothing else has changed."""
    target = edge[0]
    light, heavy = layout.draw(), layout.draw((target,), (edge,))
    wire = layout.wires[edge]
    expected = {}
    for i, point in enumerate(wire):
        before = wire[i - 1] if i else Point(point.x - 1, point.y)
        after = wire[i + 1] if i + 1 < len(wire) else Point(point.x + 1, point.y)
        expected[point] = {name for name, (x, y) in STEPS.items() if (point.x + x, point.y + y) in (before, after)}
    assert light.keys() == heavy.keys()
    for point, cell in heavy.items():
        assert cell.kind == light[point].kind
        if cell.kind == "wire":
            assert cell.active == (point in expected)
            lines = weights(cell.character)
            assert lines.keys() == weights(light[point].character).keys()
            if cell.character != "●":
                assert {name for name in lines if lines[name] == "HEAVY"} == expected.get(point, set())
        elif cell.kind == "box":
            mine = inside(layout, target, point)
            assert cell.active == mine
            of_source = point == (wire[0].x - 1, wire[0].y)
            assert ("HEAVY" in weights(cell.character).values()) == (mine or of_source)
        else:
            assert cell.character == light[point].character
            assert cell.active == inside(layout, target, point)
    assert not any(cell.active for cell in light.values())


def inside(layout, vertex, point) -> bool:
    box = layout.boxes[vertex]
    return box.x <= point.x < box.x + box.width and box.y <= point.y < box.y + box.height


@pytest.mark.parametrize("name", CIRCUITS)
def test_only_the_active_edge_is_heavy(name):
    for spacing in (ROOMY, TIGHT, SYMBOLS[0]):
        layout = lay_out(CIRCUITS[name], spacing)
        for edge in layout.wires:
            check_active(layout, edge)


def test_only_the_active_edge_is_heavy_in_any_graph():
    rng = random.Random(7)
    for _ in range(60):
        layout = lay_out(random_circuit(rng, rng.randint(2, 25)), rng.choice(SPACINGS))
        for edge in rng.sample(sorted(layout.wires), min(3, len(layout.wires))):
            check_active(layout, edge)


@pytest.mark.parametrize("name", CIRCUITS)
def test_ascii_lines_are_ascii(name):
    for cell in lay_out(CIRCUITS[name], TIGHT).draw(ascii_only=True).values():
        assert cell.kind in ("label", "name") or cell.character in "+-|o"


def test_an_operand_used_twice_is_one_wire():
    layout = lay_out(CIRCUITS["square"], ROOMY)
    assert layout.wires[2, 0] == layout.wires[2, 1]


def test_drawing_twice_draws_the_same():
    circuit = random_circuit(random.Random(3), 60)
    assert lay_out(circuit, ROOMY) == lay_out(circuit, ROOMY)
    assert list(lay_out(circuit, ROOMY).draw().items()) == list(lay_out(circuit, ROOMY).draw().items())


@pytest.mark.parametrize("size", [400, 2000])
def test_deep_and_large_graphs(size):
    chain = Circuit(
        (Vertex("x", True, 4), *[Vertex("exp", False, 4)] * size), ((), *((vertex,) for vertex in range(size)))
    )
    layout = lay_out(chain, TIGHT)
    assert layout.height == 3
    assert {point.y for wire in layout.wires.values() for point in wire} == {1}
    check(lay_out(random_circuit(random.Random(size), 200), TIGHT))
