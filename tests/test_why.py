"""Path sums: every path walked by brute force, equal to the gradient in fractions, bounded however many there are."""

from fractions import Fraction

import pytest

from stepgrad import InputError, StepgradError, run, why
from stepgrad.paths import MOST_COUNTED
from stepgrad.style import Style
from stepgrad.tables import path_lines
from stepgrad.tape import Node
from tests.oracles import random_program

TWICE = "y = x * x; f = y + 3 * x"


def lines(found, **style):
    return list(path_lines(found, Style(**style)))


def brute(node, target):
    """Return the products along all paths, by recursion over the nodes."""
    if node is target:
        return [1]
    pairs = [pair for pair in zip(node.locals, node.operands, strict=True) if pair[0] is not None]
    return [local * rest for local, operand in pairs if isinstance(operand, Node) for rest in brute(operand, target)]


@pytest.mark.parametrize("batch", range(4))
def test_all_paths_of_random_programs_add_up_to_the_gradient_exactly(batch):
    compared = 0
    for seed in range(batch * 60, (batch + 1) * 60):
        program, inputs = random_program(seed)
        try:
            trace = run(program, {name: Fraction(text) for name, text in inputs.items()}, number=Fraction)
        except StepgradError:
            continue  # it divides by zero
        _, output = trace.last_pass
        for name, gradient in trace.grads.items():
            found = why(trace, name, paths=100_000)
            products = brute(output, trace.node(trace.find(name)))
            assert [path.product for path in found.paths] == products
            assert found.count == len(products)
            assert found.total == gradient == found.gradient
            assert not found.rest
            compared += 1
    assert compared > 60


def test_a_path_has_its_nodes_and_locals():
    found = why(TWICE, "x", x=2.0)
    names = [[found.trace.name(node) for node in path.nodes] for path in found.paths]
    assert names == [["f", "y", "x"], ["f", "y", "x"], ["f", "v₂", "x"]]
    assert [path.locals for path in found.paths] == [(1.0, 2.0), (1.0, 2.0), (1.0, 3.0)]


def test_any_value_can_be_explained_the_output_too():
    assert why(TWICE, "y", x=2.0).gradient == 1.0
    assert why(TWICE, "v₂", x=2.0).count == 1
    itself = why(TWICE, "f", x=2.0)
    assert (itself.count, itself.gradient, itself.paths[0].nodes) == (1, 1.0, (itself.trace.find("f"),))
    assert lines(itself)[3:5] == ["      the seed", "      = 1.00 = 1.00"]


def test_where_there_is_no_path_it_says_so():
    found = why("a = 2 * x; f = 3 * y", "a", x=1, y=1)
    assert (found.count, found.gradient, found.paths) == (0, 0.0, ())
    assert lines(found) == ["f does not depend on a: there is no path, and ∂f/∂a = 0"]
    with pytest.raises(InputError, match="no value of this program is called 'z'"):
        why("f = 3 * y", "z", y=1)


def test_paths_are_counted_without_being_walked():
    doubling = "y = x\nfor i in range({}):\n    y = 0.5 * y + 0.5 * y\nf = y"
    some = why(doubling.format(10), "x", x=1.0, paths=3)
    assert (some.count, len(some.paths), some.gradient) == (1024, 3, 1.0)
    assert some.rest == 1 - 3 / 1024
    text = "\n".join(lines(some, digits=4))
    assert "depends on x along 1,024 paths" in text
    assert "the listed paths ≈ 0.0029" in text
    assert "1,021 others ≈ 0.9971" in text
    assert "…" in text
    many = why(doubling.format(500), "x", x=1.0, paths=0)
    assert (many.count, many.paths, many.rest) == (MOST_COUNTED, (), 1.0)
    assert "at least 1,000,000,000,000,000,000 paths" in lines(many)[0]
    assert "all others = 1.00" in "\n".join(lines(many))


def test_a_long_chain_is_one_path():
    found = why("y = x\nfor i in range(30000):\n    y = y + 1\nf = y * 2", "x", x=1.0)
    assert (found.count, len(found.paths[0].locals), found.gradient) == (1, 30001, 2.0)
    assert all(len(line) < 120 for line in lines(found))


def test_to_a_tensor_each_path_brings_a_tensor():
    program = "f = sum((W @ x)**2) + sum(W)"
    whole = why(program, "W", W=[[1, 2], [3, 4]], x=[1, 1])
    assert [path.product.data for path in whole.paths] == [[6.0, 6.0, 14.0, 14.0], [1.0] * 4]
    assert whole.total == whole.gradient
    element = why(program, "W[1][0]", W=[[1, 2], [3, 4]], x=[1, 1])
    assert ([path.product for path in element.paths], element.gradient) == ([14.0, 1.0], 15.0)
    assert lines(whole)[4:6] == ["      brings = [ 6.00  6.00]", "               [14.00 14.00]"]
    assert lines(element)[-1] == "      ∂f/∂W[1][0], the sum = 15.00"
    for name in ("W[2][0]", "W[0]", "x[0][0]"):
        with pytest.raises(InputError, match="is no element"):
            why(program, name, W=[[1, 2], [3, 4]], x=[1, 1])


def test_lines_in_ascii_and_with_a_seed():
    found = why("q = x * [1, 2]; backward(q, [10, 1])", "x", x=3.0)
    text = "\n".join(lines(found, ascii_only=True))
    assert text.isascii()
    assert "the sum = 12.00" in text
    scaled = why("q = x * 2; backward(q, 10)", "x", x=3.0)
    assert "      = 10.00 × 2.00 = 20.00" in lines(scaled)


def test_the_last_pass_is_explained():
    program = "w = 2.0\nfor i in range(3):\n    f = w**3\n    backward(f)\n    w -= 0.1 * w.grad"
    trace = run(program)
    found = why(trace, "w")
    assert (found.count, found.gradient) == (1, trace.grads["w"])
    assert found.gradient == why(program, "w₃").gradient
