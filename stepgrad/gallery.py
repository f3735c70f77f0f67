"""The examples: programs that ship with stepgrad, found by name.

In a checkout they lie beside the package, in an installed distribution inside it.
"""

from __future__ import annotations

from pathlib import Path

from stepgrad.errors import InputError, nearest

SUFFIX = ".sg"
PLACES = (Path(__file__).parent / "examples", Path(__file__).parent.parent / "examples")


def example_paths() -> dict[str, Path]:
    """Return every example's file by name, sorted."""
    folder = next((place for place in PLACES if any(place.glob(f"*{SUFFIX}"))), PLACES[0])
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def example_title(path: Path) -> str:
    """Return the first line of an example's header comment."""
    return path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")


def example_text(name: str) -> str:
    """Return the program text of an example.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    paths = example_paths()
    if name not in paths:
        raise InputError(f"there is no example {name!r}; `stepgrad examples` lists them{nearest(name, paths)}")
    return paths[name].read_text(encoding="utf-8")
