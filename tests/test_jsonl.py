"""The lossless form: saved and loaded it is the same trace; what is wrong with a file is said in one line."""

import io
import json
import os
import re
from fractions import Fraction
from pathlib import Path

import pytest

import stepgrad
from stepgrad import FormatError, InputError, Tape, TraceError, Value, render, run
from stepgrad.equality import same
from stepgrad.formats.jsonl import KEYS
from stepgrad.gallery import example_paths, example_text
from stepgrad.gate import Elementwise
from stepgrad.loader import read_trace
from stepgrad.numeric import FLOAT
from stepgrad.ops import GATES
from stepgrad.tape import Node
from tests.mutations import mutated, without_checksums
from tests.oracles import PYTHON_FUNCTIONS, random_program, shortened
from tests.test_cli import output, refusal
from tests.test_cli import stepgrad as command

ROOT = Path(__file__).parent.parent
LONG = ("mazur_10000", "tiny_gpt", "xor", "xor_linear", "iris", "dead_relu", "convnet", "bigram")
PROGRAMS = int(os.environ.get("STEPGRAD_PROGRAMS", "200"))
MUTATIONS = int(os.environ.get("STEPGRAD_MUTATIONS", "100"))  # of ten files
SCHEMA = json.loads((ROOT / "docs/trace.schema.json").read_text(encoding="utf-8"))


def saved(trace):
    return "".join(f"{line}\n" for line in render(trace, "jsonl")).encode()


def loaded(content):
    return read_trace(io.BytesIO(content), "x.jsonl")


def there_and_back(trace):
    content = saved(trace)
    again = loaded(content)
    assert again == trace
    assert saved(again) == content
    assert str(again) == str(trace)
    assert again.passes == trace.passes or any("nan" in str(each.value) for each in trace.passes)
    assert [again.path(node) for node in range(again.node_count)] == [trace.path(n) for n in range(trace.node_count)]
    assert (again.names, again.named, again.versions) == (trace.names, trace.named, trace.versions)
    assert (again.printed, again.given, again.asked) == (trace.printed, trace.given, trace.asked)
    assert same(again.grads, trace.grads)
    assert same(again.updated, trace.updated)
    return again


def complaint(content):
    with pytest.raises(TraceError) as caught:
        loaded(content)
    sentence = str(caught.value)
    assert sentence.startswith("x.jsonl:")
    assert sentence.isprintable()
    return sentence.removeprefix("x.jsonl:")


def tape_of_updates():
    weights = [Value(0.5, name="w"), Value([0.25, -1.0], name="b")]
    with Tape() as tape:
        for k in range(3):
            loss = ((weights[0] * float(k) + weights[1]).relu().sum() - 1) ** 2
            loss.backward()
            for each in weights:
                each.data = (each * 0.9).data
                each.grad = None
    return tape.trace()


FUNCTIONS = """def s(x):
    h = exp(-x)
    return 1 / (1 + h)
def nothing():
    return 0
w = 0.5
for k in range(2):
    nothing()
    f = (s(s(w)) - 0.25)**2
    backward(f)
    print(f"loss {f}\\x1b[31m")
    w -= 0.5 * w.grad
"""


# There and back


@pytest.mark.parametrize("name", example_paths())
def test_examples(name):
    there_and_back(run(shortened(name) if name in LONG else example_text(name)))


def test_random_programs():
    loaded_back = 0
    for seed in range(PROGRAMS):
        exact = seed % 4 == 0
        program, inputs = random_program(seed, () if exact else tuple(PYTHON_FUNCTIONS))
        make = Fraction if exact else float
        try:
            trace = run(program, {name: make(text) for name, text in inputs.items()}, number=make)
        except stepgrad.StepgradError:
            continue  # a fraction divided by zero
        there_and_back(trace)
        loaded_back += 1
    assert loaded_back > 0.8 * PROGRAMS


@pytest.mark.parametrize("gate", GATES.values(), ids=lambda gate: gate.name)
def test_every_gate_on_its_samples(gate):
    for operands, params in gate.samples:
        with Tape() as tape:
            values = [Value(operand) for operand in operands]
            if gate.name in ("concat", "stack"):
                result = getattr(stepgrad, gate.name)(values, **params)
            elif gate.name == "index":
                result = values[0][params["index"]]
            else:
                from stepgrad.value import record

                labels = 1 if gate.name in ("cross_entropy", "svm_loss") else len(values)
                taken = [*values[:labels], *operands[labels:]] if labels < len(values) else values
                taken = operands if gate.name == "one_hot" else taken
                result = record(gate.name, taken, params)
            if result.flows:
                result.sum().backward() if result.is_tensor else result.backward()
        there_and_back(tape.trace())


def test_functions_passes_prints_and_updates():
    again = there_and_back(run(FUNCTIONS))
    assert [call.name for call in again.calls] == ["nothing", "s", "s"] * 2
    assert again.calls[1].result.gate.name == "div"


def test_traces_of_values():
    there_and_back(tape_of_updates())
    outside = Value(2.0, name="a")
    with Tape() as tape:
        (outside * outside).backward()
    between = outside * 3
    with tape:
        (between * outside).backward()
    trace = tape.trace()
    assert [trace[k].node for k in range(2)] == [0, 1]
    there_and_back(trace)
    with Tape() as tape:
        pass
    assert len(there_and_back(tape.trace())) == 0


def test_strange_numbers_shapes_and_names():
    with Tape() as tape:
        a = Value([[1.0, -0.0, float("inf")]], name='\x1b]0;"é\ud800')
        b = Value([[], []], name="[red]")
        z = a[..., None, ::-1][0, 0, 1:] * float("nan") + Value([]).sum() + b.sum()
        z.backward([1.0, -0.0])
    assert b"\x1b" not in saved(tape.trace())
    there_and_back(tape.trace())


def test_very_long_fractions():
    trace = run("x = 1/3; f = x**9000 + x", number=Fraction)
    assert b'"0x' in saved(trace)
    again = loaded(saved(trace))
    assert again == trace


def test_a_value_that_its_operands_no_longer_give_is_refused():
    a = Value(2.0, name="a")
    stale = a * 3
    a.data = 5
    with Tape() as tape:
        (stale * a).backward()
    with pytest.raises(FormatError, match="computed before the trace began"):
        saved(tape.trace())


def test_what_was_supplied_is_known():
    trace = run("f = x * y\ng = f + x", x=3, y=2, output="f")
    again = there_and_back(trace)
    assert (again.given, again.asked) == ({"x": 3.0, "y": 2.0}, "f")


# Equality


def test_traces_are_equal_to_the_bit():
    assert run("f = x * x", x=3) == run("f = x * x", x=3)
    assert hash(run("f = x * x", x=3)) == hash(run("f = x * x", x=3))
    assert run("f = x * 1", x=0.0) != run("f = x * 1", x=-0.0)
    assert run("f = x * 1", x=float("nan")) == run("f = x * 1", x=float("nan"))
    assert run("f = x * x", x=3) != run("f = x * x", x=3.0000000000000004)
    assert run("f = x * x", x=3) != run("f =  x * x", x=3)
    assert run("f = x * x", x=3) != run("f = x * x", x=3, number=Fraction)
    assert run("f = x * x", x=3) != "a trace"


# Notes are told apart without asking the rows


def test_a_domain_is_left_only_where_a_result_is_not_finite():
    edges = (0.0, -0.0, 1.0, -1.0, 2.5, -1e308, 1e308, 5e-324, float("inf"), float("-inf"), float("nan"))
    for gate in GATES.values():
        if isinstance(gate, Elementwise):
            row = gate.with_params(dict.fromkeys(gate.params, 0.5))
            for operands in [(x, y) for x in edges for y in edges] if len(row.locals) == 2 else [(x,) for x in edges]:
                result, _ = row.apply(FLOAT, operands, [False] * len(operands), {})
                assert row.left_domain(FLOAT, operands, result) is None or result - result != 0, (gate.name, operands)


# The form


def valid(value, schema):
    """Whether a value fits a schema: the part of JSON Schema that ours uses."""
    kinds = {"null": type(None), "string": str, "array": list, "object": dict, "boolean": bool}
    if "$ref" in schema:
        return valid(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    checks = {
        "type": lambda kind: (
            isinstance(value, (int, float)[: 1 + (kind == "number")] if kind in ("integer", "number") else kinds[kind])
            and (kind == "boolean" or not isinstance(value, bool))
        ),
        "const": lambda wanted: value == wanted and type(value) is type(wanted),
        "enum": lambda wanted: value in wanted,
        "minimum": lambda least: value >= least,
        "pattern": lambda pattern: re.search(pattern, value) is not None,
        "anyOf": lambda each: any(valid(value, one) for one in each),
        "oneOf": lambda each: [valid(value, one) for one in each].count(True) == 1,
        "items": lambda each: all(valid(entry, each) for entry in value),
        "minItems": lambda least: len(value) >= least,
        "maxItems": lambda most: len(value) <= most,
        "required": lambda keys: all(key in value for key in keys),
        "properties": lambda known: all(valid(value[key], each) for key, each in known.items() if key in value),
        "additionalProperties": lambda _: all(key in schema["properties"] for key in value),
    }
    return all(
        checks[key](each) for key, each in schema.items() if key not in ("$schema", "$defs", "title", "description")
    )


@pytest.mark.parametrize("name", ["sigmoid", "matrix", "training", "bias", "functions", "values", "exact"])
def test_files_fit_the_schema(name):
    made = {
        "functions": lambda: run(FUNCTIONS),
        "values": tape_of_updates,
        "exact": lambda: run("f = x / y", x=1, y=3, number=Fraction),
    }
    lines = saved(made[name]() if name in made else run(example_text(name))).decode().splitlines()
    for line in lines:
        assert valid(json.loads(line), SCHEMA), line
    assert not valid({**json.loads(lines[1]), "gate": 3}, SCHEMA)
    assert not valid({**json.loads(lines[1]), "more": 3}, SCHEMA)


def test_all_events_have_the_same_keys_which_are_documented():
    page = (ROOT / "docs/FORMAT.md").read_text(encoding="utf-8")
    header, *events = map(json.loads, saved(run(FUNCTIONS)).splitlines())
    assert {tuple(event) for event in events} == {(*KEYS, "crc")}
    for key in (*header, *KEYS):
        assert re.search(rf"^\| [^|]*`{key}`", page, re.M), key
    assert {event["kind"] for event in events} == {"forward", "seed", "backward", "update", "print"}


def test_fast_and_slow_ways_write_the_same():
    trace = run(example_text("sigmoid"))
    for event, line in zip(trace, saved(trace).splitlines()[1:], strict=True):
        found = json.loads(line)
        for field in ("upstream", "local", "product", "total", "first", "value", "note", "node"):
            if hasattr(event, field):
                assert found[field] == getattr(event, field)


def test_floats_are_spelled_as_they_are():
    content = saved(run("f = x * 1e300 * 0.1", x=-0.0))
    assert b'"value":-0.0' in content
    assert b"1e+300" in content


# Damage


@pytest.mark.parametrize("name", ["sigmoid", "training", "functions", "values", "exact"])
def test_mutations_give_an_equal_trace_or_one_line(name):
    made = {
        "functions": lambda: run(FUNCTIONS),
        "values": tape_of_updates,
        "exact": lambda: run("f = (x + y) * z / 3", x=Fraction(1, 3), y=5, z=-4, number=Fraction),
    }
    trace = made[name]() if name in made else run(example_text(name))
    for content in (saved(trace), without_checksums(saved(trace))):
        for seed in range(MUTATIONS):
            how, damaged = mutated(content, seed)
            try:
                again = loaded(damaged)
            except TraceError as error:
                assert re.fullmatch(r"x\.jsonl:[1-9]\d*: .+", str(error)), (how, seed)
                assert str(error).isprintable()
            else:
                assert again == trace or b'"crc"' not in content, (how, seed)
                str(again)


def test_every_field_is_checked():
    nasty = [
        None,
        True,
        -1,
        1.5,
        10**20,
        "",
        "x",
        [],
        [[]],
        {},
        {"shape": [0]},
        {"shape": [-1, 0]},
        [None],
        ["nan", [1]],
    ]
    trace = run(FUNCTIONS)
    lines = [json.loads(line) for line in without_checksums(saved(trace)).splitlines()]
    chosen = {line.get("kind", "header"): k for k, line in enumerate(lines)}
    for k in chosen.values():
        for key in lines[k]:
            for value in [each for each in nasty if not same(each, lines[k][key])]:
                changed = [*lines[:k], {**lines[k], key: value}, *lines[k + 1 :]]
                try:
                    again = loaded("\n".join(map(json.dumps, changed)).encode())
                except TraceError:
                    continue
                # What nothing follows from can be anything of its kind; -1 is as good as -1.0.
                free = ("name", "text", "asked", "filename", "program", "given", "line", "calls")
                assert again == trace or key in free, (k, key, value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"local":1.0', b'"local":1.5', "`local` is 1.5, and the local of `add` is 1.0"),
        (b'"product":-0.53444', b'"product":-0.53445', "`product` is -0.53445"),
        (b'"kind":"seed"', b'"kind":"seeds"', "`kind` is"),
        (b'"step":3,', b'"step":4,', "4: `step` is 4; it should be 3"),
        (b'"format_version":1', b'"format_version":2', "1: this trace has version 2, and this stepgrad reads 1"),
        (b'"gate":"exp"', b'"gate":"exq"', "there is no gate `exq`"),
        (b'"gate":"exp"', b'"gate":"tanh"', "`tanh` of its operands is"),
        (b'"first":true', b'"first":false', "`first` is false; it should be true"),
        (b'"operands":[5,6]', b'"operands":[5,66]', "`operands` names node 66"),
        (b'"value":2.0', b'"value":NaN', "NaN is no JSON"),
        (b'"value":2.0', b'"value":2e999', "which is no number of this trace"),
        (b'"value":2.0', b'"value":' + b"9" * 5000, "a number is too long"),
        (b'"value":2.0', b'"value":' + b"[" * 100000, "lists are too deep"),
        (b'"value":2.0', b'"value":2.0,"value":2.0', "stands there twice"),
        (b'"value":2.0', b'"value":{"shape":[0,100000000000]}', "has the shape"),
        (b'"steps":26', b'"steps":25', "the trace has 25 steps, and here is another line"),
        (b'"nodes":13', b'"nodes":14', "the file ends with 13 nodes"),
        (b'"text":null', b'"text":"x"', "`text` is given, and the events of kind forward have none"),
    ],
)
def test_what_is_wrong_is_said(old, new, said):
    content = saved(run(example_text("sigmoid")))
    assert old in content
    assert said in complaint(without_checksums(content).replace(old, new, 1))
    assert re.match(r"\d+: ", complaint(content.replace(old, new, 1)))


def test_a_truncated_file_says_where():
    content = saved(run(example_text("sigmoid")))
    lines = content.splitlines(keepends=True)
    assert complaint(b"".join(lines[:9])).startswith("10: the file ends before step 9 of 26")
    assert complaint(b"".join(lines[:9])[:-20]).startswith("9: the file ends within step 8 of 26")
    assert complaint(content[:100]).startswith("1: the file ends within its header")
    assert complaint(b"").startswith("1: the file is empty")


def test_a_change_that_nothing_betrays_is_found_by_the_checksum():
    content = saved(run("x = 1; print('a'); f = x * 2"))
    assert complaint(content.replace(b'"text":"a"', b'"text":"b"')).startswith("3: the line is not as it was written")
    assert loaded(without_checksums(content).replace(b'"text":"a"', b'"text":"b"')).printed == ["b"]


def test_work_is_bounded():
    trace = run("f = sum(ones((60, 60)) @ x)", x=[[1.0] * 60] * 60, max_steps=10**8)
    with pytest.raises(TraceError, match="more work on tensors"):
        read_trace(io.BytesIO(saved(trace)), "x.jsonl", max_steps=1000)


# Files and the command line


def test_save_and_load(tmp_path):
    trace = run(example_text("sigmoid"))
    stepgrad.save(trace, tmp_path / "t.jsonl")
    stepgrad.save(trace, str(tmp_path / "t.jsonl"), overwrite=True)
    assert stepgrad.load(tmp_path / "t.jsonl") == stepgrad.load(str(tmp_path / "t.jsonl")) == trace
    with pytest.raises(InputError, match="exists already"):
        stepgrad.save(trace, tmp_path / "t.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        stepgrad.load(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        stepgrad.load(tmp_path)
    with pytest.raises(InputError, match="no name"):
        stepgrad.load("a\0b")
    assert isinstance(stepgrad.load(tmp_path / "t.jsonl").node(0), Node)


def test_a_saved_trace_stands_where_a_program_does(tmp_path):
    path = str(tmp_path / "t.jsonl")
    stepgrad.save(run(example_text("sigmoid")), path)
    content = Path(path).read_bytes()
    assert output("trace", path) == output("trace", "sigmoid")
    assert output("trace", "-", given=b"\xef\xbb\xbf" + content) == output("trace", "sigmoid")
    assert output(path) == output(path, "--digits", "2") == output("trace", "sigmoid")
    assert output("run", path, "--json") == output("run", "sigmoid", "--json")
    assert output("layers", path) == output("layers", "sigmoid")
    assert "is a saved trace" in refusal("run", path, "x=3")
    assert output("run", "-", given="x = 3; f = x * x").startswith("f = 9.0")


def test_verify(tmp_path):
    path = tmp_path / "t.jsonl"
    stepgrad.save(run(example_text("sigmoid")), path)
    said = "26 steps, 13 nodes, 1 pass; every value, local, product and total is right to the bit\n"
    assert output("verify", str(path)) == f"{path}: {said}"
    assert output("verify", "-", given=path.read_bytes()) == f"-: {said}"
    path.write_bytes(path.read_bytes().replace(b'"local":1.0', b'"local":2.0', 1))
    assert re.fullmatch(rf"{re.escape(str(path))}:\d+: `local` is 2.0, .*\n", refusal("verify", str(path)))


def test_diff(tmp_path):
    path = tmp_path / "t.jsonl"
    stepgrad.save(run(example_text("sigmoid")), path)
    assert output("diff", "sigmoid", str(path)) == "equal to the bit: 26 steps\n"
    other = example_text("sigmoid").replace("w0 = 2.0", "w0 = 2.000001")
    done = command("diff", str(path), "-", given=other)
    assert (done.returncode, done.stderr) == (1, b"")
    text = done.stdout.decode()
    assert text.startswith("step 1 is the first that differs\nA  ")
    assert "1  w0           =  2.000000  input\n" in text
    assert "1  w0           =  2.000001  input\n" in text
    assert re.search(r"\nw0 +5.0e-07 +4.6e-07\n", text)
    assert re.search(r"\nx0 +0 +9.6e-07\n", text)
    assert (
        output("diff", str(path), "-", "--rtol", "1e-5", given=other) == "equal within rtol 1e-05, atol 0: 26 steps\n"
    )
    assert output("diff", str(path), "-", "--atol", "1e-5", given=other).startswith("equal")
    assert command("diff", "sigmoid", "sigmoid_fused").returncode == 1
    assert (
        "ends after step 4"
        in command("diff", "x=1; f=x*2; backward(f)", "x=1; f=x*2; backward(f); print(f)").stdout.decode()
    )
    assert "no file" in refusal("diff", "sigmoid", "nothing.sg")
    assert "--rtol" in refusal("diff", "sigmoid", "sigmoid", "--rtol", "-1")
