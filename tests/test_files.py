"""Files: whatever fails, and whenever, the old file stays as it was and nothing is left beside it."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import stepgrad
from stepgrad import files
from stepgrad.errors import InputError
from stepgrad.files import write

LINES = [f"line {k}" for k in range(5)]


class Failing:
    """Fails at the n-th of all calls that touch the disk."""

    def __init__(self, monkeypatch, n):
        self.left = n
        for owner, name in [
            (os, "fsync"),
            (os, "link"),
            (Path, "open"),
            (Path, "chmod"),
            (Path, "replace"),
            (Path, "stat"),
        ]:
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name)))
        put = files.put
        monkeypatch.setattr(files, "put", lambda file, lines: put(file, map(self.counted(str), lines)))

    def counted(self, call):
        def counted(*args, **options):
            self.left -= 1
            if self.left == 0:
                raise OSError(28, "No space left on device")
            return call(*args, **options)

        return counted


@pytest.mark.parametrize("overwrite", [False, True])
def test_whichever_call_fails_the_old_file_stays(tmp_path, overwrite):
    path = tmp_path / "f.txt"
    for n in range(1, 100):
        if overwrite:
            path.write_text("old\n")
        with pytest.MonkeyPatch.context() as patch:
            failing = Failing(patch, n)
            try:
                write(path, LINES, overwrite=overwrite)
                failed = False
            except InputError as error:
                failed = True
                assert "No space left" in str(error)
        left = [each.name for each in tmp_path.iterdir()]
        whole = left == ["f.txt"] and path.read_text() == "\n".join([*LINES, ""])
        if overwrite:
            assert whole or (failed and left == ["f.txt"] and path.read_text() == "old\n")
        else:
            assert whole or (failed and not left)
        if failing.left > 0:
            assert whole and n > len(LINES)
            return
        path.unlink(missing_ok=True)
    raise AssertionError("it never came to an end")


def test_a_link_stays_and_its_target_keeps_its_mode(tmp_path):
    target, link = tmp_path / "t.svg", tmp_path / "l.svg"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target.name)
    stepgrad.save(stepgrad.run("f = x * x", x=3), link, overwrite=True)
    assert link.is_symlink() and target.read_text().startswith("<svg")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_new_file_has_the_mode_that_the_user_wants(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "f.txt", LINES)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f.txt").stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that ends at once")
def test_a_kill_leaves_no_damaged_file(tmp_path):
    path = tmp_path / "f.txt"
    path.write_text("old\n")
    code = (
        "import os, signal, sys; from pathlib import Path; from stepgrad.files import write\n"
        "def lines():\n"
        "    for k in range(100_000): yield 'x' * 80\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write(Path(sys.argv[1]), lines(), overwrite=True)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], cwd=Path(stepgrad.__file__).parents[1], check=False)
    assert done.returncode == -signal.SIGKILL and path.read_text() == "old\n"
