"""Random programs that train: their loops do the same again, until something happens."""

GATES = ("tanh", "sigmoid", "relu", "exp", "sin", "log", "sqrt", "abs")


def training_program(chance):
    """Return a program that trains something: numbers, lists of them, with functions, sample by sample, or matrices."""
    kind = chance.choice(["names", "names", "list", "functions", "tensors", "samples", "samples"])
    rate = chance.choice(["0.1", "0.01", "lr"])
    names = ["w", "u", "b"][: chance.randint(1, 3)] if kind != "tensors" else ["w", "b"]
    target = chance.choice(["1.0", "t", number(chance)])
    lines = [chance.choice(["lr = 0.05", "lr = constant(0.05)"])] if rate == "lr" else []
    lines += [chance.choice(["t = 0.5", "t = constant(0.5)"])] if target == "t" else []
    start, body = matrices(chance) if kind == "tensors" else numbers(chance, kind, names, target)
    more, update = updates(chance, kind, names, rate)
    sweeps = ["backward(loss)", "loss.backward()", "backward(loss*0.5)", "(loss + 1).backward()"]
    groups = [body, [chance.choice(sweeps)], update]
    counts = chance.random() < 0.15
    for each in interference(chance, names):
        late = "loss" in each or "grad" in each
        places = [1, 2, 3, 3] if "append" in each else [3] if late else [0, 1, 2, 3, 3, 3]
        groups.insert(chance.choice(places), [each])
    if counts:
        groups.append([chance.choice(["q = q + 1", "q += 1"])])
    lines += [*start, *more, *(["q = 0"] if counts else []), "losses = []"]
    loop = looped(chance, kind, [line for group in groups for line in group])
    w = names[0]
    end = chance.choice([[], [f"print(loss, {w}, {w}.grad)"], [f"r = {w}*2"], loop, ["print(losses)"]])
    return "\n".join([*lines, *loop, *end]) + "\n"


def number(chance):
    return repr(round(chance.uniform(-2, 2), 2))


def matrices(chance):
    start = ["w = [[0.1, -0.2], [0.3, 0.4]]", "b = [0.0, 0.1]", "X = constant([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])"]
    losses = ["sum(h**2)", "mean((h - 0.5)**2)", "cross_entropy(h, [0, 1, 0])"]
    return start, [f"h = {chance.choice(GATES[:3])}(X @ w + b)", f"loss = {chance.choice(losses)}"]


def numbers(chance, kind, names, target):
    start = [f"{name} = {number(chance)}" for name in names]
    terms = []
    for name in names:
        gate, other = chance.choice(GATES), chance.choice(names)
        ways = [f"{gate}({name}*{number(chance)})", f"{name}*{name}", f"{name}/{other}", f"{number(chance)}*{name}"]
        terms.append(chance.choice(ways))
    if kind == "functions":
        start += ["def f(x, p, last):", f"    h = {chance.choice(GATES)}(x*p)", "    return h*p if last else h*p + x"]
        terms.append(f"f({names[-1]}, {names[0]}, {chance.choice(['True', 'False'])})")
    if kind == "samples":
        terms.append(f"x*{names[0]}")
        target = chance.choice(["y", "y", target])
    body = [f"h = {' + '.join(terms)}"]
    if kind == "list":
        start.append(f"ps = [{', '.join(names)}]")
        body.append("h = h + sum([p*p for p in ps])*0.1")
    return start, [*body, *chance.choice([[], ["g = h * 2"], ["h = h + 1"]]), f"loss = (h - {target})**2"]


def updates(chance, kind, names, rate):
    """Return what must be there before the loop, and what updates the inputs."""
    way = chance.choice(["-=", "= -", "data", "loop", "no_grad", "momentum", "tanh"])
    if way == "loop":
        update = ["for p in qs:", f"    p.data -= {rate}*p.grad"]
        zero = ["for p in qs:", "    p.grad = 0"]
        return [f"qs = [{', '.join(names)}]"], chance.choice([update, update + zero, zero + update])
    if way == "momentum" and kind != "tensors":
        change = chance.choice(["{0} += v{0}", "{0}.data += v{0}"])
        velocities = [f"v{n} = 0.9*v{n} - {rate}*{n}.grad" for n in names]
        return [f"v{n} = 0.0" for n in names], velocities + [change.format(n) for n in names]
    if way == "no_grad":
        return [], ["with no_grad():"] + [f"    {n} -= {rate}*{n}.grad" for n in names]
    text = {
        "= -": "{0} = {0} - {1}*{0}.grad",
        "data": "{0}.data -= {1}*{0}.grad",
        "tanh": "{0} -= {1}*tanh({0}.grad)",
    }.get(way, "{0} -= {1}*{0}.grad")
    update = [text.format(n, rate) for n in names]
    return [], update[:-1] if len(update) > 1 and chance.random() < 0.2 else update


def interference(chance, names):
    """Yield statements that are executed now and then, or see what a round has done."""
    w = names[0]
    things = ["lr = 0.02", f"{w} = 0.7", "z = 3.0", f"print({w}.grad)", "break", "continue", f"z = {w}*2", f"{w}.data = 0.3*{w}.grad"]  # fmt: skip
    if chance.random() < 0.4:
        yield f"if k % {chance.randint(2, 7)} == {chance.randint(0, 2)}: print(k, loss)"
    if chance.random() < 0.3:
        yield f"if k == {chance.randint(3, 12)}: {chance.choice(things)}"
    if chance.random() < 0.3:
        side = chance.choice(["loss", "loss.data", "loss.item()", w])
        yield f"if {side} {chance.choice('<>')} {chance.choice(['0.1', '1e-3', '0.5'])}: {chance.choice(['break', 'print(k)', 'z = 1.0'])}"
    if chance.random() < 0.3:
        appended = f"losses.append({chance.choice(['loss.data', 'loss.item()', 'h.data', f'{w}.data', 'loss'])})"
        yield chance.choice(["", "", f"if k % {chance.randint(2, 4)} == 0: "]) + appended
        if chance.random() < 0.2:
            yield "z = losses[-1]"
    if chance.random() < 0.1:
        yield "old = loss"


def looped(chance, kind, lines):
    """Return a loop over lines."""
    rounds = chance.randint(6, 25)
    if kind == "samples":
        samples = ", ".join(f"({number(chance)}, {number(chance)})" for _ in range(chance.randint(1, 4)))
        inner = ["    for x, y in data:"] + [f"        {line}" for line in lines]
        return [f"data = [{samples}]", f"for k in range({rounds // 2}):", *inner]
    if chance.random() < 0.2 and not any("continue" in line for line in lines):
        more = chance.choice(["", " and (k < 2 or loss > 0.05)", " and (not k or loss.data < 9)"])
        return ["k = 0", f"while k < {rounds}{more}:", *(f"    {line}" for line in lines), "    k += 1"]
    return [f"for k in range({rounds}):", *(f"    {line}" for line in lines)]
