"""Files: a trace is written whole, or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from stepgrad.errors import InputError
from stepgrad.formats import FORMATS, format_of, render
from stepgrad.trace import Trace


def save(trace: Trace, path: str | os.PathLike[str], *, overwrite: bool = False, **options: Any) -> None:
    """Write a trace into a file, in the format of its ending; all of it, or the old file stays as it was.

    Options that the format does not take are left out. What is saved as ``.jsonl`` can be loaded again.

    Raises
    ------
    FormatError
        If no format has this ending.
    InputError
        If there is a file already and ``overwrite`` is not set, or if it cannot be written.
    """
    path = Path(path)
    name = format_of(path.name)
    taken = {key: value for key, value in options.items() if key in FORMATS[name].options}
    write(path, render(trace, name, **taken), overwrite=overwrite)


def write(path: Path, lines: Iterable[str], *, overwrite: bool = False) -> None:
    """Write lines into a file: all of them, or the old file stays as it was.

    They are written beside the file, which the new one replaces when it is whole. As with ``cp``, a symbolic link
    stays and its target is written; an old file keeps its mode; and what is no file, such as a pipe or a
    terminal, gets the lines as they come.

    Raises
    ------
    InputError
        If there is a file already and ``overwrite`` is not set, or if it cannot be written.
    """
    with told(path):
        check(path, overwrite)
        if is_stream(path):
            with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                put(file, lines)
            return
        target = Path(os.path.realpath(path))
        with beside(target) as (file, temporary):
            put(file, lines)
            file.flush()
            os.fsync(file.fileno())
            take_place(temporary, target, overwrite)


def exists(path: Path) -> InputError:
    """Say that there is a file already."""
    return InputError(
        f"{str(path)!r} exists already; choose another name, or allow to overwrite it: --force, overwrite=True"
    )


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Tell in one sentence why a file cannot be written."""
    try:
        yield
    except FileExistsError:
        raise exists(path) from None
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}; choose another place") from None
    except UnicodeEncodeError:
        raise InputError(f"{str(path)!r} is no name that this system writes; choose another name") from None


def check_free(path: Path, overwrite: bool) -> None:
    """Check, before the work is done, that no file would be lost and that there may be one.

    Raises
    ------
    InputError
        If there is a file and ``overwrite`` is not set, if it is a directory, or write-protected.
    """
    with told(path):
        check(path, overwrite)


def check(path: Path, overwrite: bool) -> None:
    """Look at what is there."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.name in ("", ".."):
            raise InputError(f"{str(path)!r} names no file; name one") from None
        return
    except UnicodeEncodeError:
        raise  # a ValueError, too
    except ValueError:
        raise InputError(f"{str(path)!r} is no name of a file: it has a null byte; choose another name") from None
    if stat.S_ISDIR(mode):
        raise InputError(f"{str(path)!r} is a directory; name a file in it")
    if stat.S_ISREG(mode) and not overwrite:
        raise exists(path)
    if not os.access(path, os.W_OK):
        raise PermissionError(13, "it is write-protected")


def is_stream(path: Path) -> bool:
    """Whether it is there and no regular file: a pipe, a terminal, ``/dev/null``."""
    return path.exists() and not path.is_file()


@contextmanager
def beside(target: Path) -> Iterator[tuple[TextIO, Path]]:
    """Open a new file in the folder of another, to take its place; it is removed if it does not."""
    for k in count():
        temporary = target.with_name(f".stepgrad-{os.getpid()}-{k}")
        with suppress(FileExistsError):
            file = temporary.open("x", encoding="utf-8", errors="backslashreplace", newline="\n")
            break
    try:
        with file:
            yield file, temporary
    finally:
        with suppress(OSError):
            temporary.unlink()


def put(file: TextIO, lines: Iterable[str]) -> None:
    """Write the lines, each with its end."""
    file.writelines(f"{line}\n" for line in lines)


def take_place(temporary: Path, target: Path, overwrite: bool) -> None:
    """Let a file that is whole take the place of another, or take the place if it is free."""
    if overwrite:
        with suppress(FileNotFoundError):
            old = target.stat()
            with suppress(OSError):  # only root may give a file to another
                os.chown(temporary, old.st_uid, old.st_gid)
            temporary.chmod(stat.S_IMODE(old.st_mode))
        temporary.replace(target)
        return
    try:
        os.link(temporary, target)  # fails, where renaming would overwrite, if there is a file by now
    except FileExistsError:
        raise
    except (OSError, AttributeError):  # a file system without links
        if target.exists():
            raise FileExistsError from None
        temporary.replace(target)
