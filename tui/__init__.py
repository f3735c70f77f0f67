"""The replay: a terminal screen for a trace, drawn with Textual.

``keys``, ``session``, ``plan`` and ``view`` know no Textual: what is shown and what happens is decided and tested
there. ``palette``, ``widgets``, ``screens`` and ``app`` draw it and listen to keys.
"""
