"""The command line and the replay on a real pseudo-terminal: what is left of it, and the exit status."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="a system without pseudo-terminals")
pytest.importorskip("textual")
import fcntl  # noqa: E402
import struct  # noqa: E402
import termios  # noqa: E402

ROOT = Path(__file__).parent.parent
PATIENCE = 60  # seconds until a test gives up: it ends much sooner
STARTED = b"\x1b[?1049h"
MODES = {"screen": b"1049", "mouse": b"1000", "moves": b"1003", "sgr": b"1006", "focus": b"1004", "paste": b"2004"}


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, *arguments, size=(36, 120), env=None, command=None, **streams):
        self.outer, self.inner = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.inner)
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **(env or {})}
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "stepgrad", *arguments],
            **{"stdin": self.inner, "stdout": self.inner, "stderr": self.inner, **streams},
            env=environment,
            start_new_session=True,
        )
        self.seen = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.outer, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, until=None):
        """Read until something is seen or, without it, until the process has ended."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not (until and until in self.seen):
            if select.select([self.outer], [], [], 0.02)[0]:
                self.seen += os.read(self.outer, 65536)
            elif self.process.poll() is not None:
                return self
        return self

    def send(self, keys):
        os.write(self.outer, keys)
        return self

    def status(self):
        """Return the exit status, as a shell counts; the terminal must be as it was."""
        try:
            self.read()
            status = self.process.wait(timeout=PATIENCE)
            assert termios.tcgetattr(self.inner) == self.before, "not in the mode in which it was"
            for name, mode in MODES.items():
                on, off = (self.seen.rfind(b"\x1b[?" + mode + end) for end in (b"h", b"l"))
                assert on <= off, f"{name} is still on"
            assert self.seen.rfind(b"\x1b[?25l") <= self.seen.rfind(b"\x1b[?25h"), "the cursor is off"
            assert b"Traceback" not in self.seen
            return status if status >= 0 else 128 - status
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self.inner)
            os.close(self.outer)


@pytest.fixture
def replay():
    """Start the replay of an example, and wait until it draws the footer."""

    def start(*arguments, **options):
        return Terminal("view", *(arguments or ("sigmoid",)), **options).read(until=b"\x1b[?2004h")

    return start


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_a_signal_leaves_the_terminal_as_it_was(replay, name):
    terminal = replay()
    terminal.process.send_signal(getattr(signal, name))
    assert terminal.status() == 128 + getattr(signal, name)


def test_ctrl_c_is_a_key_and_q_quits(replay):
    terminal = replay().send(b"\x03").read(until=b"closes what is open")
    assert terminal.process.poll() is None
    assert terminal.send(b"q").status() == 0


@pytest.mark.parametrize(
    "module", ["stepgrad.cursor", "stepgrad.ops", "stepgrad.cli", "tui.app", "textual.app", "tui.keys"]
)
def test_an_interrupt_while_it_is_loaded_gives_no_traceback(module):
    code = f"""
import os, signal, sys
class Finder:
    def find_spec(self, name, *rest):
        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)
sys.argv = ["stepgrad", "view", "sigmoid"]
sys.meta_path.insert(0, Finder())
from stepgrad.cli import main
sys.exit(main())
"""
    assert Terminal(command=[sys.executable, "-c", code]).status() == 130


def test_an_interrupt_ends_a_program_that_runs():
    code = """
import os, signal, sys
sys.argv = ["stepgrad", "run", "x = 1.0"]
from stepgrad import cli, language
language.with_room = lambda *arguments, **named: os.kill(os.getpid(), signal.SIGINT)
sys.exit(cli.main())
"""
    assert Terminal(command=[sys.executable, "-c", code]).status() == 130


def test_an_exception_of_ours_leaves_the_terminal_as_it_was(replay):
    code = (
        "import sys; from tui.app import Replay; Replay.action_step = lambda self: 1 / 0; from stepgrad.cli import main"
    )
    terminal = Terminal(command=[sys.executable, "-c", f"{code}; sys.exit(main(['view', 'sigmoid']))"])
    terminal.read(until=b"\x1b[?2004h").send(b"l").read()
    assert b"ZeroDivisionError" in terminal.seen
    terminal.seen = terminal.seen.replace(b"Traceback", b"")
    assert terminal.status() == 1


def test_a_terminal_that_is_closed_ends_it():
    terminal = Terminal("view", "sigmoid").read(until=STARTED)
    os.close(terminal.outer)
    os.close(terminal.inner)
    terminal.process.send_signal(signal.SIGHUP)  # as the system does where it is the controlling terminal
    assert terminal.process.wait(timeout=PATIENCE) in (129, -signal.SIGHUP)


def test_what_is_no_key_is_passed_over(replay):
    terminal = replay()
    for sent in (bytes(range(128, 256)), b"\xff\xfe\xc3\x28", b"\x1b[999999999999999~", b"\x1b[1114112u"):
        terminal.send(sent)
        time.sleep(0.2)
        assert terminal.process.poll() is None
    assert terminal.send(b"q").status() == 0


@pytest.mark.parametrize("size", [(5, 20), (1, 1), (0, 0), (24, 80)])
def test_it_opens_at_every_size_and_bears_a_storm_of_them(replay, size):
    terminal = replay(size=size)
    for turn in range(30):
        terminal.resize(1 + turn * 7 % 50, 1 + turn * 31 % 150)
    assert terminal.send(b"q").status() == 0


@pytest.mark.parametrize(
    "env",
    [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"},
     {"TERM": "nonsense"}, {"NO_COLOR": "1"}, {"COLUMNS": "x", "LINES": "-3"}],
)  # fmt: skip
def test_it_opens_in_every_environment(replay, env):
    assert replay(env=env).send(b"q").status() == 0


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_can_show_nothing_is_said_to_be_none(term):
    terminal = Terminal("view", "sigmoid", env={"TERM": term})
    assert terminal.read().seen.startswith(b"stepgrad: the replay needs a terminal")
    assert terminal.status() == 2
    assert Terminal(env={"TERM": term}).status() == 0


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_the_replay_needs_all_three_streams(stream):
    with open(os.devnull, "r+b") as nothing:
        assert Terminal("view", "sigmoid", **{stream: nothing}).status() == 2
        assert (
            Terminal(
                "view", "sigmoid", preexec_fn=lambda: os.close(("stdin", "stdout", "stderr").index(stream))
            ).status()
            == 2
        )


@pytest.mark.parametrize(
    ("arguments", "status"),
    [("trace sigmoid | head -1", (0,)), ("gates | true", (0,)), ("run foo 2>&1 | true", (2,)), ("run foo 2>/dev/full", (2,)),
     ("run sigmoid >/dev/full", (2,)), ("run sigmoid >&-", (2,)), ("run foo 2>&-", (2,)), ("run - <&-", (2,))],
)  # fmt: skip
def test_streams_that_are_closed_or_full(arguments, status):
    if "/dev/full" in arguments and not os.path.exists("/dev/full"):
        pytest.skip("a system without it")
    line = f"{sys.executable} -m stepgrad {arguments}; exit ${{PIPESTATUS[0]}}"
    assert Terminal(command=["bash", "-c", line]).status() in status


EVIL = "\x1b]0;pwned\x07\x1b[31m[red][/ \x9b31m"


@pytest.mark.parametrize(
    "keys", [b"llll", b"4Gz3", b"7?", b"xz\x1b]0;pwned\x07", b"/[red]\r", b":[/\r", b"eq=[/\r", b"E"]
)
def test_nothing_of_a_program_is_obeyed(replay, tmp_path, keys):
    file = tmp_path / f"[red]{EVIL.replace('/', '')}.sg"
    file.write_text(
        f"x = 1.0 # {EVIL}\nprint('{EVIL}')\ny = x * 2 # [/] [bold]\nprint('\\x1b]0;pwned\\x07')\nf = y * 3"
    )
    terminal = replay(str(file))
    for key in keys:
        terminal.send(bytes([key]))
        time.sleep(0.03)
    time.sleep(0.3)
    for key in (b"\x1b", b"\x1b", b"q", b"q"):
        time.sleep(0.25)
        if terminal.process.poll() is None:
            terminal.send(key)
    assert terminal.status() == 0
    assert b"\x1b]0;" not in terminal.seen
    assert b"pwned\x07" not in terminal.seen
    assert not re.search(rb"\xc2[\x80-\x9f]", terminal.seen)


def test_suspended_it_gives_the_terminal_back_and_comes_again(replay):
    if not os.path.exists("/proc/self/stat"):
        pytest.skip("a system that does not say whether a process is stopped")
    terminal = replay()

    def state():
        return Path(f"/proc/{terminal.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    terminal.send(b"\x1a").read(until=b"\x1b[?1049l")
    end = time.monotonic() + PATIENCE
    while state() != "T" and time.monotonic() < end:
        time.sleep(0.02)
    assert state() == "T"
    terminal.seen = b""
    terminal.process.send_signal(signal.SIGCONT)
    terminal.read(until=b"\x1b[?2004h")
    assert STARTED in terminal.seen
    assert terminal.send(b"q").status() == 0
