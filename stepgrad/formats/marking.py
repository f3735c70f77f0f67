"""Marking: a pass told with marks in place of all that differs from pass to pass in its text.

Marks are private characters. A name has a mark of its own, as long as the name; all numbers have one, and so have
their signs of relation; an array has marks for its sign of relation, for a blank line of its width, and for each of
its lines. How wide arrays are is not known: so a pass is told twice, as if they were narrow, and as if they were wide,
and it is written down what room there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from stepgrad.formats.alike import Places
from stepgrad.formats.blocks import BELOW, GAP, Block, Blocks, in_line, stacked
from stepgrad.formats.plain import Plain
from stepgrad.stretch import Edge, Stretch
from stepgrad.tape import Node
from stepgrad.tensor import Array, Tensor

NAME, ROW, BLANK, NUMBER, RELATION = 0xF0000, 0x100000, 0x108000, 0x10FFF0, 0x10FFF1  # marks of each kind, from here on
FILL = "\U0010fffd"  # makes a mark as long as what it stands for
MOST = NUMBER - BLANK  # marks for arrays


class Room(NamedTuple):
    """The room for the arrays of a step.

    Attributes
    ----------
    arrays : list of int
        Which stand beside each other if the step is narrow.
    together : int
        How wide they may be then, together.
    each : list of (int, int)
        Arrays, and how wide each may be in any case.
    """

    arrays: list[int]
    together: int
    each: list[tuple[int, int]]


class Everywhere(dict[Any, Any]):
    """The same for every key."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found

    def __missing__(self, key: Any) -> Any:
        return self.found


class MarkedNames(dict[Any, str]):
    """A mark for the name of every node."""

    def __init__(self, indices: Iterable[int], lengths: Sequence[int]) -> None:
        super().__init__()
        self.places = {index: place for place, index in enumerate(indices)}
        self.lengths = lengths

    def __missing__(self, node: Node) -> str:
        place = self.places[node.index]
        found = self[node] = chr(NAME + place) + FILL * (self.lengths[place] - 1)
        return found


class MarkedBlocks:
    """Marks for arrays that differ from pass to pass; what stays the same is printed.

    Attributes
    ----------
    known : dict
        Which of the distinct numbers of the pass an array is, by its identity; of those at hand.
    first : dict
        The first mark of each that was asked for.
    rows : dict
        How many lines each has.
    """

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.known: dict[int, int] = {}
        self.first: dict[int, int] = {}
        self.rows: dict[int, int] = {}
        self.size = 0

    def __getitem__(self, array: Array) -> Block:
        printed, place = self.blocks[array], self.known.get(id(array))
        if place is None:
            return printed
        if place not in self.first:
            self.first[place], self.rows[place] = self.size, len(printed.lines)
            self.size += 2 + len(printed.lines)
        first = ROW + self.first[place]
        lines = [chr(first + 2 + row) for row in range(self.rows[place])]
        return Block(chr(first), lines, chr(first - ROW + BLANK), True, printed.shape, True)


class Marking(Plain):
    """Tells a pass with marks.

    Parameters
    ----------
    plain : Plain
    names : MarkedNames
    blocks : MarkedBlocks
    number : str
        The mark of a number, filled up to the width of the column.
    is_wide : bool
        Whether arrays are told as if they were too wide to stand beside each other.

    Attributes
    ----------
    rooms : dict
        By step, where there are marked arrays.
    has_told : bool
        Whether a step was left to the export.
    """

    def __init__(self, plain: Plain, names: MarkedNames, blocks: MarkedBlocks, number: str, *, is_wide: bool) -> None:
        self.__dict__ |= plain.__dict__
        self.names = self.marked = names
        self.numbers = Everywhere((number, False))
        self.equal = chr(RELATION), chr(RELATION)
        self.blocks: Any = blocks
        self.is_wide = is_wide
        self.told = self.tell
        self.rooms: dict[int, Room] = {}
        self.has_told = False

    def tell(self, event: Any) -> Iterable[str]:
        """Leave a step to the export."""
        self.has_told = True
        return ()

    def told_with(self, stretch: Stretch, places: Places, values: Mapping[int, int]) -> Iterator[str]:
        """Yield the lines of every step, without its number.

        Parameters
        ----------
        stretch : Stretch
        places : Places
        values : mapping
            For nodes by their places, which number of the pass they hold.
        """
        self.stretch, self.places, self.values = stretch, places, values
        forward = self.forward(stretch.before, stretch.first_step + 1)
        backward = self.backward(stretch, keep=False)
        tail = self.forward(stretch.recorded.tail, stretch.tail_step + 1)
        return self.steps(chain(forward, backward, tail), stretch.first_step + 1)

    def steps(self, lines: Iterable[str], step: int) -> Iterator[str]:
        """Yield the lines of every step as one text, without its number."""
        width, found = self.columns.step, list[str]()
        for line in lines:
            if line.startswith(f"{str(step).rjust(width)}  "):
                if found:
                    yield "\n".join(found)
                found, step = [], step + 1
                line = line[width:]
            found.append(line)
        if found:
            yield "\n".join(found)

    # Which arrays are at hand, step by step

    def know(self, arrays: Iterable[tuple[Array, int | None]]) -> None:
        """Say which of the distinct numbers of the pass arrays are; None for one that stays the same."""
        known: dict[int, int | None] = {}
        for array, place in arrays:
            if known.setdefault(id(array), place) != place:  # they only happen to be one here
                self.has_told = True
        self.blocks.known = {each: place for each, place in known.items() if place is not None}

    def value_of(self, node: Node, operand: Any) -> tuple[Array, int | None]:
        """Return what an operand holds, and which number of the pass that is."""
        if not isinstance(operand, Node):
            return operand, None
        return self.trace.saw(node, operand), self.values.get(self.marked.places[operand.index])

    def computed(self, node: Node, step: int) -> Sequence[str]:
        """Return the lines of a forward step."""
        self.step = step
        self.know([self.value_of(node, node)])
        return super().computed(node, step)

    def carried(self, edge: Edge, product: Array, of: str, step: int) -> Sequence[str]:
        """Return the lines of an edge between tensors."""
        self.step = step
        node, slot, operand, upstream, local, total, first = edge
        number, places = step - self.stretch.seed_step - 2, self.places
        upstream, product, total = map(likeness, (upstream, product, total))  # what is sent on as it is, is told apart
        sent = (upstream, places.uppers[number]), (product, places.products[number]), (total, places.totals[number])
        self.know([*sent, *[self.value_of(node, each) for each in (node.a, node.b, node) if each is not None]])
        return super().carried((node, slot, operand, upstream, local, total, first), product, of, step)

    def updated_tensor(self, name: str, arrays: Sequence[Array], step: int) -> Sequence[str]:
        """Return the lines of the update of a tensor."""
        self.step = step
        number, places = step - self.stretch.tail_step - 1, self.places
        self.know(zip(arrays, (places.old[number], places.changes[number], places.after[number])))
        return super().updated_tensor(name, arrays, step)

    # How they are set

    def fit(self, left: str, right: str, block: Block | None) -> Sequence[str]:
        """Set a value behind its name, or on the next line."""
        array = None if block is None else self.array(block)
        if block is None or array is None:
            return super().fit(left, right, block)
        if block.below:
            self.rooms[self.step] = Room([], 0, [(array, self.room)])
            return super().fit(left, right, block)
        together = self.columns.line - len(left) - len(right)  # the mark of the row is one of these
        self.rooms[self.step] = Room([array], together, [(array, self.room - len(right) + 1)])
        if len(left) > self.columns.line:
            return []
        return [left.rstrip(), f"{BELOW}{right}"] if self.is_wide else [f"{left} {right}"]

    def beside(self, blocks: Sequence[tuple[str, Block]]) -> list[str]:
        """Set named blocks side by side, or one below the other."""
        arrays = [self.array(block) for _, block in blocks]
        labels = [f"{name} {block.relation} " for name, block in blocks]
        taken = [
            len(label) + (block.width if array is None else 0)
            for label, array, (_, block) in zip(labels, arrays, blocks)
        ]
        together = self.room - sum(taken) - len(GAP) * (len(blocks) - 1)
        each = [(array, self.room - length) for array, length in zip(arrays, taken) if array is not None]
        self.rooms[self.step] = Room([array for array in arrays if array is not None], together, each)
        if max(taken) > self.room:
            return []
        set_: Callable[..., list[str]] = stacked if self.is_wide else in_line
        return set_(labels, [block for _, block in blocks])

    def array(self, block: Block) -> int | None:
        """Return the first mark of an array; None for one that stays the same."""
        first = ord(block.relation) - ROW
        return first if first >= 0 else None


def likeness(array: Array) -> Array:
    """Return an array like another, but with an identity of its own."""
    return Tensor(array.shape, array.data) if isinstance(array, Tensor) else array * 1.0
