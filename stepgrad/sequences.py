"""Sequences: entries that are made when somebody looks, found by an index as those of a list are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

Entry_co = TypeVar("Entry_co", covariant=True)


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
