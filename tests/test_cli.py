"""The command line, run as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stepgrad import cli
from stepgrad.conventions import CONVENTIONS
from stepgrad.gallery import example_paths, example_text
from stepgrad.ops import GATES

ROOT = Path(__file__).parent.parent


def stepgrad(*arguments, given="", env=None, cwd=ROOT):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", **(env or {})}
    return subprocess.run(
        [sys.executable, "-m", "stepgrad", *arguments],
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        env=environment,
        cwd=cwd,
        timeout=120,
        check=False,
    )


def output(*arguments, **options):
    done = stepgrad(*arguments, **options)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return done.stdout.decode()


def refusal(*arguments, **options):
    done = stepgrad(*arguments, **options)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Traceback" not in done.stderr
    return done.stderr.decode()


def test_alone_it_prints_the_sigmoid_circuit_where_there_is_no_terminal():
    golden = (ROOT / "tests/golden/sigmoid.txt").read_text(encoding="utf-8")
    assert output() == golden
    assert output("trace", "sigmoid") == golden


def test_trace_of_an_expression():
    text = output("trace", "f=(x+y)*z", "x=-2", "y=5", "z=-4")
    assert "f  = v₃ × z = -12.00" in text
    assert output("trace", "f=(x+y)*z", "x=-2", "y=5", "z=-4", "--digits", "4").count("-12.0000") == 1


def test_run_prints_value_and_gradients():
    assert output("run", "product") == "f = -12.0\n∂f/∂x = -4.0\n∂f/∂y = -4.0\n∂f/∂z = 3.0\n"


def test_a_program_may_do_nothing_but_print():
    assert output("run", "print(1 + 2)") == "3\n"


def test_run_as_json():
    assert json.loads(output("run", "f = x * y", "x=3", "y=[1, 2]", "--output", "x", "--json")) == {
        "output": "x", "value": 3.0, "grads": {"x": 1.0, "y": [0.0, 0.0]}, "steps": 5,
    }  # fmt: skip
    assert json.loads(output("run", "f = log(x) + sum(y)", "x=0", "y=[nan, 1]", "--json")) == {
        "output": "f", "value": "nan", "grads": {"x": "inf", "y": [1.0, 1.0]}, "steps": 10,
    }  # fmt: skip


def test_number_types(tmp_path):
    assert output("run", "f = x * y / 7", "x=0.1", "y=1/3", "--exact").splitlines() == [
        "f = 1/210", "∂f/∂x = 1/21", "∂f/∂y = 1/70",
    ]  # fmt: skip
    assert output("run", "f = x / 7", "x=0.1", "--decimal", "20").startswith("f = 0.014285714285714285714\n")
    (tmp_path / "in.json").write_text('{"x": 0.1}')
    (tmp_path / "w.csv").write_text("0.1\n0.2\n")
    (tmp_path / "w.json").write_text("[0.1, 0.2]")
    for file in ("w.csv", "w.json"):
        assert output(
            "run", "f = sum(w) * x", f"w=@{tmp_path / file}", "--inputs", str(tmp_path / "in.json"), "--exact"
        ).startswith("f = 3/100\n")
    assert json.loads(output("run", "f = x / 3", "x=1", "--exact", "--json"))["value"] == "1/3"
    assert json.loads(output("run", "f = x / 3", "x=1", "--decimal", "5", "--json"))["value"] == "0.33333"
    assert "`exp` needs exp, which exact fractions do not have" in refusal("run", "x = 1\nf = exp(x)", "--exact")
    assert refusal("run", "x = 1\nf = exp(x)", "--exact").startswith("<text>:2:5: ")
    growing = "w = 0.3\nfor i in range(50):\n    backward((w**2 - 2)**2)\n    w -= w.grad / 10"
    assert "too long a fraction" in refusal("run", growing, "--exact")
    assert "0 significant digits are not possible" in refusal("run", "x = 1", "--decimal", "0")
    assert "not allowed with argument" in refusal("run", "x = 1", "--decimal", "9", "--exact")


def test_run_certified():
    assert output("run", "sigmoid", "--certified").splitlines()[:2] == [
        "f = 0.7310585786300049  proved with 34 digits; floats are right",
        "∂f/∂w0 = -0.19661193324148185  proved with 34 digits; floats are 1 ulp off",
    ]
    assert output("run", "f = log(x)", "x=0", "--certified").splitlines()[2] == (
        "undecided: f is -inf in floats: the domain was left, and no true number belongs to it"
    )
    assert json.loads(output("run", "f = log(x) + y", "x=0", "y=1", "--certified", "--json"))["grads"] == {
        "x": None, "y": 1.0,
    }  # fmt: skip
    assert output("run", "print(1)\nf = x * 1", "x=2", "--certified").startswith("1\nf = 2.0  proved with 34 digits")


def test_programs_come_from_files_standard_input_examples_and_text(tmp_path):
    file = tmp_path / "p.sg"
    file.write_text("x = 2.0\nf = x * x\n", encoding="utf-8")
    for arguments, given in (((str(file),), ""), (("-",), "x = 2.0\nf = x * x"), (("x = 2.0; f = x * x",), "")):
        assert output("run", *arguments, given=given) == "f = 4.0\n∂f/∂x = 4.0\n"
    (tmp_path / "sigmoid").write_text("x = 1.0", encoding="utf-8")
    assert output("run", "sigmoid", cwd=tmp_path) == "x = 1.0\n∂x/∂x = 1.0\n", "a path comes before an example"


def test_values_from_a_json_file_and_from_the_line(tmp_path):
    file = tmp_path / "values.json"
    file.write_text('{"W": [[1, 2], [3, 4]], "x": [1, 1]}', encoding="utf-8")
    assert "f = 10.0" in output("run", "f = sum(W @ x)", "--inputs", str(file))
    assert "f = 20.0" in output("run", "f = sum(W @ x)", "--inputs", str(file), "x=[2,2]")
    assert "f = 20.0" in output("run", "f = sum(W @ x)", "W=[[1,2],[3,4]]", "x=[2,2]")


def test_gates_and_examples():
    table = output("gates")
    assert [line.split()[0] for line in table.splitlines()] == list(GATES)
    listing = output("examples")
    assert [line.split()[0] for line in listing.splitlines()] == list(example_paths())
    assert output("examples", "sigmoid") == example_text("sigmoid")


def test_conventions():
    everything = output("conventions")
    assert everything.count("\n      notes: ") == sum(bool(row.notes) for row in CONVENTIONS)
    assert output("conventions", "relu") in everything
    assert output("conventions", "relu").startswith("relu ")
    assert "did you mean `relu`?" in refusal("conventions", "rleu")


def test_ascii_where_the_output_knows_no_other_signs():
    golden = (ROOT / "tests/golden/sigmoid.ascii.txt").read_text(encoding="utf-8")
    assert output("trace", "sigmoid", "--ascii") == golden
    assert output("trace", "sigmoid", env={"PYTHONIOENCODING": "ascii"}) == golden
    assert output("run", "π = 2.0", env={"PYTHONIOENCODING": "ascii"}) == "\\u03c0 = 2.0\nd\\u03c0/d\\u03c0 = 1.0\n"


def test_the_width_can_be_chosen():
    assert max(map(len, output("trace", "staged", "--width", "60").splitlines())) <= 60
    assert output("trace", "staged", "--digits", "4", env={"COLUMNS": "120"}) == (
        ROOT / "tests/golden/staged.120.txt"
    ).read_text(encoding="utf-8")


REFUSALS = [
    (("run", "f = sigmiod(1)"), "<text>:1:5: `sigmiod` is not known; did you mean `sigmoid`?\nf = sigmiod(1)\n    ^^^^^^^\n"),
    (("run", "sigmiod"), "stepgrad: there is no file and no example 'sigmiod'; give a path, an example or a program; did you mean `sigmoid`?\n"),
    (("run", "f = x", "x=abc"), "<x>:1:1: `abc` has no value"),
    (("run", "f = x", "x=[1,"), "<x>:1:1: this is not Python: '[' was never closed"),
    (("run", "f = x", "x=1; y=2"), "<x>:1:1: this is no value; write a number or a list, as in 3 or [1, 2]"),
    (("run", "f = x", "x"), "stepgrad: 'x' gives no value; write NAME=VALUE, as in x=3\n"),
    (("run", "f = x", "x=1", "y=1"), "stepgrad: 'y' is given a value but the program has no such name\n"),
    (("run", "f = x", "--inputs", "no-such-file.json"), "stepgrad: 'no-such-file.json' cannot be read"),
    (("run", "f = x", "x=1", "--output", "g"), "stepgrad: the output 'g' is no value of the program\n"),
    (("run", "x = 1.0\nx = x * 2", "--max-steps", "3"), "<text>:2:1: the program takes more than 3 steps; shorten it, let its loops end, or raise --max-steps\n"),
    (("examples", "sigmiod"), "stepgrad: there is no example 'sigmiod'; `stepgrad examples` lists them; did you mean `sigmoid`?\n"),
    (("view", "sigmoid"), "stepgrad: the replay needs "),
    (("run", "f = x", "x=constant(3)"), "<x>:1:1: this is no value; write a number or a list, as in 3 or [1, 2]"),
    (("run", "f = x", "x=[[1],2]"), "stepgrad: 'x' cannot take this value: some entries are numbers and some are lists"),
    (("run", "my circuit.sg"), "stepgrad: there is no file and no example 'my circuit.sg'"),
    (("run", b"f = \xff"), "<text>:1:1: the program is not proper text; save it as UTF-8\nf = �\n"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), REFUSALS, ids=[str(each[0]) for each in REFUSALS])
def test_refusals_have_a_place_a_sentence_and_status_2(arguments, message):
    assert refusal(*arguments).startswith(message)


def test_broken_input_files(tmp_path):
    (tmp_path / "latin.sg").write_bytes("x = 1.0\nµ = 2".encode("latin-1"))
    assert refusal("run", "latin.sg", cwd=tmp_path).startswith(
        "latin.sg:2:1: byte 0xb5 is not UTF-8; save the file as UTF-8\n"
    )
    (tmp_path / "values.json").write_text("{", encoding="utf-8")
    assert refusal("run", "f = x", "--inputs", "values.json", cwd=tmp_path).startswith(
        "stepgrad: 'values.json' is not JSON"
    )
    (tmp_path / "values.json").write_text("[1]", encoding="utf-8")
    assert "holds no values by name" in refusal("run", "f = x", "--inputs", "values.json", cwd=tmp_path)
    (tmp_path / "values.json").write_text('{"x": ' + "1" * 5000 + "}", encoding="utf-8")
    assert "has too long or deep a value" in refusal("run", "f = x", "--inputs", "values.json", cwd=tmp_path)
    (tmp_path / "values.json").write_text('\ufeff{"x": 3}', encoding="utf-8")
    assert output("run", "f = x", "--inputs", "values.json", cwd=tmp_path).startswith("x = 3.0")
    assert refusal("run", ".") == "stepgrad: '.' is a directory; name a file in it\n"
    assert refusal("run", "/dev/zero").startswith("stepgrad: '/dev/zero' is too large for a program")


USAGE = [
    (("run",), "it needs PROGRAM; `stepgrad run --help` says more"),
    (("frobnicate",), "there is no command 'frobnicate'; `stepgrad --help` says more"),
    (("tarce", "sigmoid"), "there is no command 'tarce'; did you mean `trace`?; `stepgrad --help` says more"),
    (("trace", "sigmoid", "--digits", "-1"), "--digits: '-1' is no whole number from 0 on; write one as in 4; `stepgrad trace --help` says more"),
    (("trace", "sigmoid", "--digits", "٣"), "--digits: '٣' is no whole number from 0 on; write one as in 4; `stepgrad trace --help` says more"),
    (("trace", "sigmoid", "--digits", "61"), "--digits: 61 digits are too many; ask for at most 60; `stepgrad trace --help` says more"),
    (("trace", "sigmoid", "--no-such"), "'--no-such' is not understood here; `stepgrad --help` says more"),
    (("gates", "exp"), "'exp' is not understood here; `stepgrad --help` says more"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sentence"), USAGE, ids=[" ".join(each[0]) for each in USAGE])
def test_wrong_usage_is_said_in_one_line(arguments, sentence):
    assert refusal(*arguments) == f"stepgrad: {sentence}\n"


SHELL = [
    ("run - <&-", 2, "stepgrad: standard input is closed; name a file, or give the program itself\n"),
    ("trace sigmoid >&-", 2, "stepgrad: standard output is closed; send it to a file or to a terminal\n"),
    ("trace sigmoid >/dev/full", 2, "stepgrad: the output cannot be written: No space left on device; send it elsewhere\n"),
    ("run <(echo 'x = 2; f = x * 3')", 0, "f = 6.0\n∂f/∂x = 3.0\n"),
    ("run /dev/stdin <<< 'x = 2; f = x * 3'", 0, "f = 6.0\n∂f/∂x = 3.0\n"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "status", "said"), SHELL, ids=[each[0] for each in SHELL])
def test_streams_that_are_closed_full_or_pipes(command, status, said):
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m stepgrad {command}"],
        capture_output=True,
        cwd=ROOT,
        check=False,
        env=environment,
    )
    assert (done.returncode, (done.stdout + done.stderr).decode()) == (status, said)


def test_an_ascii_stream_gets_ascii_signs():
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    assert "1 - z**2" in output("gates", env=ascii_only)
    assert "f = ||W*x||**2" in output("examples", env=ascii_only)
    assert refusal("run", "f = x² ", env=ascii_only).startswith("<text>:1:6: `**2` is not understood")
    assert json.loads(output("run", "é = 2.0", "--json", env=ascii_only))["output"] == "é"


def test_a_reader_that_stops_reading_is_no_error():
    command = f"{sys.executable} -m stepgrad trace bias | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, cwd=ROOT, check=False)
    assert (done.stdout, done.stderr) == (b"Forward\n", b"")


def test_it_runs_with_nothing_installed():
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); from stepgrad.cli import main; sys.exit(main([]))"],
        capture_output=True, check=False, env={"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith(b"Forward\n")


def test_hessian_as_a_table_as_entries_as_steps_and_as_json():
    table = output("hessian", "f = x**2 * y", "x=3", "y=2")
    assert table == "∂²f/∂row∂column, where f = 18.00\n\n      x     y\nx  4.00  6.00\ny  6.00  0.00\n"
    entries = output("hessian", "f = x**2 * y", "x=3", "y=2", "--width", "5", "--ascii", "--digits", "0")
    assert entries.splitlines()[2:] == ["d2f/dxdx = 4", "d2f/dxdy = 6", "d2f/dydy = 0"]
    assert "∂²f/∂x² = 4.00" in output("hessian", "f = x**2 * y", "x=3", "y=2", "--width", "10")
    assert "Backward from ∂f/∂x" in output("hessian", "f = x**2 * y", "x=3", "y=2", "--trace")
    found = json.loads(output("hessian", "matrix", "--wrt", "x", "--json"))
    assert found["labels"] == ["x[0]", "x[1]"]
    assert found["matrix"] == pytest.approx([pytest.approx([0.2, -0.38]), pytest.approx([-0.38, 1.78])])
    assert "'q' is no input" in refusal("hessian", "matrix", "--wrt", "q")
    assert "fewer inputs" in refusal("hessian", "matrix", "--max-steps", "150")


def test_forward_mode():
    text = output("jvp", "f = (x + y) * z", "x=-2", "y=5", "z=-4", "--along", "x=1,y=0.5", "--along", "z")
    assert "Tangents by t" in text
    assert text.endswith("Tangent of f\n      ∂f/∂t =  -3.00\n")
    found = json.loads(output("jvp", "q = W @ x", "W=[[1,2],[3,4]]", "x=[5,6]", "--along", "W[0][1]", "--json"))
    assert found == {
        "output": "q", "value": [17.0, 39.0], "tangent": [6.0, 0.0], "along": {"W": [[0.0, 1.0], [0.0, 0.0]]}, "steps": 5,
    }  # fmt: skip
    assert "say how w0, x0, w1, x1, w2 move" in refusal("jvp", "sigmoid")
    assert "'q' is no input" in refusal("jvp", "sigmoid", "--along", "q=1")
    assert "dw0/dt" in output("jvp", "sigmoid", "--along", "w0=2", "--ascii")


def test_both_modes_side_by_side():
    text = output("modes", "sigmoid", "--digits", "4")
    assert "∂f/∂x0   0.3932   0.3932              7" in text
    assert "reverse mode: 1 sweep of 12 edges finds all" in text
    assert "forward mode: 5 sweeps of 33 edges in all" in text
    assert json.loads(output("modes", "product", "--json"))["reverse"] == [-4.0, -4.0, 3.0]


def test_why_lists_paths():
    text = output("why", "x", "staged")
    assert text.count("→ x\n") == 3
    assert text.endswith("∂f/∂x, the sum ≈ 2.06\n")
    assert "2 others ≈ 1.55" in output("why", "x", "staged", "--paths", "1")
    found = json.loads(output("why", "W[0][1]", "matrix", "--json"))
    assert (found["count"], found["paths"][0]["nodes"][0]) == (1, "f")
    assert "no value of this program is called 'q9'" in refusal("why", "q9", "staged")


@pytest.mark.parametrize("command", [["hessian"], ["jvp", "--along", "x"]])
def test_steps_beyond_the_gradient_are_replayed(monkeypatch, command):
    app = pytest.importorskip("tui.app")
    opened = []
    monkeypatch.setattr(cli, "replay_missing", lambda: "")
    monkeypatch.setattr(app, "replay", lambda trace, title, how, **options: opened.append((trace, title, how)) or 0)
    assert cli.main([*command, "product", "x=3", "--view"]) == 0
    ((trace, title, how),) = opened
    assert trace.value_at(trace.find("x"), len(trace)) == 3.0
    assert (title, how.inputs) == ("product", {"x": 3})


def test_steps_beyond_the_gradient_are_replayed_in_a_terminal_only():
    pytest.importorskip("textual")
    assert "needs a terminal" in refusal("hessian", "product", "--view")
    assert "needs a terminal" in refusal("jvp", "product", "--along", "x", "--view")
