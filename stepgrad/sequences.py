"""Sequences: entries that are made when somebody looks, found by an index as those of a list are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

Entry_co = TypeVar("Entry_co", covariant=True)
SHOWN = 1000  # entries that are shown in a console


class Made(Sequence[Entry_co]):
    """A sequence whose entries are made one by one.

    Attributes
    ----------
    has : str
        What it says where there is no such entry, with a place for how many there are.
    """

    has = "there are {} entries"

    def at(self, index: int) -> Entry_co:
        """Return the entry with an index from 0 on that there is."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> Entry_co: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry_co]: ...

    def __getitem__(self, index: Any) -> Any:
        count = len(self)
        if isinstance(index, slice):
            return [self.at(each) for each in range(*index.indices(count))]
        if not -count <= index < count:
            raise IndexError(self.has.format(count))
        return self.at(index % count)

    def __eq__(self, other: object) -> bool:
        """Whether this is a sequence of equal entries."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(x == y for x, y in zip(self, other))

    def __hash__(self) -> int:
        return hash(len(self))

    def __repr__(self) -> str:
        return repr(list(self)) if len(self) < SHOWN else f"<{len(self):,} entries>"
