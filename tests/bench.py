"""Side by side with micrograd: run by hand, in an environment that has micrograd, never in CI.

    python tests/bench.py

The same multilayer perceptron (3-16-16-1, micrograd's own ``nn.py``, once with its import changed), batches of 8, forward
and backward, interleaved, medians. stepgrad keeps the full trace (every event retrievable); micrograd keeps none.
"""

import gc
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))


def training_step(MLP, value):
    random.seed(1)
    model = MLP(3, [16, 16, 1])
    batch = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(8)]

    def step():
        model.zero_grad()
        loss = sum((model(list(map(value, row))) - 1.0) ** 2 for row in batch)
        loss.backward()
        return loss.data, [p.grad for p in model.parameters()]

    return step


def medians(*jobs, rounds=40):
    times = [[] for _ in jobs]
    for _ in range(rounds):
        for job, taken in zip(jobs, times, strict=True):
            start = time.perf_counter()
            job()
            taken.append(time.perf_counter() - start)
    return [statistics.median(each) for each in times]


def main():
    import micrograd.engine
    import micrograd.nn

    import stepgrad

    source = Path(micrograd.nn.__file__).read_text(encoding="utf-8")
    names = {}
    exec(source.replace("from micrograd.engine import Value", "from stepgrad import Value"), names)
    theirs = training_step(micrograd.nn.MLP, micrograd.engine.Value)
    ours = training_step(names["MLP"], stepgrad.Value)

    def kept():
        with stepgrad.Tape():
            ours()

    (loss, grads), (my_loss, my_grads) = theirs(), ours()
    assert loss == my_loss
    assert max(abs(x - y) for x, y in zip(grads, my_grads, strict=True)) < 1e-12
    for collector in ("as it is", "off"):
        if collector == "off":
            gc.disable()
        slow, fast, taped = medians(theirs, ours, kept)
        print(
            f"collector {collector}: micrograd {slow * 1e3:.2f} ms; Value {fast * 1e3:.2f} ms, {slow / fast:.1f} × faster; ",
            end="",
        )
        print(f"with Tape {taped * 1e3:.2f} ms, {slow / taped:.1f} × faster")
    gc.enable()
    bare, imported = medians(
        lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        lambda: subprocess.run([sys.executable, "-c", "import stepgrad"], check=True, cwd=Path(__file__).parent.parent),
        rounds=15,
    )
    print(f"import: {1e3 * (imported - bare):.0f} ms over bare Python, {imported / bare:.2f} ×")


if __name__ == "__main__":
    main()
