"""The commands export and worksheet: files are written whole or not at all, and nothing is lost."""

import io
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stepgrad import InputError, render, run
from stepgrad.commands import reported
from stepgrad.files import save, write
from stepgrad.formats import FORMATS
from stepgrad.gallery import example_text
from tests.test_cli import output, refusal, stepgrad

SIGMOID = "".join(f"{line}\n" for line in render(run(example_text("sigmoid")), "text"))


@pytest.mark.parametrize("name", FORMATS)
def test_the_ending_is_the_format(name, tmp_path):
    for ending in FORMATS[name].endings:
        assert output("export", "sigmoid", "-o", f"s{ending}", cwd=tmp_path) == ""
        written = (tmp_path / f"s{ending}").read_bytes()
        assert (
            written == "".join(f"{x}\n" for x in render(run(example_text("sigmoid")), name)).encode() or name == "jsonl"
        )
    assert len(os.listdir(tmp_path)) == len(FORMATS[name].endings), "no other file is left behind"


def test_the_format_can_be_named_and_the_file_be_standard_output(tmp_path):
    assert output("export", "sigmoid", "-o", "-", "--format", "text") == SIGMOID
    assert output("export", "sigmoid", "-o", "s.dat", "--format", "text", cwd=tmp_path) == ""
    assert (tmp_path / "s.dat").read_text(encoding="utf-8") == SIGMOID
    assert output("export", "f = x * y", "x=2", "y=3", "-o", "-", "--format", "csv").count("\r\n") == 7


def test_steps_phases_and_values_are_chosen():
    def lines(*arguments):
        return output("export", "sigmoid", "-o", "-", "--format", "text", *arguments).splitlines()

    assert lines("--steps", "14:27") == lines("--only", "backward") == lines("--steps", "14:")
    assert lines("--steps", "14") == ["Backward from f", lines("--steps", "14:15")[1]]
    assert [line.split()[0] for line in lines("--node", "w0", "--only", "backward")[1:]] == ["25"]
    assert lines("--steps", ":3", "--digits", "1")[1].endswith("=  2.0  input")
    assert all(line.isascii() for line in lines("--ascii"))


REFUSALS = [
    (("sigmoid",), "it needs a file to write; name one with -o FILE, or say -o - for standard output"),
    (("sigmoid", "-o", "-"), "standard output has no ending; say --format with one of text, markdown, csv, "),
    (("sigmoid", "-o", "s.docx"), "no format ends as 's.docx' does; use one of .txt, .md, .csv, "),
    (("sigmoid", "-o", "s.txt", "--format", "markdwon"), "there is no format 'markdwon'; use one of text, "),
    (("sigmoid", "-o", "s.dot", "--steps", "1:3"), "the format 'dot' does not take --steps; use text or markdown or csv"),
    (("sigmoid", "-o", "s.py", "--node", "w0"), "the format 'python' does not take --node; use text or markdown or csv"),
    (("sigmoid", "-o", "s.csv", "--digits", "3"), "the format 'csv' does not take --digits; use text or markdown or "),
    (("sigmoid", "-o", "s.txt", "--pass", "1"), "the format 'text' does not take --pass; use "),
    (("sigmoid", "-o", "s.json", "--ascii"), "the format 'json' does not take --ascii; use text or "),
    (("sigmoid", "-o", "s.txt", "--steps", "27:"), "there are no steps 27:27; the trace has 26, counted from 1, as in 1:5"),
    (("sigmoid", "-o", "s.txt", "--node", "w9"), "no value of this program is called 'w9'"),
    (("sigmoid", "-o", "s.txt", "--only", "updates"), "no step of the trace is all that is asked for; ask for less at once"),
    (("sigmoid", "-o", "s.txt", "--steps", "3-5"), "--steps: '3-5' is no stretch of steps; write one as in 14:27"),
    (("sigmoid", "-o", "s.dot", "--pass", "2"), "there is no pass 2; the trace has 1, counted from 1"),
    (("sigmoid", "-o", "."), "no format ends as "),
    (("sigmoid", "-o", ".", "--format", "text"), "'.' is a directory; name a file in it"),
    (("sigmoid", "-o", "no/such/s.txt"), "'no/such/s.txt' cannot be written: No such file or directory; choose another place"),
    (("sigmoid", "-o", "a\udcffb.txt", "--only", "updates"), "no step of the trace"),
    (("sigmoid", "-o", "x" * 300 + ".txt"), f"'{'x' * 300}.txt' cannot be written: File name too long; choose another"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sentence"), REFUSALS, ids=[" ".join(each[0])[:60] for each in REFUSALS])
def test_refusals(arguments, sentence, tmp_path):
    assert refusal("export", *arguments, cwd=tmp_path).startswith(f"stepgrad: {sentence}")
    assert os.listdir(tmp_path) == []


def test_nothing_is_overwritten_without_force(tmp_path):
    file = tmp_path / "s.txt"
    file.write_text("old", encoding="utf-8")
    sentence = "stepgrad: 's.txt' exists already; choose another name, or allow to overwrite it"
    assert refusal("export", "sigmoid", "-o", "s.txt", cwd=tmp_path).startswith(sentence)
    assert file.read_text(encoding="utf-8") == "old"
    assert output("export", "sigmoid", "-o", "s.txt", "--force", cwd=tmp_path) == ""
    assert file.read_text(encoding="utf-8") == SIGMOID


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
    def lines():
        (tmp_path / "s.txt").write_text("other", encoding="utf-8")
        yield "line"

    with pytest.raises(InputError, match="exists already"):
        write(tmp_path / "s.txt", lines())
    assert (tmp_path / "s.txt").read_text(encoding="utf-8") == "other"
    assert os.listdir(tmp_path) == ["s.txt"]


def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder/target", tmp_path / "s.txt"
    link.symlink_to(target)
    write(link, ["new"])
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new\n"
    with pytest.raises(InputError, match="exists already"):
        write(link, ["newer"])
    write(link, ["newer"], overwrite=True)
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "newer\n"
    assert os.listdir(tmp_path / "folder") == ["target"]
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError, match="cannot be written: Too many levels"):
        write(tmp_path / "loop", ["x"])


def test_modes_are_those_of_the_old_file_or_of_the_umask(tmp_path):
    file = tmp_path / "s.txt"
    before = os.umask(0o027)
    try:
        write(file, ["x"])
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        for mode in (0o600, 0o755, 0o666):
            file.chmod(mode)
            write(file, ["y"], overwrite=True)
            assert stat.S_IMODE(file.stat().st_mode) == mode
    finally:
        os.umask(before)
    file.chmod(0o400)
    if os.geteuid():  # root may write anything
        with pytest.raises(InputError, match="write-protected"):
            write(file, ["z"], overwrite=True)


def test_what_is_no_file_is_written_as_it_is(tmp_path):
    write(Path("/dev/null"), ["x"])
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen([sys.executable, "-c", f"print(open({str(pipe)!r}).read())"], stdout=subprocess.PIPE)
    write(pipe, ["through"])
    assert reader.communicate()[0] == b"through\n\n"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert output("export", "sigmoid", "-o", "/dev/stdout", "--format", "text") == SIGMOID


FAILING = """
import os, resource, signal, sys
from pathlib import Path
from stepgrad import InputError
from stepgrad.files import write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file, lines = Path(sys.argv[1]), ["0123456789"] * 30
size = sum(len(line) + 1 for line in lines)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
for most in range(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        write(file, lines, overwrite=True)
    except InputError as error:
        assert "cannot be written: File too large" in str(error), error
    else:
        raise SystemExit(f"{most} bytes were enough")
    assert file.read_bytes() == b"old" and os.listdir(file.parent) == [file.name], most
resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
write(file, lines, overwrite=True)
assert file.stat().st_size == size
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))  # so that what is measured can be written, too
"""


def test_a_disk_that_is_full_at_any_byte_leaves_the_old_file(tmp_path):
    file = tmp_path / "s.txt"
    file.write_bytes(b"old")
    here = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", FAILING, str(file)], capture_output=True, check=False, text=True, cwd=here
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "broken", [OSError(28, "No space left on device"), KeyboardInterrupt(), InputError("no"), ValueError()]
)
def test_a_failure_at_any_line_leaves_the_old_file(broken, tmp_path):
    file = tmp_path / "s.txt"
    lines = SIGMOID.splitlines()
    for n in range(len(lines) + 1):

        def failing(n=n):
            yield from lines[:n]
            raise broken

        file.write_text("old", encoding="utf-8")
        with pytest.raises((InputError, KeyboardInterrupt, ValueError)):
            write(file, failing(), overwrite=True)
        assert file.read_text(encoding="utf-8") == "old"
        file.unlink()
        with pytest.raises((InputError, KeyboardInterrupt, ValueError)):
            write(file, failing())
        assert os.listdir(tmp_path) == []


def test_being_killed_at_any_line_leaves_the_old_file(tmp_path):
    file = tmp_path / "s.txt"
    file.write_text("old", encoding="utf-8")
    for n in range(0, 40, 3):
        child = os.fork()
        if not child:

            def lines(n=n):
                yield from ["x" * 5000] * n
                os.kill(os.getpid(), signal.SIGKILL)

            write(file, lines(), overwrite=True)
            os._exit(0)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        assert file.read_text(encoding="utf-8") == "old"


def test_a_refused_format_leaves_no_file(tmp_path):
    with pytest.raises(InputError):
        save(run("x = 1.0"), tmp_path / "no/s.txt")
    done = refusal("export", "x = 1.0\n" + "x = x * x\n" * 300, "-o", "s.mmd", cwd=tmp_path)
    assert "Mermaid draws at most" in done
    assert os.listdir(tmp_path) == []


def test_texts_that_are_no_unicode_are_written_escaped(tmp_path):
    write(tmp_path / "s.txt", ["\ud800"])
    assert (tmp_path / "s.txt").read_text(encoding="utf-8") == "\\ud800\n"


def test_progress_is_told_after_a_second_and_cleared():
    class Clock:
        now = 0.0

        def __call__(self):
            self.now += 0.4
            return self.now

    stream, lines = io.StringIO(), [str(i) for i in range(1000)]
    assert list(reported(lines, stream, Clock())) == lines
    assert stream.getvalue().startswith("\r300 lines\r")
    assert stream.getvalue().endswith("\r          \r") or stream.getvalue().endswith("\r         \r")
    quick = io.StringIO()
    assert list(reported(lines, quick, lambda: 0.0)) == lines
    assert quick.getvalue() == ""


# Worksheets


def test_a_worksheet_is_printed_or_written_with_its_key(tmp_path):
    sheet, key = output("worksheet", "sigmoid"), output("worksheet", "sigmoid", "--key")
    assert "______" in sheet
    assert "______" not in key
    assert output("worksheet", "sigmoid", "-o", "s.md", cwd=tmp_path) == ""
    assert (tmp_path / "s.md").read_text(encoding="utf-8") == sheet
    assert (tmp_path / "s.key.md").read_text(encoding="utf-8") == key
    assert sorted(os.listdir(tmp_path)) == ["s.key.md", "s.md"]
    assert output("worksheet", "sigmoid", "-o", "-", "--format", "text").startswith(
        "Backpropagation by hand: f (worksheet)"
    )
    refused = refusal("worksheet", "sigmoid", "-o", "s.md", cwd=tmp_path)
    assert "'s.md' exists already" in refused
    (tmp_path / "s.md").unlink()
    assert "'s.key.md' exists already" in refusal("worksheet", "sigmoid", "-o", "s.md", cwd=tmp_path)
    assert os.listdir(tmp_path) == ["s.key.md"], "both or none"
    assert output("worksheet", "sigmoid", "-o", "s.md", "--force", cwd=tmp_path) == ""


WORKSHEETS = [
    (("--format", "markdwon"), "there is no worksheet in 'markdwon'; use one of markdown, latex, text"),
    (("-o", "s.docx"), "no worksheet ends as 's.docx' does; use one of .md, "),
    (("-o", "s.md", "--key"), "-o writes the answer key as well, beside 's.md'; leave out --key"),
    (("--pass", "3"), "there is no pass 3; the trace has 1, counted from 1"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WORKSHEETS, ids=[" ".join(each[0]) for each in WORKSHEETS])
def test_worksheets_refused(arguments, sentence, tmp_path):
    assert refusal("worksheet", "sigmoid", *arguments, cwd=tmp_path).startswith(f"stepgrad: {sentence}")


def test_export_of_a_broken_program_says_so(tmp_path):
    done = stepgrad("export", "f = sigmiod(1)", "-o", "s.txt", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("<text>:1:5: `sigmiod` is not known")
    assert os.listdir(tmp_path) == []
