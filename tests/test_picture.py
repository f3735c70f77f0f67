"""The picture of a pass, and the pages of the screen: all without a terminal."""

import pytest

from stepgrad import Cursor, run
from stepgrad.picture import MOST_NODES, activity_at, drawn, numbers_at, picture_at
from stepgrad.style import Style, cells
from stepgrad.wording import Wording
from tests.screen import LEARNING, session_of
from tui.keys import HINTS, KEYS, fitting
from tui.plan import PANES, arranged
from tui.session import Session, split_values
from tui.view.bars import Timeline, status_line
from tui.view.circuit import CircuitPage
from tui.view.events import EventsPage
from tui.view.help import help_page
from tui.view.loss import LossPage
from tui.view.page import Words, clipped, clipped_start, cut, in_ascii, in_cells, plain_text, width_of
from tui.view.source import source_page
from tui.view.step import step_page
from tui.view.tensors import tensor_page
from tui.view.values import ValuesPage


def text_of(page):
    return "\n".join(plain_text(page.line(y)).rstrip() for y in range(page.height))


def roles_of(page, text):
    return [words.role for y in range(page.height) for words in page.line(y) if text in words.text]


def at(program, place):
    session = session_of(program)
    session.cursor.go(str(place))
    return session


# The picture


def test_what_the_output_does_not_depend_on_is_not_drawn():
    trace = run("x = 1; unused = 2; lost = x * 3; f = x * 2")
    picture = picture_at(Wording(trace), 1)
    assert [trace.name(node) for node in picture.nodes] == ["x", "f"]
    assert picture.circuit.operands == ((), (0,))
    assert [vertex.label for vertex in picture.circuit.vertices] == ["x", "×2"]


def test_constants_are_drawn_and_have_no_gradient():
    trace = run("X = constant([1, 2]); w = 3; f = sum(w * X)")
    wording, cursor = Wording(trace), Cursor(trace)
    cursor.end()
    picture = picture_at(wording, 1)
    numbers = numbers_at(picture, cursor, wording)
    constant = picture.nodes.index(trace.find("X"))
    assert numbers[constant].value == ("[1.00 2.00]",)
    assert numbers[constant].gradient == ()


def test_numbers_appear_when_their_step_is_reached():
    trace = run("x = 2.0; y = 3.0; f = x * y")
    wording, cursor = Wording(trace), Cursor(trace)
    picture = picture_at(wording, 1)
    found = []
    while True:
        found.append(sum(len(each.value) + len(each.gradient) for each in numbers_at(picture, cursor, wording)))
        if not cursor.step():
            break
    assert found == [1, 2, 3, 4, 5, 6]


def test_room_is_kept_for_every_number_that_will_come():
    for program in ("sigmoid", "staged", "matrix", "bias", "patterns", LEARNING):
        session = session_of(program)
        for position in range(1, len(session.trace) + 1):
            session.cursor.seek(position)
            picture = picture_at(session.wording, position)
            for vertex, numbers in zip(
                picture.circuit.vertices, numbers_at(picture, session.cursor, session.wording), strict=True
            ):
                assert all(len(line) <= vertex.columns for line in (*numbers.value, *numbers.gradient))
                assert max(len(numbers.value), len(numbers.gradient)) <= vertex.lines


def test_what_is_active():
    trace = run("x = 2.0; f = x * x + 3 * x")
    wording = Wording(trace)
    picture = picture_at(wording, 1)
    place = {trace.name(node): vertex for vertex, node in enumerate(picture.nodes)}
    cursor = Cursor(trace, 4)  # f
    assert activity_at(picture, cursor).edges == ((place["f"], 0), (place["f"], 1))
    cursor.seek(5)  # the seed
    assert activity_at(picture, cursor).changed == place["f"]
    edges = []
    for position in range(6, len(trace) + 1):
        cursor.seek(position)
        active = activity_at(picture, cursor)
        edges.append(active.edges[0])
        assert picture.circuit.operands[active.edges[0][0]][active.edges[0][1]] == active.changed
    assert len(set(edges)) == len(edges)


def test_a_large_pass_is_drawn_around_the_step():
    lines = [
        "x = 1.0",
        *(f"y{k} = x * {k}" for k in range(MOST_NODES)),
        "f = " + " + ".join(f"y{k}" for k in range(60)),
    ]
    trace = run("\n".join(lines))
    for position in range(1, len(trace) + 1, 7):
        picture = picture_at(Wording(trace), position)
        assert len(picture.nodes) <= MOST_NODES
        assert set(trace.nodes_at(position - 1)) <= set(picture.nodes)
        for vertex, operands in enumerate(picture.circuit.operands):
            assert all(operand < vertex for operand in operands)


def test_small_tensors_are_drawn_and_large_ones_have_a_shape():
    wording = Wording(run("W = [[1, 2], [3, 4]]; V = [[1, 2], [3, 4], [5, 6]]; f = sum(W) + sum(V)"))
    assert drawn(wording.trace.value_at(0, 99), wording) == ("[1.00 2.00]", "[3.00 4.00]")
    assert drawn(wording.trace.value_at(1, 99), wording) == ("(3, 2)",)


# Pages


def test_the_circuit_page_shows_the_lecture():
    page = CircuitPage(at("sigmoid", 17), 116, 18)
    text = text_of(page)
    for word in ("w0", "exp", "×-1", "1/x", "-0.53", "×0.37", "0.73"):
        assert word in text
    assert roles_of(page, "-0.20") == ["gradient new"]
    assert roles_of(page, "×0.37") == ["local strong"]
    assert "upstream strong" in roles_of(page, "-0.53")
    assert "┏" in text
    assert page.focus is not None
    symbols = CircuitPage(at("sigmoid", 17), 116, 18, boxed=False)
    assert "╭───╮" not in text_of(symbols)


@pytest.mark.parametrize(
    ("place", "lines"),
    [
        (1, ["Forward w0 is an input: it gets a gradient"]),
        (11, ["Forward h = exp(m)", "  m = -1.00", "  h ≈ 0.37"]),
        (14, ["Backward begins at f", "  ∂f/∂f = 1.00"]),
        (
            17,
            [
                "Backward h → m  through exp",
                "  ∂f/∂m = ∂f/∂h · ∂h/∂m",
                "        ≈ -0.53 × 0.37 ≈ -0.20",
                "  where ∂h/∂m = h",
            ],
        ),
    ],
)
def test_the_step_page(place, lines):
    text = text_of(step_page(at("sigmoid", place), 100))
    for line in lines:
        assert line in text.splitlines()


def test_the_step_page_adds_at_forks():
    text = text_of(step_page(at("staged", 20), 100))
    assert "  gradients add at forks: 1.58 + (-0.04) ≈ 1.55" in text
    assert "∂f/∂x += " in text


def test_the_step_page_says_which_convention_was_used():
    text = text_of(step_page(at("x = 0.0; f = relu(x)", 4), 60))
    assert "note relu at 0: relu′(0) = 0, by convention" in text


def test_an_opened_step():
    session = at("matrix", 9)
    session.cursor.open()
    session.cursor.step()
    text = text_of(step_page(session, 80))
    assert "∂f/∂W[0][1] = ∂f/∂q[0] · ∂q[0]/∂W[0][1]" in text
    assert "0.44 × 0.40 ≈ 0.18" in text
    page = tensor_page(session, 60)
    assert "Jacobian" in text_of(page)
    assert [role for role in roles_of(page, "0.18") if "lit" in role]


def test_the_source_page_lights_the_very_expression():
    page = source_page(at("sigmoid", 11))
    lit = [words.text for y in range(page.height) for words in page.line(y) if "lit" in words.role]
    assert lit == ["exp(m)"]
    spread = source_page(at("x = 2\nf = (x\n  * 3)  # 梯度\tend", 2))
    lit = [words.text for y in range(spread.height) for words in spread.line(y) if "lit" in words.role]
    assert lit == ["(x", "  * ", "3"] or "".join(lit).replace(" ", "") in ("(x*3)", "(x*3", "x*3")
    assert "梯度" in text_of(spread)


def test_control_characters_in_a_source_are_not_drawn():
    page = source_page(at("x = 2  # \x1b]0;title\x07\nf = x * x", 1))
    assert "\x1b" not in text_of(page)
    assert "\x07" not in text_of(page)


def test_the_values_page_shows_what_is_known():
    session = at("sigmoid", 17)
    session.pin()
    page = ValuesPage(session, 60)
    assert text_of(page).splitlines()[1].split() == ["●", "m", "-1.00", "-0.20"]
    session.cursor.go("3")
    rows = {line.split()[0]: line.split()[1:] for line in text_of(ValuesPage(session, 60)).splitlines()[2:]}
    assert rows["w1"] == ["-3.00"]
    assert rows["x1"] == []


def test_the_loss_page_draws_a_curve():
    page = LossPage(session_of(LEARNING), 60, 10)
    assert page.height <= 10
    assert "pass 1 of 6" in text_of(page)
    assert page.step_at(page.margin, 2) == 1
    assert "One pass" in text_of(LossPage(session_of("sigmoid"), 60, 10))
    flat = "x = 1\n" + "; ".join(["f = x * 2; backward(f)"] * 3)
    assert "pass 1 of 3" in text_of(LossPage(session_of(flat), 40, 8))


@pytest.mark.parametrize("width", [1, 8, 20, 60, 100, 200])
def test_every_page_fits_its_width(width):
    for program in ("sigmoid", "matrix", LEARNING, "x = log(-1.0); f = x * x"):
        session = session_of(program)
        session.breakpoints = []
        for position in (1, len(session.trace) // 2 + 1, len(session.trace)):
            session.cursor.seek(position)
            assert width_of(Timeline(session, width).line(0)) <= max(width, 8)
            if width >= 60:
                assert width_of(status_line(session, width)) == width
            events = EventsPage(session, width)
            assert {width_of(events.line(y)) for y in range(events.height)} == {max(width, 24)}
            for page in (step_page(session, width), ValuesPage(session, width), LossPage(session, width, 6)):
                text_of(page)
            CircuitPage(session, width, 10)


def test_the_timeline_has_the_playhead_and_breakpoints():
    session = at("sigmoid", 14)
    session.change_breakpoints("h")
    line = plain_text(Timeline(session, 80).line(0))
    assert line.count("◆") == 1
    assert line.count("●") == 3
    timeline = Timeline(session, 80)
    assert timeline.step_at(line.index("◆"), 0) == 14
    assert timeline.step_at(0, 0) == 1
    assert timeline.step_at(79, 0) is None


# The session


def test_edits_keep_what_makes_sense():
    session = at("sigmoid", 17)
    session.change_breakpoints("h")
    session.change_breakpoints("product < -0.1")
    session.search("exp")
    again = session.edit("w0=3 x0=-2")
    assert again.trace.grads == run(session.program_text, w0=3, x0=-2).grads
    assert again.cursor.position == 17
    assert [each.text for each in again.breakpoints] == ["h", "product < -0.1"]
    other = again.edit_program("h = 2; k = 3; f = exp(h)")
    assert [each.text for each in other.breakpoints] == ["h", "product < -0.1"]
    assert session.trace.value != again.trace.value


def test_breakpoints_come_and_go():
    session = session_of("sigmoid")
    session.toggle_break()
    assert [each.text for each in session.breakpoints] == ["w0"]
    session.toggle_break()
    assert session.breakpoints == []
    session.change_breakpoints("exp")
    session.change_breakpoints("exp")
    assert session.breakpoints == []
    session.change_breakpoints("exp")
    session.change_breakpoints("-")
    assert session.breakpoints == []


def test_playing_stops_at_breakpoints():
    session = session_of("sigmoid")
    session.change_breakpoints("m")
    assert not session.play(100)
    assert session.cursor.position == 10


def test_values_are_split():
    assert split_values("x=1 y = [1, 2], z=-3") == ["x=1", "y = [1, 2]", "z=-3"]
    assert split_values("") == []
    assert split_values("nonsense") == ["nonsense"]


def test_a_step_as_text():
    assert at("sigmoid", 17).step_text().split() == [
        "17",
        "∂f/∂m",
        "=",
        "∂f/∂h",
        "·",
        "∂h/∂m",
        "≈",
        "-0.53",
        "×",
        "0.37",
        "≈",
        "-0.20",
        "∂h/∂m",
        "=",
        "h",
    ]


# The plan


@pytest.mark.parametrize("width", [1, 40, 59, 60, 80, 99, 100, 120, 159, 160, 200, 300])
@pytest.mark.parametrize("height", [1, 10, 15, 16, 21, 33, 47, 90])
def test_panes_tile_the_body(width, height):
    for chosen in PANES:
        for zoomed in (False, True):
            for passes in (1, 5):
                areas = arranged(width, height, chosen, zoomed=zoomed, passes=passes)
                assert chosen in areas
                covered = [
                    (x, y) for a in areas.values() for x in (a.x, a.x + a.width - 1) for y in (a.y, a.y + a.height - 1)
                ]
                assert all(0 <= x < width and 0 <= y < height for x, y in covered)
                assert sum(a.width * a.height for a in areas.values()) == width * height


def test_settings_are_kept_and_survive_damage():
    pytest.importorskip("platformdirs")  # comes with Textual
    from tui.settings import Settings, load_settings, save_settings, settings_path

    assert load_settings() == (Settings(), "")
    assert save_settings(Settings("nord", 4)) == ""
    assert load_settings() == (Settings("nord", 4), "")
    settings_path().write_text('{"theme": 3, "digits": 1, "other": []}', encoding="utf-8")
    assert load_settings() == (Settings("", 1), "")
    for damage in ("[1, 2]", "{", "3", "\x00"):
        settings_path().write_text(damage, encoding="utf-8")
        settings, complaint = load_settings()
        assert settings == Settings()
        assert "set aside" in complaint


def test_settings_are_written_whole_or_not_at_all(monkeypatch, tmp_path):
    pytest.importorskip("platformdirs")
    import tui.settings
    from tui.settings import Settings, load_settings, save_settings, settings_path

    kept = tmp_path / "kept.json"
    save_settings(Settings("nord", 4))
    settings_path().rename(kept)
    settings_path().symlink_to(kept)
    kept.chmod(0o600)
    for place, name in (
        (tui.settings.Path, "mkdir"),
        (tui.settings.Path, "write_text"),
        (tui.settings.Path, "replace"),
    ):

        def fail(*arguments, **options):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(place, name, fail)
            assert save_settings(Settings("dracula", 9)) == "the settings cannot be saved: No space left on device"
        assert load_settings() == (Settings("nord", 4), "")
        assert sorted(each.name for each in tmp_path.rglob("*.json*")) == ["kept.json", "settings.json"]
    assert save_settings(Settings("dracula", 9)) == ""
    assert load_settings() == (Settings("dracula", 9), "")
    assert settings_path().is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_help_lists_every_key():
    for width in (60, 110, 190):
        page = help_page(width)
        assert page.width <= width
        shown = text_of(page)
        for key in KEYS:
            assert " ".join(key.keys) in shown
            if width == 110:
                assert key.words in shown
            assert all(word in shown for word in key.words.split())


def test_cells_are_counted_as_terminals_do():
    assert [cells(text) for text in ("abc", "σ′", "梯度", "e\u0301")] == [3, 2, 4, 1]


def test_a_session_of_python_code_cannot_be_edited():
    from stepgrad import InputError, Tape, Value

    with Tape() as tape:
        x = Value(3.0, name="x")
        (x * x).backward()
    session = Session(tape.trace(), "python", style=Style())
    with pytest.raises(InputError, match="Python code"):
        session.edit("x=2")
    assert "no program text" in text_of(source_page(session))


# What is seen of a page


@pytest.mark.parametrize(
    ("text", "start", "width", "seen"),
    [
        ("── 12.50 ──", 0, 11, "── 12.50 ──"),
        ("── 12.50 ──", 1, 6, "─ …   "),
        ("── 12.50 ──", 4, 7, "   … ──"),
        ("─┤exp├─", 0, 3, "─┤…"),
        ("─────", 2, 2, "──"),
        ("梯度 1", 1, 4, "  … "),
        ("-0.53", 1, 3, "  …"),
        ("", 3, 4, ""),
    ],
)
def test_no_number_is_cut_in_its_middle(text, start, width, seen):
    found = plain_text(cut((Words(text),), start, width))
    assert found == seen
    assert cells(found) == max(min(cells(text) - start, width), 0)


def test_numbers_that_do_not_fit_into_a_table_are_shortened_not_cut():
    session = session_of("x = 123456.789; y = [0.25, 0.5, 0.75]; f = x * sum(y) * -1e200")
    session.cursor.end()
    for width in (24, 30, 40):
        rows = text_of(ValuesPage(session, width)).splitlines()
        assert all(cells(row) <= width for row in rows)
        numbers = [word for row in rows[1:] for word in row.split()[1:]]
        assert all(
            word in ("(3,)", "…") or (word.strip("[],").replace("…", "0") and not word.endswith("…"))
            for word in numbers
        )


def test_names_of_wide_signs_keep_the_circuit_straight():
    session = session_of("梯度 = 2.0; y = 3.0; 损失 = 梯度 * y")
    session.cursor.end()
    page = CircuitPage(session, 80, 16)
    text = text_of(page)
    assert "梯度" in text
    assert "损失" in text
    assert len({width_of(page.line(y)) for y in range(page.top, page.height)}) == 1


def test_texts_are_clipped_by_cells():
    assert [clipped("梯度下降", width) for width in (0, 1, 2, 3, 8)] == ["", "…", "…", "梯…", "梯度下降"]
    assert [clipped_start("a/梯度.sg", width) for width in (0, 1, 4, 6, 9)] == ["", "…", "….sg", "…度.sg", "a/梯度.sg"]
    assert in_cells("a梯b") == ["a", "梯", "", "b"]


@pytest.mark.parametrize(
    "message",
    ["", "a short one", "a sentence that is much longer than what any status line of a terminal has room for " * 2],
)
@pytest.mark.parametrize("program", ["sigmoid", LEARNING])
def test_the_status_line_never_loses_the_step(program, message):
    session = session_of(program)
    session.message = message
    session.title = "a/very/long/path/" * 6 + "梯度.sg"
    session.cursor.end()
    for width in range(20, 200, 3):
        line = status_line(session, width)
        assert width_of(line) <= width
        assert f"step {len(session.trace)} of {len(session.trace)}" in plain_text(line)
        if width >= 80 and message:
            assert message[:30] in plain_text(line)


def test_the_status_line_shows_no_control_characters():
    session = session_of("sigmoid")
    session.title = "a\x1b]0;x\x07b"
    session.message = "c\x9bd"
    text = plain_text(status_line(session, 120))
    assert text.isprintable()


def test_every_drawn_sign_has_an_ascii_spelling():
    strokes = "".join(map(chr, range(0x2500, 0x2580)))
    assert "?" not in plain_text(in_ascii((Words(strokes + "●◆▸⠿"),)))


def test_hints_that_do_not_fit_are_left_out_by_what_matters_least():
    hints = [(name, 8) for name in sorted(HINTS)]
    for width in range(0, 140, 7):
        shown = [name for (name, _), fits in zip(hints, fitting(hints, width), strict=True) if fits]
        assert sorted(shown) == sorted(HINTS[: width // 8])
    assert set(HINTS) == {key.action for key in KEYS if key.hint}


def test_values_show_the_version_at_hand():
    session = session_of("w = 2.0\nfor k in range(3):\n    f = (w - 1)**2\n    backward(f)\n    w -= 0.1 * w.grad")
    session.pinned = ["w"]
    for position in range(1, len(session.trace) + 1):
        session.cursor.seek(position)
        rows = text_of(ValuesPage(session, 60)).splitlines()
        assert len(rows) == 3
        assert rows[1].startswith("● w")
    assert rows[1].split()[1:3] == ["w₄", "1.51"]
    assert rows[2].split()[0] == "f₃"


def test_formulas_are_broken_at_their_signs():
    session = at("sigmoid", 17)
    session.set_digits(15)
    for width in (30, 44):
        page = step_page(session, width)
        assert width_of(page.line(2)) <= width
        assert "0.195576788321613" not in text_of(page) or page.width <= max(width, 48)
        assert "∂h/∂m" in text_of(page)


def test_the_words_of_the_language_are_coloured():
    page = source_page(session_of("x = 2.0\ndef double(x):\n    return x * 2\nfor k in range(2):\n    f = double(x)"))
    assert roles_of(page, "def") == roles_of(page, "return") == roles_of(page, "for") == ["word"]


def test_an_edit_begins_with_what_the_program_begins_with():
    session = session_of("w = 2.0\nfor k in range(3):\n    f = (w - 1)**2\n    backward(f)\n    w -= 0.1 * w.grad")
    session.cursor.end()
    assert session.input_at_hand() == "w=2.0"
    again = session.edit(session.input_at_hand())
    assert again.trace.updated == session.trace.updated
    assert session_of(f"W = {[[0.125] * 40] * 40}; f = sum(W)").input_at_hand() == "W="
