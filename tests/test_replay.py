"""The replay, driven as a user would, without a terminal and on a real pseudo-terminal."""

import io
import itertools
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

pytest.importorskip("textual")

from textual.widgets import Input, OptionList, TextArea

from stepgrad import Tape, Value, run, save
from stepgrad.gallery import example_text
from stepgrad.loader import read_trace
from tests.mutations import without_checksums
from tests.screen import LEARNING, drive, session_of, shown, until
from tests.test_jsonl import saved
from tui.keys import KEYS
from tui.plan import PANES
from tui.screens.editor import Editor
from tui.screens.gallery import Gallery
from tui.screens.help import HelpScreen
from tui.session import Session
from tui.widgets.prompt import Prompt

PRESS = {"→": "right", "←": "left", "↑": "up", "↓": "down"}


def position(app):
    return app.session.cursor.position


async def answer(app, pilot, text):
    """Type into the prompt and press enter."""
    app.main.query_one(Prompt).query_one(Input).value = text
    await pilot.press("enter")


async def steps_there_and_back(app, pilot):
    for key, there in [("right", 2), ("l", 3), ("s", 4), ("left", 3), ("h", 2), ("S", 1)]:
        await pilot.press(key)
        assert position(app) == there, key


async def longer_strides(app, pilot):
    for key, there in [("]", 14), ("o", 15), ("o", 16), ("O", 15), ("[", 14), ("[", 1), ("G", 26), ("g", 1)]:
        await pilot.press(key)
        assert position(app) == there, key
    for key, there in [("end", 26), ("home", 1)]:
        await pilot.press(key)
        assert position(app) == there, key


async def goes_and_finds(app, pilot):
    await pilot.press(":")
    await answer(app, pilot, "nowhere")
    assert app.prompting  # the mistake stays to be mended
    assert any("no value of this program" in line for line in shown(app))
    await answer(app, pilot, "50%")
    assert position(app) == 13
    await pilot.press("f")
    assert position(app) == 15
    await pilot.press("f")
    assert position(app) == 13
    await pilot.press("T")
    assert position(app) == 13  # nothing before touched f
    await pilot.press("t")
    assert position(app) == 14
    await pilot.press("/")
    await answer(app, pilot, "exp")
    assert position(app) == 16
    await pilot.press("n")
    assert position(app) == 17
    await pilot.press("N")
    assert position(app) == 16
    await pilot.press("escape")
    assert app.session.query is None
    await pilot.press("n")
    assert "nothing is searched for" in app.session.message


async def breaks(app, pilot):
    await pilot.press("c")
    assert "no breakpoint yet" in app.session.message
    await pilot.press(":")
    await answer(app, pilot, "h")
    await pilot.press("b", "g", "c")
    assert position(app) == 11
    await pilot.press("c")
    assert position(app) == 16
    await pilot.press("C")
    assert position(app) == 11
    await pilot.press("B")
    await answer(app, pilot, "product > 0.3")
    assert [each.text for each in app.session.breakpoints] == ["h", "product > 0.3"]
    await pilot.press("G", "C", "C")
    assert position(app) == 16 or app.session.trace[position(app) - 1].product > 0.3
    assert any("●" in line for line in shown(app))


async def plays(app, pilot):
    for _ in range(9):
        await pilot.press("+")
    await pilot.press("-", "=")
    await pilot.press("space")
    await until(pilot, lambda: position(app) == 26)
    await until(pilot, lambda: not app.playing)
    for _ in range(9):
        await pilot.press("-")
    await pilot.press("space")
    assert app.playing  # from the start again, one step in two seconds
    assert position(app) == 1
    await pilot.press("space")
    assert not app.playing


async def panes(app, pilot):
    for number, name in enumerate(PANES, 1):
        await pilot.press(str(number))
        assert app.main.focused.id == name
        assert app.pane(name).display
    await pilot.press("1", "tab")
    assert app.main.focused.id == "step"
    await pilot.press("shift+tab")
    assert app.main.focused.id == "circuit"
    await pilot.press("z")
    await pilot.pause()
    assert [name for name in PANES if app.pane(name).display] == ["circuit"]
    await pilot.press("z")
    await pilot.pause()
    assert app.pane("step").display
    await pilot.press("4", "down", "j", "up", "k", "pagedown", "pageup")
    assert position(app) == 1
    await pilot.press("3", "j", "k", "L", "H", "J", "K", "1", "L", "H", "J", "K")
    await pilot.press("d", "m")
    assert not app.boxed
    assert app.session.closed
    await pilot.press(">", "<", "<")
    assert app.session.style.digits == 1


async def pins(app, pilot):
    await pilot.press("G", "p")
    assert app.session.pinned == ["x0"]
    await pilot.press("p")
    assert app.session.pinned == []


async def edits(app, pilot):
    await pilot.press("]", "e")
    assert app.main.query_one(Prompt).query_one(Input).value == "w0=2.0"
    await answer(app, pilot, "w0=")
    assert app.prompting
    await answer(app, pilot, "w0=3, x1=1")
    assert app.session.trace.grads == run(example_text("sigmoid"), w0=3, x1=1).grads
    assert position(app) == 14


async def edits_the_program(app, pilot):
    await pilot.press("E")
    await until(pilot, lambda: isinstance(app.screen, Editor))
    area = app.screen.query_one(TextArea)
    area.text = "x = 3\nf = x *"
    app.screen.action_run()
    await pilot.pause()
    assert isinstance(app.screen, Editor)
    assert area.text.endswith("x *")  # a mistake loses nothing
    area.text = "x = 3\nf = x * x"
    app.screen.action_run()
    await until(pilot, lambda: app.screen is app.main)
    assert app.session.trace.value == 9.0


async def views_another(app, pilot):
    await pilot.press("v")
    await until(pilot, lambda: isinstance(app.screen, Gallery))
    options = app.screen.query_one(OptionList)
    options.highlighted = options.get_option_index("matrix")
    options.action_select()
    await until(pilot, lambda: app.screen is app.main)
    assert app.session.title == "matrix"
    await pilot.press("v")
    await until(pilot, lambda: isinstance(app.screen, Gallery))
    line = app.screen.query_one(Input)
    line.focus()
    line.value = "no/such/file"
    await pilot.press("enter")
    await pilot.pause()
    assert any("no file and no example 'no/such/file'" in text for text in shown(app))  # said in place
    line.value = "x = 3; f = x * x"
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is app.main)
    assert app.session.trace.value == 9.0
    save(run("f = x * y", x=2, y=5), "saved.jsonl")
    await pilot.press("v")
    await until(pilot, lambda: isinstance(app.screen, Gallery))
    app.screen.query_one(Input).value = "saved.jsonl"
    app.screen.query_one(Input).focus()
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is app.main)
    assert app.session.trace == run("f = x * y", x=2, y=5)
    await pilot.press("e")
    await answer(app, pilot, "x=3")
    assert app.session.trace.value == 15.0  # y is what it was


async def exports(app, pilot):
    await pilot.press("x")
    await answer(app, pilot, "out.txt")
    assert Path("out.txt").read_text(encoding="utf-8").startswith("Forward\n   1  w0")
    await pilot.press("x")
    await answer(app, pilot, "out.txt")
    assert app.prompting
    await answer(app, pilot, "a\0b.txt")
    assert app.prompting
    await answer(app, pilot, "out.pdf")
    assert app.prompting
    await answer(app, pilot, "no/such/out.txt")
    assert app.prompting
    await answer(app, pilot, "out.txt!")
    assert app.session.message == "saved as out.txt"
    await pilot.press("P")
    assert Path("sigmoid-1.svg").read_text(encoding="utf-8").startswith("<svg")


async def asks(app, pilot):
    await pilot.press("1", ":")
    assert any("17, +5, 50%" in line for line in shown(app))  # the hint, while nothing is typed
    await pilot.press("q", "space", "b", "question_mark")
    assert any("go to q b?" in line for line in shown(app))  # letters of the reply, not keys
    assert any("Close" in line for line in shown(app)[-1:])
    assert not any("Step" in line for line in shown(app)[-1:])
    await pilot.press("tab", "enter")
    assert app.prompting
    assert any("no value of this program is called 'q b?'" in line for line in shown(app))
    await pilot.press("escape")
    assert not app.prompting
    assert app.main.focused.id == "circuit"
    await pilot.press(":")
    await pilot.click("#events", offset=(10, 4))
    await until(pilot, lambda: not app.prompting)  # who goes elsewhere has no question any more
    assert app.main.focused.id == "events"
    await pilot.press(":", "5", "enter", "q")
    assert position(app) == 5
    await until(pilot, lambda: not app.is_running)


async def runs_any_command_of_the_palette(app, pilot):
    commands = {command.title: command for command in app.get_system_commands(app.screen)}
    assert {key.words for key in KEYS} - set(commands) == {
        "every command by name, and the themes",
        "close what is open, end a search",
    }
    await pilot.press(":")
    await commands["last step"].callback()
    assert position(app) == 26
    assert not app.prompting


async def copies(app, pilot):
    await pilot.press("]", "right", "y")
    assert app.clipboard.strip().startswith("15  ∂f/∂z = ∂f/∂f · ∂f/∂z")


async def helps(app, pilot):
    await pilot.press("?")
    await until(pilot, lambda: isinstance(app.screen, HelpScreen))
    await pilot.pause()
    assert any("one step forward" in line for line in shown(app))
    await pilot.press("j", "space", "up", "down", "pageup", "q")
    await until(pilot, lambda: app.screen is app.main)
    await pilot.press("ctrl+c")
    assert "q closes" in app.session.message
    await pilot.press("ctrl+p")
    await until(pilot, lambda: app.screen is not app.main)
    await pilot.press("escape")
    await until(pilot, lambda: app.screen is app.main)


async def leaves(app, pilot):
    await pilot.press("z", "q")
    assert not app.zoomed
    await pilot.press("q")
    await until(pilot, lambda: not app.is_running)


JOURNEYS = (
    steps_there_and_back, longer_strides, goes_and_finds, breaks, plays, panes, pins, edits, edits_the_program,
    views_another, exports, asks, runs_any_command_of_the_palette, copies, helps, leaves,
)  # fmt: skip


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.__name__)
def test_keys(journey, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drive("sigmoid", journey)


def test_every_key_has_been_pressed_by_a_test():
    told = Path(__file__).read_text(encoding="utf-8")
    own_tests = ("ctrl+z", "enter", "}", "{")  # below
    for key in KEYS:
        for name in key.keys:
            pressed = PRESS.get(name, name)
            assert f'"{pressed}"' in told or pressed.isdigit() or name in own_tests, name


def test_passes_are_turned_and_drawn():
    async def body(app, pilot):
        await pilot.press("}", "}")
        assert position(app) == app.session.trace.passes[2].steps.start + 1
        await pilot.press("right", "{")
        assert position(app) == app.session.trace.passes[2].steps.start + 1
        await pilot.press("7")
        await pilot.pause()
        assert any("pass 3 of 6" in line for line in shown(app))
        await pilot.click("#timeline", offset=(0, 0))
        assert position(app) == 1
        await pilot.click("#loss", offset=(30, 3))
        assert position(app) > 1

    drive(LEARNING, body)


def test_a_tensor_step_opens_into_its_arithmetic():
    async def body(app, pilot):
        await pilot.press("enter")
        assert "a backward step of tensors" in app.session.message
        await pilot.press(":")
        await answer(app, pilot, "9")
        await pilot.press("enter")
        assert any("∂f/∂W[0][0]" in line for line in shown(app))
        await pilot.press("right")
        assert any("0.44 × 0.40 ≈ 0.18" in line for line in shown(app))
        assert position(app) == 9
        await pilot.press("5")
        await pilot.pause()
        await pilot.press("escape", "right")
        assert position(app) == 10

    drive("matrix", body)


def test_clicks_go_to_steps():
    async def body(app, pilot):
        await pilot.click("#events", offset=(10, 4))
        assert position(app) == 4
        page = app.pane("circuit").page
        room = page.room(page.picture.nodes.index(app.session.trace.find("h")))
        await pilot.click("#circuit", offset=(room.x + page.left + 2, room.y + page.top + 2))
        assert position(app) == 11
        await pilot.click("#timeline", offset=(0, 0))
        assert position(app) == 1

    drive("sigmoid", body)


SIZES = [(200, 50), (120, 36), (100, 30), (80, 24), (59, 24), (48, 24), (30, 10), (10, 3), (1, 1)]


@pytest.mark.parametrize("program", ["matrix", LEARNING])
def test_every_size(program):
    async def body(app, pilot):
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            for action in ("end", "back", "start"):
                await app.run_action(action)
            for name in PANES:
                await app.run_action(f"pane({PANES.index(name) + 1})")
                await pilot.pause()
                assert app.pane(name).display

    drive(program, body)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (200, 50), (48, 24)])
def test_the_panes_that_a_size_promises_are_seen(size):
    def wide(app):
        return [name for name in PANES if app.pane(name).display and app.pane(name).size.area]

    async def body(app, pilot):
        expected = {
            (48, 24): ["circuit"],
            (80, 24): ["circuit", "step", "events"],
            (120, 36): ["circuit", "step", "source", "events"],
            (200, 50): ["circuit", "step", "source", "events", "tensors", "values"],
        }
        await pilot.press("]")
        await pilot.pause()
        assert wide(app) == expected[size]
        text = "\n".join(shown(app))
        assert "SEED" in text
        assert "exp" in text
        assert "0.73" in text

    drive("sigmoid", body, size=size)


def test_ascii_is_ascii():
    async def body(app, pilot):
        await pilot.press("G")
        for number in range(1, 8):
            await pilot.press(str(number))
            await pilot.pause()
            lines = shown(app)
            assert [line for line in lines if not line.isascii()] == []

    drive("sigmoid", body, ascii_only=True)


def test_the_theme_is_remembered(tmp_path):
    async def choose(app, pilot):
        app.theme = "colour-blind-light"
        await pilot.pause()

    async def find(app, pilot):
        assert app.theme == "colour-blind-light"

    drive("sigmoid", choose)
    drive("sigmoid", find)


def test_digits_are_written_once_at_the_end():
    settings = Path(os.environ["STEPGRAD_CONFIG"]) / "settings.json"

    async def body(app, pilot):
        await pilot.press(">", ">")
        assert not settings.exists()

    drive("sigmoid", body)
    assert json.loads(settings.read_text(encoding="utf-8"))["digits"] == 4
    before = settings.stat().st_mtime_ns
    drive("sigmoid", nothing)
    assert settings.stat().st_mtime_ns == before


async def nothing(app, pilot):
    """Only look."""


@pytest.mark.parametrize("command", ["[red]", "x [/]"])
def test_markup_is_shown_not_obeyed(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("[b]y[red].sg").write_text(
        "# [red]a[/] \x1b]0;x\x07\nx = 2.0\nprint('[/] [red]boo')\nf = x * x\n", encoding="utf-8"
    )

    async def body(app, pilot):
        await pilot.press("B")
        await answer(app, pilot, command)
        await pilot.press("escape", "/")
        await answer(app, pilot, "[red]boo")
        assert position(app) == 2
        app.say("a [/] [red]message")
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, Editor))
        app.screen.query_one(TextArea).text = "y = [red] + [/]"
        app.screen.action_run()
        await pilot.pause()
        assert any("y = [red] + [/]" in line for line in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        text = "\n".join(shown(app))
        assert "prints [/] [red]boo" in text
        assert "# [red]a[/]" in text
        assert "a [/] [red]message" in text
        assert "\x1b" not in text

    drive("[b]y[red].sg", body)


def test_a_damaged_config_is_set_aside_and_said_so(tmp_path):
    folder = Path(os.environ["STEPGRAD_CONFIG"])
    folder.mkdir()
    (folder / "settings.json").write_text("{", encoding="utf-8")

    async def body(app, pilot):
        assert "damaged" in app.session.message
        assert (folder / "settings.damaged").exists()

    drive("sigmoid", body)


@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark", "colour-blind-dark", "colour-blind-light"])
def test_themes(theme):
    async def body(app, pilot):
        app.theme = theme
        await pilot.press("G", "4")
        assert any("10/10" in line for line in shown(app))

    drive("matrix", body)


def test_without_colours(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    async def body(app, pilot):
        await pilot.press("G")
        assert any("BACKWARD" in line for line in shown(app))

    drive("sigmoid", body)


MONKEY_KEYS = [
    PRESS.get(key, key) for row in KEYS for key in row.keys if row.action not in ("leave", "suspend_process", "picture")
]
REPLIES = [  # to whatever is asked
    "17", "+5", "-3", "50%", "999%", "x", "nowhere", "", " ", "x=3", "x=[1,2", "x=1e400", "x=nan", "y=@nope", "total > 1", "exp",
    "gate == exp and total < 0", "nonfinite", "[red]", "[/", "\x1b]0;x\x07", "é" * 500, "1" * 5000, "(" * 3000, "\ud800", "a\0b.txt",
    "out.txt", "out.svg!", "out.html", "..", "no/such.txt", "sigmoid", "f = x * x", "x y z", "#", "v1", "%3", "W[0][1]", "d f / d x",
]  # fmt: skip


def odd_session():
    """Return the replay of a saved trace whose lines stand nowhere in its program, and whose names are markup."""
    trace = run(
        "def g(v):\n    return exp(v) * v\nx = -1.0\nprint('[red] \\x1b[31m')\ny = log(x) + g(x)\nbackward(y)\nx -= 0.1\nz = x * 0"
    )
    lines = [json.loads(line) for line in without_checksums(saved(trace)).splitlines()]
    for place, line in zip(
        itertools.cycle([(99, 1, 99, 2), (1, 9999, 1, 9999), (5, 9, 2, 1), (1, 1, 99, 1)]), lines[1:]
    ):
        if line["line"] is not None:
            line |= dict(zip(("line", "column", "end_line", "end_column"), place))
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return Session(read_trace(io.BytesIO(content), "x"), "[red]x")


def tape_session():
    with Tape() as tape:
        x = Value([[1.0, float("nan")], [2.0, float("inf")]], name="[red]W[/]")
        y = (x @ x).sum() * Value(0.0, name="x" * 300)
        x.data = [[1.0, 2.0], [3.0, 4.0]]
        y.backward()
    return Session(tape.trace(), "values")


MONKEYS = {
    "sigmoid": lambda: "sigmoid",
    "matrix": lambda: "matrix",
    "learning": lambda: LEARNING,
    "odd": odd_session,
    "values": tape_session,
    "long fractions": lambda: Session(run("x = 1/3\n" + "x = x*x\n" * 14, number=Fraction), "long"),
    "nothing": lambda: Session(run("print('nothing')\nx = 1.0\nbackward(x)"), "nothing"),
}


async def monkey(app, pilot, chance, presses):
    """Press, click, resize and reply at random."""
    for count in range(presses):
        lot = chance.random()
        if lot < 0.04:
            await pilot.resize_terminal(*chance.choice(SIZES))
        elif lot < 0.14:
            x, y = chance.randrange(app.size.width), chance.randrange(app.size.height)
            await pilot.click(offset=(x, y))
        elif app.prompting and lot < 0.7:
            await answer(app, pilot, chance.choice(REPLIES))
        else:
            await pilot.press(chance.choice(MONKEY_KEYS))
        if count % 40 == 0:
            await pilot.press("escape", "escape")
    assert app.is_running


@pytest.mark.parametrize("name", MONKEYS)
def test_a_monkey_breaks_nothing(name, fuzz, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for chance in fuzz(1):
        drive(MONKEYS[name](), lambda app, pilot, chance=chance: monkey(app, pilot, chance, 45))


def test_a_long_trace_opens_at_once_and_is_searched_in_slices():
    with Tape() as tape:
        x = Value(1.0, name="x")
        total = x
        for k in range(4000):
            total = total * 1.0001 + x * (k % 7)
        last = total.exp()
        last.backward()
    session = Session(tape.trace(), "long")

    async def body(app, pilot):
        await pilot.press("/")
        await answer(app, pilot, "exp")
        await until(pilot, lambda: app.hunting is None)
        assert app.session.trace[position(app) - 1].gate.name == "exp"
        await pilot.press("G", "[", "k")
        assert any("exp" in line for line in shown(app))
        await pilot.press("e")
        await answer(app, pilot, "x=2")
        assert app.prompting  # recorded in Python: it cannot run again

    drive(session, body)


def test_sessions_need_no_terminal():
    session = session_of("sigmoid")
    session.toggle_break()
    assert session.breaks_at(0)


def read_until(descriptor, words, seconds=30):
    found = b""
    end = time.monotonic() + seconds
    while words not in found and time.monotonic() < end:
        if select.select([descriptor], [], [], 0.2)[0]:
            try:
                found += os.read(descriptor, 65536)
            except OSError:
                break
    return found


@pytest.mark.parametrize(("way", "status"), [("q", 0), ("SIGTERM", 143)])
def test_on_a_real_terminal(way, status):
    main, other = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        [sys.executable, "-m", "stepgrad"], stdin=other, stdout=other, stderr=other, env=environment, close_fds=True
    )
    os.close(other)
    assert b"FORWARD" in read_until(main, b"FORWARD")
    if way == "q":
        os.write(main, b"q")
    else:
        process.send_signal(signal.SIGTERM)
    assert b"\x1b[?1049l" in read_until(main, b"\x1b[?1049l")  # back on the main screen
    assert process.wait(30) == status
    os.close(main)
