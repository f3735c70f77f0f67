"""Files: a trace is written whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from stepgrad.errors import FormatError, InputError
from stepgrad.formats import FORMATS, render
from stepgrad.trace import Trace

FORMAT_OF = {".txt": "text", ".json": "json"}


def save(trace: Trace, path: Path, *, overwrite: bool = False, **options: Any) -> None:
    """Write a trace into a file, in the format of its ending.

    It is written beside its place and then renamed, so that the old file stays until the new one is
    whole. Options that the format does not take are left out.

    Raises
    ------
    FormatError
        If no format has this ending.
    InputError
        If there is a file already and ``overwrite`` is not set, or if it cannot be written.
    """
    name = FORMAT_OF.get(path.suffix)
    if name is None:
        raise FormatError(f"no format ends in {path.suffix or 'nothing'!r}; use {' or '.join(FORMAT_OF)}")
    if path.exists() and not overwrite:
        raise InputError(f"{str(path)!r} exists already; choose another name, or allow to overwrite it")
    taken = {key: value for key, value in options.items() if key in FORMATS[name].__code__.co_varnames}
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in render(trace, name, **taken))
        beside.replace(path)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}; choose another place") from None
    finally:
        with suppress(OSError):
            beside.unlink()
