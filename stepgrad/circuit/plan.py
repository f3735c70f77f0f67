"""The plan: what of a layout does not depend on the widths, its rows and the paths of its wires."""

from __future__ import annotations

from typing import NamedTuple

from stepgrad.circuit.channels import Channel, route
from stepgrad.circuit.layers import Layered
from stepgrad.circuit.parts import Circuit
from stepgrad.circuit.rows import rows_of
from stepgrad.circuit.runs import Room


class Plan(NamedTuple):
    """Rows and paths of a circuit, before there are columns.

    Attributes
    ----------
    layered : Layered
    row : list of int
        Per node; the drawing begins at ``top``.
    top, height : int
    channels : list of Channel
        One fewer than there are layers.
    """

    layered: Layered
    row: list[int]
    top: int
    height: int
    channels: list[Channel]


def draft(layered: Layered, room: Room) -> Plan:
    """Give every node its row and every wire its path."""
    row, halves = rows_of(layered, room), room.halves
    channels = [route(layered, row, layer) for layer in range(len(layered.layers) - 1)]
    tops = [y - half for y, half in zip(row, halves, strict=True)]
    bottoms = [y + half for y, half in zip(row, halves, strict=True)]
    paths = [y for channel in channels for path in channel.paths.values() for y in path.rows]
    top, bottom = min(tops + paths, default=0), max(bottoms + paths, default=-1)
    return Plan(layered, row, top, bottom - top + 1, channels)


def room_for(circuit: Circuit, layered: Layered, row_gap: int, *, boxed: bool) -> Room:
    """Return how much room every node needs above and below."""
    halves = [half(circuit, layered, node, boxed=boxed) for node in range(len(layered.left))]
    return Room(halves, row_gap, len(circuit.vertices))


def half(circuit: Circuit, layered: Layered, node: int, *, boxed: bool) -> int:
    """Return the rows that a node needs above its own, and again below."""
    if node >= len(circuit.vertices):
        return 0
    vertex, sources = circuit.vertices[node], layered.left[node]
    needed = vertex.lines if vertex.leaf or not boxed else max(vertex.lines, 1)
    forked = any(len(layered.right[source]) > 1 for source in sources)
    return max(needed, len(sources) // 2) if forked and len(sources) > 1 else needed
