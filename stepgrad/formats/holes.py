"""Holes: what is put into the template of a pass, in one list, and which of it stands at which step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from stepgrad.columns import Columns, several
from stepgrad.formats.alike import Distinct, Standing
from stepgrad.tape import Node
from stepgrad.tensor import Array


class Texts(NamedTuple):
    """Where the texts of each kind begin.

    Attributes
    ----------
    step, name : int
    number, relation : int
        The distinct numbers; and the signs before these where there is nothing but a value.
    factors, products : int
        The signs before the factors and the products of edges between numbers.
    total : int
        Of those of these edges whose products are added to others.
    equation, update : int
        What the updates of numbers add, and the signs before what they give.
    array : int
        All of the arrays; behind them, the rules that follow edges.
    """

    step: int
    name: int
    number: int
    relation: int
    factors: int
    products: int
    total: int
    equation: int
    update: int
    array: int


class Holes:
    """Where the numbers of a pass stand; that is the same for all passes of a pattern.

    Parameters
    ----------
    columns : Columns
    numbers : sequence of Array
        The distinct ones of some pass.

    Attributes
    ----------
    held : dict
        For nodes by their places, which of the distinct numbers of the pass they hold.
    scalars : callable
        Picks those that are no tensors; wherever else numbers are spoken of, these are counted.
    ranks : dict
        Which of them one of the distinct numbers is.
    computed : list of (int, int)
        The steps before the sweep that give a number, and which one.
    edges : list of (int, int, int)
        Of every edge between numbers, its upstream, local and product.
    edge_steps, scalar_steps : list of int
        Theirs, and all of those that give a number but for the seed.
    later : list of int
        Which of these edges meet others.
    totals : list of int
        What has arrived after each of them.
    updates : dict
        By step, the old number, the change and the new one.
    update_of : dict
        By step, which of the updates of numbers it is.
    at : Texts
    of_step : dict
        What is put into the holes for numbers and signs of a step, in order.
    """

    def __init__(self, columns: Columns, distinct: Distinct, numbers: Sequence[Array]) -> None:
        self.pattern = pattern = columns.pattern
        self.distinct = distinct
        self.places = places = distinct.places
        self.standing = standing = Standing(pattern)
        for node in pattern.model.nodes:
            for operand in node.operands:
                if isinstance(operand, Node):
                    standing.place(operand)
        self.held = {standing.back + place: number for place, number in enumerate(places.values)}
        self.held |= {standing.place(node): number for node, number in zip(pattern.replaced, places.old)}
        scalars = [place for place, number in enumerate(numbers) if isinstance(number, float)]
        self.scalars = several(scalars)
        self.ranks = rank = {place: number for number, place in enumerate(scalars)}
        seed, tail = pattern.before, pattern.before + pattern.swept
        self.computed = [(step, rank[place]) for step, place in enumerate(places.values) if place in rank]
        three = list(zip(places.uppers, places.locals, places.products))
        chosen = [edge for edge, each in enumerate(three) if rank.keys() >= {*each}]
        self.edges = [[rank[place] for place in three[edge]] for edge in chosen]
        self.edge_steps = [seed + 1 + edge for edge in chosen]
        self.scalar_steps = [*[step for step, _ in self.computed], *self.edge_steps]
        self.later = [k for k, edge in enumerate(chosen) if not columns.firsts[edge]]
        self.totals = [rank[places.totals[chosen[k]]] for k in self.later]
        changed = enumerate(zip(places.old, places.changes, places.after), tail)
        self.updates = {step: [rank[place] for place in each] for step, each in changed if rank.keys() >= {*each}}
        self.update_of = {step: number for number, step in enumerate(self.updates)}
        named, count, edges = standing.back + pattern.period + len(standing.others), len(scalars), len(chosen)
        sizes = pattern.steps, named, count, count, edges, edges, len(self.later), len(self.updates), len(self.updates)
        self.at = Texts(*accumulate(sizes, initial=0))
        self.of_step = self.by_step(seed, rank[places.uppers[0]])

    def by_step(self, seed_step: int, seed: int) -> dict[int, list[int]]:
        """Return what is put into the holes of every step with numbers."""
        at = self.at
        found = {step: [at.relation + k, at.number + k] for step, k in [*self.computed, (seed_step, seed)]}
        for edge, (step, (upper, local, product)) in enumerate(zip(self.edge_steps, self.edges)):
            factors = [at.factors + edge, at.number + upper, at.number + local]
            found[step] = [*factors, at.products + edge, at.number + product]
        for k, edge in enumerate(self.later):
            found[self.edge_steps[edge]].append(at.total + k)
        return found
