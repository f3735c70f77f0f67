"""The circuit's layout: which characters stand where when a graph is drawn, left to right.

>>> circuit = Circuit((Vertex("x", True, 4), Vertex("exp", False, 4)), ((), (0,)))
>>> layout = fit(circuit, 40, 10)
>>> layout.width, layout.height
(25, 3)
"""

from stepgrad.circuit.drawing import Cell
from stepgrad.circuit.layout import Layout, fit, lay_out
from stepgrad.circuit.parts import SPACINGS, SYMBOLS, Box, Circuit, Point, Spacing, Vertex

__all__ = ["SPACINGS", "SYMBOLS", "Box", "Cell", "Circuit", "Layout", "Point", "Spacing", "Vertex", "fit", "lay_out"]
