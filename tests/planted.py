"""Planted bugs: an autograd of its own, with a switch for every bug, and programs to plant them in.

Nothing of stepgrad's rules is used: from a trace come only which gate was applied to which operands, and what
they held. The backward rules are written down a second time, on nested lists, and what is planted is wrong in
them; where the first wrong edge is follows from running them once rightly and once wrongly.
"""

import math
import random
from collections import defaultdict

import stepgrad

# Nested lists


def apply(function, *arrays):
    if any(isinstance(each, list) for each in arrays):
        size = next(len(each) for each in arrays if isinstance(each, list))
        return [
            apply(function, *((each[i] if isinstance(each, list) else each) for each in arrays)) for i in range(size)
        ]
    return function(*arrays)


def leaves(array):
    return [x for each in array for x in leaves(each)] if isinstance(array, list) else [array]


def shape(array):
    return (len(array), *shape(array[0])) if isinstance(array, list) else ()


def add(x, y):
    return apply(lambda a, b: a + b, x, y)


def mul(x, y):
    return apply(lambda a, b: a * b, x, y)


def scale(x, k):
    return apply(lambda a: a * k, x)


def T(m):
    return [list(row) for row in zip(*m)]


def dot(a, b):
    total = 0.0
    for x, y in zip(a, b):
        total += x * y
    return total


def mm(a, b):
    return [[dot(row, column) for column in T(b)] for row in a]


def summed(array):
    total = 0.0
    for x in leaves(array):
        total += x
    return total


def sum_to(array, target):
    """Sum over the axes along which something of this shape was copied."""
    while len(shape(array)) > len(target):
        total = array[0]
        for each in array[1:]:
            total = add(total, each)
        array = total
    if not target:
        return array
    if target[0] == 1 and len(array) > 1:
        total = array[0]
        for each in array[1:]:
            total = add(total, each)
        array = [total]
    return [sum_to(each, target[1:]) for each in array]


def outer(a, b):
    return [[x * y for y in b] for x in a]


def fill(like, number):
    return [fill(each, number) for each in like] if isinstance(like, list) else number


# Rules: upstream, result, operands, slot, params → product


def matmul_rule(u, z, ops, slot, params):
    a, b = ops
    ra, rb = len(shape(a)), len(shape(b))
    if (ra, rb) == (1, 1):
        return scale(ops[1 - slot], u)
    if (ra, rb) == (2, 1):
        return outer(u, b) if slot == 0 else [dot(column, u) for column in T(a)]
    if (ra, rb) == (1, 2):
        return [dot(row, u) for row in b] if slot == 0 else outer(a, u)
    return mm(u, T(b)) if slot == 0 else mm(T(a), u)


def spread(u, x, axis, keepdims):
    if axis is None:
        return fill(x, leaves(u)[0])
    if axis % len(shape(x)) == 0:
        row = u[0] if keepdims else u
        return [apply(lambda a: a, row) for _ in x]
    return [fill(row, leaves(each)[0]) for row, each in zip(x, u)]


def count_along(x, axis):
    return len(leaves(x)) if axis is None else shape(x)[axis]


def softmax_of(row):
    powers = [math.exp(x - max(row)) for x in row]
    total = summed(powers)
    return [p / total for p in powers]


def softmax_rule(u, z, ops, slot, params):
    if isinstance(z[0], list):
        return [softmax_rule(a, b, [None], 0, params) for a, b in zip(u, z)]
    along = dot(u, z)
    return [p * (a - along) for a, p in zip(u, z)]


def cross_entropy_rule(u, z, ops, slot, params):
    scores, labels = ops
    if not isinstance(scores[0], list):
        return [u * (p - (c == labels)) for c, p in enumerate(softmax_of(scores))]
    return [
        [u * (p - (c == label)) / len(scores) for c, p in enumerate(softmax_of(row))]
        for row, label in zip(scores, labels)
    ]


def index_rule(u, z, ops, slot, params):
    x = fill(ops[0], 0.0)
    (i, *more) = params["index"]
    if more:
        x[i][more[0]] = u
    else:
        x[i] = u
    return x


def conv_rule(u, z, ops, slot, params):
    image, kernel = ops
    found = fill(ops[slot], 0.0)
    for i in range(len(u)):
        for j in range(len(u[0])):
            for a in range(len(kernel)):
                for b in range(len(kernel[0])):
                    if slot == 0:
                        found[i + a][j + b] += u[i][j] * kernel[a][b]
                    else:
                        found[a][b] += u[i][j] * image[i + a][j + b]
    return found


def elementwise(local):
    return lambda u, z, ops, slot, params: mul(
        u, apply(local, *[fill(z, o) if not isinstance(o, list) and isinstance(z, list) else o for o in ops], z)
    )


RULES = {
    ("add", 0): elementwise(lambda x, y, z: 1.0),
    ("add", 1): elementwise(lambda x, y, z: 1.0),
    ("sub", 0): elementwise(lambda x, y, z: 1.0),
    ("sub", 1): elementwise(lambda x, y, z: -1.0),
    ("mul", 0): elementwise(lambda x, y, z: y),
    ("mul", 1): elementwise(lambda x, y, z: x),
    ("div", 0): elementwise(lambda x, y, z: 1 / y),
    ("div", 1): elementwise(lambda x, y, z: -x / y**2),
    ("pow", 0): elementwise(lambda x, y, z: y * x ** (y - 1)),
    ("exp", 0): elementwise(lambda x, z: z),
    ("log", 0): elementwise(lambda x, z: 1 / x),
    ("sqrt", 0): elementwise(lambda x, z: 1 / (2 * z)),
    ("sin", 0): elementwise(lambda x, z: math.cos(x)),
    ("cos", 0): elementwise(lambda x, z: -math.sin(x)),
    ("tanh", 0): elementwise(lambda x, z: 1 - z * z),
    ("sigmoid", 0): elementwise(lambda x, z: z * (1 - z)),
    ("relu", 0): elementwise(lambda x, z: float(x > 0)),
    ("matmul", 0): matmul_rule,
    ("matmul", 1): matmul_rule,
    ("sum", 0): lambda u, z, ops, slot, p: spread(u, ops[0], p["axis"], p["keepdims"]),
    ("mean", 0): lambda u, z, ops, slot, p: scale(
        spread(u, ops[0], p["axis"], p["keepdims"]), 1 / count_along(ops[0], p["axis"])
    ),
    ("broadcast", 0): lambda u, z, ops, slot, p: sum_to(u, shape(ops[0])),
    ("transpose", 0): lambda u, z, ops, slot, p: T(u),
    ("index", 0): index_rule,
    ("stack", 0): lambda u, z, ops, slot, p: u[slot],
    ("softmax", 0): softmax_rule,
    ("cross_entropy", 0): cross_entropy_rule,
    ("mse", 0): lambda u, z, ops, slot, p: apply(lambda x, y: u * 2 * (x - y) / len(leaves(ops[0])), *ops),
    ("mse", 1): lambda u, z, ops, slot, p: apply(lambda x, y: -u * 2 * (x - y) / len(leaves(ops[0])), *ops),
    ("conv2d", 0): conv_rule,
    ("conv2d", 1): conv_rule,
}
for i in range(2, 20):
    RULES["stack", i] = RULES["stack", 0]

WRONG = {
    "tanh": (lambda x, z: z * (1 - z), lambda x, z: 1 + z * z, lambda x, z: 1 - x * x, lambda x, z: 1 - math.tanh(z) ** 2, lambda x, z: 1 - z),
    "sigmoid": (lambda x, z: z, lambda x, z: x * (1 - x), lambda x, z: 1 - z, lambda x, z: 1 - z * z, lambda x, z: (s := 1 / (1 + math.exp(-z))) * (1 - s)),
    "relu": (lambda x, z: 1.0, lambda x, z: z, lambda x, z: float(x < 0)),
    "exp": (lambda x, z: 1.0, lambda x, z: x, lambda x, z: x * math.exp(x - 1)),
    "log": (lambda x, z: x, lambda x, z: 1 / z),
    "sqrt": (lambda x, z: 1 / (2 * x), lambda x, z: z / 2),
    "sin": (lambda x, z: -math.cos(x), lambda x, z: math.sin(x)),
    "cos": (lambda x, z: math.cos(x), lambda x, z: math.sin(x)),
    "div": (lambda x, y, z: 1 / y, lambda x, y, z: -1 / y**2, lambda x, y, z: -x / y),
    "pow": (lambda x, y, z: x ** (y - 1), lambda x, y, z: y * x**y, lambda x, y, z: y * x),
}  # fmt: skip


# The engine under test


class Graph:
    """What a pass computed, and its gradients by rules of its own."""

    def __init__(self, trace):
        self.trace = trace
        self.nodes = {e.node: e for e in trace if isinstance(e, stepgrad.Forward)}
        self.edges = [(e.node, e.slot, e.operand) for e in trace if isinstance(e, stepgrad.Backward)]
        self.steps = [e.step for e in trace if isinstance(e, stepgrad.Backward)]
        self.output = next(e.node for e in trace if isinstance(e, stepgrad.Seed))
        self.value = {i: value_of(e.value) for i, e in self.nodes.items()}
        self.inputs = [i for i, e in self.nodes.items() if e.gate.name == "input"]
        self.arrived = defaultdict(list)
        for place, (_, _, operand) in enumerate(self.edges):
            self.arrived[operand].append(place)

    def operands(self, node):
        return [self.value[o] if isinstance(o, int) else value_of(o) for o in self.nodes[node].operands]

    def gate(self, node):
        return self.nodes[node].gate.name

    def params(self, node):
        return self.trace.node(node).params

    def right(self, place, u):
        node, slot, _ = self.edges[place]
        return RULES[self.gate(node), slot](u, self.value[node], self.operands(node), slot, self.params(node))

    def run(self, wrong=None, assigning=(), start=None, seed=1.0):
        """Return the gradients, and what was sent and held after every edge."""
        grads = dict(start or {})
        grads[self.output] = seed
        log = []
        for place, (node, slot, operand) in enumerate(self.edges):
            u = grads[node]
            rule = (wrong or {}).get(place)
            sent = (
                self.right(place, u)
                if rule is None
                else rule(u, self.value[node], self.operands(node), slot, self.params(node))
            )
            if sent is not None:
                grads[operand] = sent if operand not in grads or place in assigning else add(grads[operand], sent)
            elif operand not in grads:
                grads[operand] = fill(self.value[operand], 0.0)
            log.append((sent, grads[operand]))
        return grads, log


def value_of(array):
    if hasattr(array, "data"):
        level = list(array.data)
        for size in reversed(array.shape[1:]):
            level = [level[i : i + size] for i in range(0, len(level), size)]
        return level
    return array


# Where and what is planted: yield (name, edges concerned, keywords for run)


def sites(graph, rng, accept):
    """One edge that fits, or all of its gate and slot."""
    places = [p for p, (node, slot, operand) in enumerate(graph.edges) if accept(p, graph.gate(node), slot, operand)]
    if not places:
        return []
    one = rng.choice(places)
    if rng.random() < 0.6:
        return [one]
    node, slot, _ = graph.edges[one]
    return [p for p in places if (graph.gate(graph.edges[p][0]), graph.edges[p][1]) == (graph.gate(node), slot)]


def wrongly(graph, places, change):
    """The right product, changed."""

    def rule_at(place):
        return lambda u, z, ops, slot, params: change(graph.right(place, u))

    return {"wrong": {place: rule_at(place) for place in places}}


def missing_plus(graph, rng):
    forks = [o for o, places in graph.arrived.items() if len(places) > 1]
    if not forks:
        return None
    kind = rng.random()
    if kind < 0.5:
        chosen = [rng.choice(forks)]
    elif kind < 0.75:
        chosen = forks
    else:
        chosen = [o for o in forks if o in graph.inputs] or forks
    return {"assigning": {p for o in chosen for p in graph.arrived[o]}}


def wrong_sign(graph, rng):
    return wrongly(graph, sites(graph, rng, lambda *edge: True), lambda g: scale(g, -1.0))


def factor_two(graph, rng):
    places = sites(
        graph,
        rng,
        lambda p, gate, slot, o: (
            gate in ("pow", "mse", "mul") and len(set(map(str, graph.nodes[graph.edges[p][0]].operands))) > 1
        ),
    )
    k = rng.choice((0.5, 2.0))
    return wrongly(graph, places, lambda g: scale(g, k)) if places else None


def wrong_derivative(graph, rng):
    places = sites(graph, rng, lambda p, gate, slot, o: gate in WRONG and (gate != "div" or slot == 1))
    if not places:
        return None
    gate = graph.gate(graph.edges[places[0]][0])
    rule = elementwise(rng.choice(WRONG[gate]))
    return {"wrong": dict.fromkeys(places, rule)}


def forgotten(graph, rng):
    shared = [p for places in graph.arrived.values() if len(places) > 1 for p in places]
    # Of two edges, the first one forgotten looks as the second one with `=` does.
    shared = [
        p for p in shared if len(graph.arrived[graph.edges[p][2]]) > 2 or p == graph.arrived[graph.edges[p][2]][1]
    ]
    return {"wrong": {rng.choice(shared): lambda *edge: None}} if shared else None


def swapped(graph, rng):
    places = sites(
        graph,
        rng,
        lambda p, gate, slot, o: (
            gate == "mul" and all(isinstance(x, int) for x in graph.nodes[graph.edges[p][0]].operands)
        ),
    )
    if not places:
        return None
    return {"wrong": {p: (lambda u, z, ops, slot, params: mul(u, ops[slot])) for p in places}}


def missing_transpose(graph, rng):
    def fits(p, gate, slot, operand):
        a, b = (shape(x) for x in graph.operands(graph.edges[p][0])) if gate == "matmul" else ((), ())
        if len(a) == 2 and len(b) == 2:
            return b[0] == b[1] if slot == 0 else a[0] == a[1]
        return len(a) == 2 and len(b) == 1 and slot == 1 and a[0] == a[1]

    places = sites(graph, rng, fits)

    def rule(u, z, ops, slot, params):
        a, b = ops
        if len(shape(b)) == 1:
            return [dot(row, u) for row in a]
        return mm(u, b) if slot == 0 else mm(a, u)

    return {"wrong": dict.fromkeys(places, rule)} if places else None


def transposed_product(graph, rng):
    places = [
        p
        for p, (node, slot, o) in enumerate(graph.edges)
        if graph.gate(node) == "matmul"
        and len(shape(graph.value[o])) == 2
        and o in graph.inputs
        and len(graph.arrived[o]) == 1
    ]
    return wrongly(graph, [rng.choice(places)], T) if places else None


def missing_sum(graph, rng):
    places = [
        p
        for p, (node, slot, o) in enumerate(graph.edges)
        if graph.gate(node) == "broadcast" and o in graph.inputs and len(graph.arrived[o]) == 1
    ]
    if not places:
        return None
    kind = rng.choice(("raw", "last", "first"))

    def rule(u, z, ops, slot, params):
        if kind == "raw":
            return u
        target, picked = shape(ops[0]), u
        while len(shape(picked)) > len(target):
            picked = picked[-1 if kind == "last" else 0]
        return picked if shape(picked) == target else u

    return {"wrong": {rng.choice(places): rule}}


def batch_mean(graph, rng):
    places = [
        p
        for p, (node, slot, o) in enumerate(graph.edges)
        if (graph.gate(node) == "broadcast" and o in graph.inputs) or graph.gate(node) == "sum"
    ]
    if not places:
        return None
    place = rng.choice(places)
    node, _, operand = graph.edges[place]
    big, small = (
        (graph.value[node], graph.value[operand])
        if graph.gate(node) == "broadcast"
        else (graph.value[operand], graph.value[node])
    )
    return wrongly(graph, [place], lambda g: scale(g, len(leaves(small)) / len(leaves(big))))


def no_mean(graph, rng):
    places = [
        p
        for p, (node, slot, o) in enumerate(graph.edges)
        if graph.gate(node) in ("mean", "mse", "cross_entropy")
        and len(shape(graph.value[o])) > (graph.gate(node) == "cross_entropy")
    ]
    if not places:
        return None
    place = rng.choice(places)
    node, _, operand = graph.edges[place]
    if graph.gate(node) == "cross_entropy":
        k = len(graph.value[operand])
    else:
        k = len(leaves(graph.value[operand])) / len(leaves(graph.value[node]))
    return wrongly(graph, [place], lambda g: scale(g, k))


def no_one(graph, rng):
    places = [p for p, (node, slot, o) in enumerate(graph.edges) if graph.gate(node) == "cross_entropy"]

    def rule(u, z, ops, slot, params):
        scores = ops[0]
        return (
            apply(lambda p: u * p / len(scores), [softmax_of(row) for row in scores])
            if isinstance(scores[0], list)
            else scale(softmax_of(scores), u)
        )

    return {"wrong": dict.fromkeys(places, rule)} if places else None


def softmax_diagonal(graph, rng):
    places = [p for p, (node, slot, o) in enumerate(graph.edges) if graph.gate(node) == "softmax"]
    return (
        {"wrong": dict.fromkeys(places, lambda u, z, ops, slot, params: mul(u, apply(lambda p: p * (1 - p), z)))}
        if places
        else None
    )


def stale(graph, rng):
    first, _ = graph.run()
    if rng.random() < 0.6:
        return {"start": {i: first[i] for i in graph.inputs if i in first}}
    return {"start": {i: g for i, g in first.items() if i != graph.output}}


def straight(graph, rng):
    places = sites(graph, rng, lambda p, gate, slot, o: gate in ("tanh", "sigmoid", "exp", "relu", "sin"))
    return {"wrong": dict.fromkeys(places, lambda u, z, ops, slot, params: u)} if places else None


def relu_by_upstream(graph, rng):
    places = sites(graph, rng, lambda p, gate, slot, o: gate == "relu")
    return (
        {"wrong": dict.fromkeys(places, lambda u, z, ops, slot, params: apply(lambda a: a if a > 0 else 0.0, u))}
        if places
        else None
    )


def updated(graph, rng):
    right, _ = graph.run()
    rate, wrong = rng.choice((0.01, 0.1, 0.5)), {}
    for p, (node, slot, operand) in enumerate(graph.edges):
        ops = graph.nodes[node].operands
        if graph.gate(node) in ("mul", "matmul") and operand not in graph.inputs and ops[1 - slot] in graph.inputs:
            weight = ops[1 - slot]
            new = add(graph.value[weight], scale(right[weight], -rate))

            def rule(u, z, ops, slot, params, node=node, new=new):
                changed = list(ops)
                changed[1 - slot] = new
                return RULES[graph.gate(node), slot](u, z, changed, slot, params)

            wrong[p] = rule
    return {"wrong": wrong} if wrong else None


BUGS = {
    missing_plus: {"missing +="},
    wrong_sign: {"wrong sign"},
    factor_two: {"factor 2"},
    wrong_derivative: {"wrong derivative", "wrong sign", "missing local", "factor 2"},
    forgotten: {"forgotten edge", "missing +="},
    swapped: {"swapped operands"},
    missing_transpose: {"missing transpose"},
    transposed_product: {"missing transpose"},
    missing_sum: {"missing sum"},
    batch_mean: {"mean for sum"},
    no_mean: {"sum for mean"},
    no_one: {"wrong derivative"},
    softmax_diagonal: {"wrong derivative"},
    stale: {"stale gradient"},
    straight: {"missing local", "wrong derivative"},
    relu_by_upstream: {"wrong derivative"},
    updated: {"weights already updated"},
}

PROGRAMS = [
    ("f = (x + y) * z", {"x": (), "y": (), "z": ()}),
    ("a = w0*x0\nb = w1*x1\ns = a + b + w2\nm = -s\nh = exp(m)\nd = h + 1\nf = 1/d", dict.fromkeys(("w0", "x0", "w1", "x1", "w2"), ())),
    ("u = x*y\nv = u + x\nw = tanh(v)\nf = w*u + y", {"x": (), "y": ()}),
    ("a = sin(x)\nb = cos(a*y)\nc = a/(b*b + 2)\nf = c**3 + exp(x)*c", {"x": (), "y": ()}),
    ("p = x**2 + y**2 + 1\nr = sqrt(p)\nl = log(r + 3)\nf = l*x - y/r", {"x": (), "y": ()}),
    ("def neuron(w, x, b):\n    s = w*x + b\n    return tanh(s)\nh1 = neuron(w1, x, b1)\nh2 = neuron(w2, x, b2)\no = sigmoid(h1*v1 + h2*v2)\nf = (o - 0.3)**2", dict.fromkeys(("w1", "w2", "b1", "b2", "v1", "v2", "x"), ())),
    ("h1 = sigmoid(w1*i1 + w2*i2 + b1)\nh2 = sigmoid(w3*i1 + w4*i2 + b1)\no1 = sigmoid(w5*h1 + w6*h2 + b2)\no2 = sigmoid(w7*h1 + w8*h2 + b2)\nf = 0.5*(0.01 - o1)**2 + 0.5*(0.99 - o2)**2", dict.fromkeys(("w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "b1", "b2", "i1", "i2"), ())),
    ("s = w*x0 + b\nh0 = relu(s)\nt = w*x1 + u*h0 + b\nh1 = relu(t)\ng = w*x2 + u*h1 + b\nh2 = relu(g)\nf = (h2 - 2)**2 + h1*0.5", {"w": "+", "u": "+", "b": "+", "x0": "+", "x1": "+", "x2": "+"}),
    ("h = 0.1\nfor k in range(4):\n    a = w*xs[k] + u*h + b\n    h = tanh(a)\nf = (h - 1)**2", {"w": (), "u": (), "b": (), "xs": (4,)}),
    ("q = W @ x\nf = sum(q**2)", {"W": (3, 3), "x": (3,)}),
    ("h = tanh(X @ W1 + b1)\np = sigmoid(h @ w2 + b2)\nd = p - y\nf = mean(d**2)", {"X": (4, 3), "W1": (3, 3), "b1": (3,), "w2": (3,), "b2": (), "y": (4,)}),
    ("h = relu(X @ W1 + b1)\ns = h @ W2 + b2\nf = cross_entropy(s, [0, 2, 1, 0, 1])", {"X": (5, 4), "W1": (4, 4), "b1": (4,), "W2": (4, 3), "b2": (3,)}),
    ("s = W @ x + b\np = softmax(s)\nl = log(p)\nf = -l[1] + 0.1*sum(W**2)", {"W": (3, 3), "x": (3,), "b": (3,)}),
    ("h = X @ W\nmu = mean(h, axis=0)\nc = h - mu\nv = mean(c**2, axis=0)\nn = c / sqrt(v + 0.1)\no = g*n + b\nf = mean((o - 1)**3)", {"X": (4, 3), "W": (3, 3), "g": (3,), "b": (3,)}),
    ("c = conv2d(x, k)\nr = tanh(c)\nf = sum(r*r)", {"x": (4, 4), "k": (2, 2)}),
    ("q = X @ Q\nk = X @ K\nv = X @ V\na = softmax(q @ k.T)\no = a @ v\nf = sum(o**2)", {"X": (3, 3), "Q": (3, 3), "K": (3, 3), "V": (3, 3)}),
    ("e = A @ B\ng = e @ A\nf = mse(g, C)", {"A": (3, 3), "B": (3, 3), "C": (3, 3)}),
    ("h = zeros(3)\nfor k in range(3):\n    h = tanh(U @ h + W @ xs[k] + b)\ny = V @ h\nf = sum((y - 0.5)**2)", {"U": (3, 3), "W": (3, 3), "V": (2, 3), "b": (3,), "xs": (3, 3)}),
]  # fmt: skip


def random_array(rng, size):
    if size == "+":
        return round(rng.uniform(0.3, 1.5), 3)
    if not size:
        return round(rng.choice((-1, 1)) * rng.uniform(0.2, 1.8), 3)
    return [random_array(rng, size[1:]) for _ in range(size[0])]


def differs(x, y):
    if x is None or y is None or shape(x) != shape(y):
        return True
    return any(abs(a - b) > 1e-6 * max(abs(a), abs(b)) + 1e-9 for a, b in zip(leaves(x), leaves(y)))


def plant(seed, given="named"):
    """Return a trace, gradients with a bug in them, the names that it may have, and the step where it shows first."""
    rng = random.Random(seed)
    while True:
        program, sizes = rng.choice(PROGRAMS)
        trace = stepgrad.run(program, {name: random_array(rng, size) for name, size in sizes.items()})
        bug = rng.choice(list(BUGS))
        graph = Graph(trace)
        planted = bug(graph, rng)
        if planted is None:
            continue
        right, log = graph.run()
        try:
            wrong, wrong_log = graph.run(**planted)
        except (ArithmeticError, ValueError, TypeError, IndexError):
            continue
        names = {i: e.name for i, e in graph.nodes.items()}
        wanted = [
            i
            for i in right
            if i in graph.inputs or given == "all" or (given == "named" and not names[i].startswith("v"))
        ]
        if not any(differs(right[i], wrong.get(i)) for i in wanted):
            continue
        if any(x != x or abs(x) > 1e6 for i in wanted for x in leaves(wrong[i])):
            continue
        first = next(k for k, (x, y) in enumerate(zip(log, wrong_log)) if differs(x[1], y[1]))
        return trace, {names[i]: wrong[i] for i in wanted}, BUGS[bug], graph.steps[first], (program, bug.__name__)
