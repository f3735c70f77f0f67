"""The formats that are looked at: SVG, HTML, LaTeX, TikZ. Golden files, well-formed, nothing of the program is markup."""

import json
import os
import re
import xml.etree.ElementTree as ElementTree
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from stepgrad import FormatError, Tape, Value, render, run
from stepgrad.formats import format_of
from stepgrad.formats.html import MOST_STEPS
from stepgrad.formats.scene import ROOMY, scene_of, sentence
from stepgrad.formats.tex import Names, Term, expression, formula
from stepgrad.gallery import example_paths, example_text
from stepgrad.gate import Elementwise
from stepgrad.ops import GATES
from stepgrad.picture import picture_at
from stepgrad.wording import Wording
from tests.oracles import shortened

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"
FILES = [
    ("sigmoid.svg", "sigmoid", "svg", {}),
    ("sigmoid.17.svg", "sigmoid", "svg", {"step": 17}),
    ("matrix.9.svg", "matrix", "svg", {"step": 9, "theme": "light"}),
    ("sigmoid.html", "sigmoid", "html", {}),
    ("matrix.html", "matrix", "html", {}),
    ("sigmoid.tex", "sigmoid", "latex", {}),
    ("sigmoid.fragment.tex", "sigmoid", "latex", {"standalone": False}),
    ("matrix.tex", "matrix", "latex", {}),
    ("sigmoid.17.tikz.tex", "sigmoid", "tikz", {"step": 17}),
    ("matrix.tikz.tex", "matrix", "tikz", {"standalone": False}),
]
HOSTILE = """# </script><script>alert(1)</script> & "quotes" 'x' <!-- \\end{verbatim} $%#_{}~^\\
梯度 = 2.0  # ]]> </style>
w_0 = 1.5; w0 = 0.5; σ = 3.0; é = 1.0; x̂ = 2.0
a_very_long_name_that_goes_on_and_on_for_more_than_a_picture = 2
w0 = w0 * 2
print("</script> & <b> \\\\input{x} \\x1b")
f = 梯度 * w_0 + w0 * σ / é + x̂ * a_very_long_name_that_goes_on_and_on_for_more_than_a_picture
"""
NAME = '</script><img onerror="x">&amp;\n$\\input{/etc/passwd}%'


@cache
def trace_of(name):
    return run(example_text(name))


@cache
def hostile_traces():
    with Tape() as tape:
        a, b = Value(2.0, name=NAME), Value([[1.0, 2.0], [3.0, float("nan")]], name="]]>'\"")
        (a * b).sum().backward()
    return run(HOSTILE), tape.trace()


def text_of(trace, format, **options):
    return "\n".join(render(trace, format, **options)) + "\n"


@pytest.mark.parametrize(("file", "example", "format", "options"), FILES, ids=[each[0] for each in FILES])
def test_golden(file, example, format, options):
    text = text_of(trace_of(example), format, **options)
    if os.environ.get("STEPGRAD_GOLDEN") == "write":
        (GOLDEN / file).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / file).read_text(encoding="utf-8")


LONG = ("xor", "xor_linear", "iris", "dead_relu", "convnet", "mazur_10000", "tiny_gpt")


@pytest.mark.parametrize("format", ["svg", "html", "latex", "tikz"])
@pytest.mark.parametrize("name", example_paths())
def test_every_example_is_drawn_and_told(name, format):
    program = shortened(name) if name in LONG else example_text(name)
    trace = run(program)
    options = {"steps": range(len(trace))[-60:]} if format in ("html", "latex") and len(trace) > 300 else {}
    text = text_of(trace, format, **options)
    assert text == text_of(run(program), format, **options), "same program, same bytes"
    assert not re.search(r" at 0x|\[object|Term\(|nan\.", text)
    if format == "svg":
        ElementTree.fromstring(text)
    elif format == "html":
        assert parsed(text).data["total"] == len(trace)
    else:
        checked_tex(text)


def checked_tex(text):
    """Braces and environments are balanced, and all of it is ASCII."""
    assert text.isascii()
    plain = re.sub(r"\\[\\{}%]", "", text)
    assert plain.count("{") == plain.count("}")
    opened = []
    for kind, name in re.findall(r"(?<!\\)\\(begin|end)\{(\w+\*?)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    for row in text.splitlines():
        for left, right in ((r"\left", r"\right"), ("{", "}")):
            row_plain = re.sub(r"\\[\\{}%]", "", row)
            if left == r"\left":
                assert len(re.findall(r"\\left[(\[|\\]", row)) == len(re.findall(r"\\right[)\]|\\]", row)), row
            elif row_plain.startswith("\\draw"):
                assert row_plain.count(left) == row_plain.count(right), row


@pytest.mark.parametrize("step", [1, 9, 14, 17, 26])
def test_a_picture_shows_what_is_known_at_its_step(step):
    root = ElementTree.fromstring(text_of(trace_of("sigmoid"), "svg", step=step))
    shown = {"value": 0, "gradient": 0, "upstream": 0}
    for each in root.iter(SVG + "text"):
        for role in shown:
            shown[role] += role in each.get("class").split()
    assert shown["value"] == min(step, 13)
    assert shown["gradient"] + shown["upstream"] == max(0, step - 13)
    assert [each.text for each in root.iter(SVG + "text") if each.get("class") == "caption"] == [
        sentence(Wording(trace_of("sigmoid")), trace_of("sigmoid")[step - 1])
    ]


def test_a_picture_tells_what_it_shows():
    root = ElementTree.fromstring(text_of(trace_of("sigmoid"), "svg", step=17))
    assert root.find(SVG + "title").text.startswith("The sigmoid circuit")
    description = root.find(SVG + "desc").text
    assert description.startswith("Step 17 of 26: ∂f/∂m = ∂f/∂h · ∂h/∂m ≈ -0.53 × 0.37 ≈ -0.20. ")
    assert "h = exp(m): 0.37, gradient -0.53;" in description
    assert root.get("aria-labelledby").split() == ["title", "desc"]
    local = [each.text for each in root.iter(SVG + "text") if each.get("class") == "local"]
    assert local == ["×0.37"]


def test_at_the_end_of_a_pass_nothing_is_at_work():
    root = ElementTree.fromstring(text_of(trace_of("sigmoid"), "svg"))
    assert not [each for each in root.iter() if "active" in each.get("class", "")]
    assert text_of(trace_of("training"), "svg", pass_number=1) != text_of(trace_of("training"), "svg")
    at_step = text_of(trace_of("training"), "svg", step=5)
    assert at_step == text_of(trace_of("training"), "svg", steps=[4])


def test_a_picture_a_step_one_below_the_other():
    trace = trace_of("sigmoid")
    root = ElementTree.fromstring(text_of(trace, "svg", steps=range(13, 26)))
    shown = [each.text for each in root.iter(SVG + "text") if each.get("class") == "caption"]
    assert shown == [sentence(Wording(trace), trace[k]) for k in range(13, 26)]
    assert len([each for each in root if each.tag == SVG + "g" and each.get("transform")]) == 12
    assert len(list(root.iter(SVG + "marker"))) == 1
    tall, one = float(root.get("height")), ElementTree.fromstring(text_of(trace, "svg", step=17))
    assert tall == 13 * float(one.get("height"))
    with pytest.raises(FormatError, match="a file holds at most 500 pictures"):
        text_of(trace_of("training"), "svg", steps=range(501))


def test_what_cannot_be_drawn_is_refused_in_one_sentence():
    trace = trace_of("sigmoid")
    with Tape() as empty:
        pass
    for format in ("svg", "tikz"):
        with pytest.raises(FormatError, match="there is no step 27; the trace has steps 1 to 26"):
            text_of(trace, format, step=27)
        with pytest.raises(FormatError, match="there is no pass 2"):
            text_of(trace, format, pass_number=2)
        with pytest.raises(FormatError, match="computes nothing"):
            text_of(empty.trace(), format)
    with pytest.raises(FormatError, match="did you mean `dark`"):
        text_of(trace, "svg", theme="drak")
    with pytest.raises(FormatError, match="no step is chosen"):
        text_of(trace, "html", steps=())


def test_a_page_beyond_its_bound_is_refused_before_work_is_done():
    trace = run("x = 1.0\nfor i in range(1000): x = x * 1.5")
    assert len(trace) < MOST_STEPS
    with pytest.raises(FormatError, match=r"a page holds 1,000 steps of such; choose some of them"):
        text_of(trace, "html")
    long = run("x = 1.0\nfor i in range(13000): x = x * 1.5")
    with pytest.raises(FormatError, match=r"holds 25,000 steps at most, and these are 26,002; choose some of them"):
        text_of(long, "html")
    page = parsed(text_of(long, "html", steps=range(20_000, 20_010)))
    assert page.data["steps"] == list(range(20_001, 20_011))
    assert all(event[3] is not None for event in page.data["events"]), "a large pass is drawn around each step"


def test_endings_mean_formats():
    found = {name: format_of(name) for name in ("a.svg", "a.html", "a.tex", "a.tikz.tex", "a.tikz", "a.htm")}
    assert list(found.values()) == ["svg", "html", "latex", "tikz", "tikz", "html"]


# Pages


class Page(HTMLParser):
    """Reads a page as a browser does: what is in a script is text."""

    VOID = ("meta", "input")

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.opened, self.tags, self.scripts, self.title, self.ids = [], [], [], "", []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.ids += [value for name, value in attributes if name == "id" and tag != "marker"]
        assert not [name for name, _ in attributes if name.startswith("on")], "no handler stands in markup"
        assert not [value for name, value in attributes if name in ("src", "href")], "nothing is loaded"
        if tag not in self.VOID:
            self.opened.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        if self.opened and self.opened[-1] == "script":
            self.scripts[-1] += data
        elif self.opened and self.opened[-1] == "title" and "svg" not in self.opened:
            self.title += data

    @property
    def data(self):
        return json.loads(self.scripts[0])


def parsed(text):
    page = Page()
    page.feed(text)
    page.close()
    assert not page.opened
    assert len(page.scripts) == 2
    assert len(page.ids) == len(set(page.ids))
    return page


def test_a_page_needs_no_network():
    text = text_of(trace_of("sigmoid"), "html")
    assert "default-src 'none'" in text
    assert not re.search(r"(?<!www\.w3\.org/2000)https?://(?!www\.w3\.org/2000/svg)", text)
    assert 'aria-live="polite"' in text


def test_a_page_knows_every_step():
    trace = trace_of("staged")
    data = parsed(text_of(trace, "html")).data
    wording = Wording(trace)
    assert [event[0] for event in data["events"]] == [sentence(wording, event) for event in trace]
    assert data["source"] == trace.program.lines
    lines = ["".join(text for text, _ in line) for line in data["events"][19][1]]
    assert "∂f/∂x += ∂f/∂sigx · ∂sigx/∂x" in lines
    assert any(line.startswith("gradients add at forks: 1.58 + (-0.04) ≈ 1.55") for line in lines)
    changed = {(vertex, side): text for event in data["events"] for vertex, side, text in event[4]}
    names = [text[1] or text[2] for text in data["events"][0][3][1]]
    assert changed[names.index("x"), 1] == "2.06"


def test_passes_share_a_picture():
    data = parsed(text_of(trace_of("sgd"), "html")).data
    assert len(data["pictures"]) == 2, "in the first, x was made before the constant"
    starts = [event for event in data["events"] if event[3] is not None]
    assert len(starts) == len(trace_of("sgd").passes)


def test_inputs_changed_from_outside_are_seen_at_their_steps():
    with Tape() as tape:
        x = Value(2.0, name="x")
        y = x * 3
        x.data = 5.0
        (y + x * 2).backward()
    trace = tape.trace()
    data = parsed(text_of(trace, "html")).data
    known = {}
    for step, event in enumerate(data["events"], 1):
        if event[3] is not None:
            known = {}
        known |= {(vertex, side): text for vertex, side, text in event[4]}
        root = ElementTree.fromstring(text_of(trace, "svg", step=step))
        shown = [each.text for each in root.iter(SVG + "text") if "number" in each.get("class")]
        assert sorted(filter(None, known.values())) == sorted(shown), step


# Hostile programs


@pytest.mark.parametrize("which", [0, 1])
def test_nothing_of_a_program_is_markup(which):
    trace = hostile_traces()[which]
    for step in (None, 1, len(trace)):
        root = ElementTree.fromstring(text_of(trace, "svg", step=step))
        assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
            "svg", "title", "desc", "style", "rect", "defs", "marker", "path", "circle", "g", "text",
        }  # fmt: skip
        checked_tex(text_of(trace, "tikz", step=step))
    page = parsed(text_of(trace, "html"))
    assert not {"img", "b", "style/"} & set(page.tags)
    assert page.data["source"] == (trace.program.lines if trace.program else [])
    for picture in page.data["pictures"]:
        ElementTree.fromstring(picture)
    tex = text_of(trace, "latex")
    checked_tex(tex)
    assert not re.search(r"(?<!textbackslash\{\})\\(input|end\{verbatim)", tex)
    assert not re.search(r"(?<!\\)[%#]", re.sub(r"^%.*", "", tex, flags=re.M))


def test_the_title_is_the_programs_first_comment():
    page = parsed(text_of(hostile_traces()[0], "html"))
    assert page.title == HOSTILE.splitlines()[0].removeprefix("# ")


def test_long_and_wide_names_have_room():
    trace = run("梯度梯度 = 2.0; " + "n" * 60 + " = 3.0; f = 梯度梯度 * " + "n" * 60)
    scene = scene_of(Wording(trace), picture_at(Wording(trace), len(trace)))
    assert scene.labels[:2] == ("梯度梯度", "n" * 23 + "…")
    assert scene.layout.boxes[0].width == 8
    assert ROOMY.boxed


# LaTeX


def test_the_issues_example():
    text = text_of(trace_of("sigmoid"), "latex")
    assert r"\frac{\partial f}{\partial z} &= " in text
    assert r"\approx 1 \cdot \frac{-1}{1.37^{2}} \approx -0.53 &&\text{where } " in text
    assert r"w_{0} &= 2\quad\text{(input)} \tag{1}" in text
    assert r"\partial f}{\partial x_{0}} &\approx 0.39" in text


def test_gradients_that_meet_are_added():
    text = text_of(trace_of("staged"), "latex")
    assert r"\frac{\partial f}{\partial x} &\mathrel{+}= " in text
    assert r"\text{gradients add: } \frac{\partial f}{\partial x} \approx 1.58 + (-0.04) \approx 1.55" in text


def test_tensors_are_matrices_with_their_shapes():
    text = text_of(trace_of("matrix"), "latex")
    assert r"W &= \begin{pmatrix} 0.10 & 0.50 \\ -0.30 & 0.80 \end{pmatrix} \;{\scriptstyle (2 \times 2)}" in text
    assert r"\frac{\partial f}{\partial W} &= \frac{\partial f}{\partial q} \cdot x^{\top}" in text
    assert r"\frac{\partial f}{\partial v_{3}} \odot (2 \cdot q)" in text
    large = text_of(run("W = np.ones((40, 40)); f = sum(W)"), "latex")
    assert r"\cdots" in large
    assert r"\vdots" in large
    assert r"\ddots" in large


@pytest.mark.parametrize("gate", [gate for gate in GATES.values() if isinstance(gate, Elementwise)], ids=repr)
def test_every_rule_is_written(gate):
    gate = gate.with_params(dict.fromkeys(gate.params, 0.25))
    letters = {"x": Term("a"), "y": Term("b"), "z": Term("c")}
    texts = [expression(gate, [Term("a"), Term("b")][: len(gate.locals)], {}).text]
    texts += [formula(gate.local_formula(slot, {}), letters).text for slot in range(len(gate.locals))]
    for text in texts:
        assert text.count("{") == text.count("}")
        assert "**" not in text
        assert not re.search(r"(?<![a-z\\])[xyz]\b", text), text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("-x/y**2", r"\frac{-a}{b^{2}}"),
        ("y*x**(y-1)", r"b \cdot a^{b - 1}"),
        ("z*log(x)", r"c \cdot \log(a)"),
        ("x - (y - z)", "a - (b - c)"),
        ("-(x + y)", "-(a + b)"),
        ("(x + y)*z", r"(a + b) \cdot c"),
        ("exp(x)**2", r"\left(e^{a}\right)^{2}"),
        ("[x > 0]", r"\left[a > 0\right]"),
        ("1 if x > 0 else -1 if x < 0 else 0",
         r"\begin{cases} 1 & \text{if } a > 0 \\ -1 & \text{if } a < 0 \\ 0 & \text{otherwise} \end{cases}"),
        ("4*(u := exp(-2*abs(x)))/(1+u)**2",
         r"\frac{4 \cdot e^{-2 \cdot \left|a\right|}}{\left(1 + e^{-2 \cdot \left|a\right|}\right)^{2}}"),
        ("x/3.5e-05", r"\frac{a}{3.5 \cdot 10^{-5}}"),
    ],
)  # fmt: skip
def test_formulas(text, written):
    assert formula(text, {"x": Term("a"), "y": Term("b"), "z": Term("c")}).text == written


def test_different_names_stay_different():
    names = Names()
    shown = [
        "w0",
        "w_0",
        "c",
        "c₂",
        "c2",
        "v₆",
        "v6",
        "v_6",
        "sigma",
        "σ",
        "σ2",
        "sigma_2",
        "a_b",
        "梯",
        "度",
        "c₂₂",
        "c₂",
    ]
    written = [names.term(each).text for each in shown]
    assert written[-1] == written[3]
    assert len(set(written)) == len(shown) - 1


def test_a_fragment_is_the_documents_middle():
    for format in ("latex", "tikz"):
        whole = text_of(trace_of("sigmoid"), format)
        part = text_of(trace_of("sigmoid"), format, standalone=False)
        assert r"\documentclass" not in part
        assert part.startswith("% \\usepackage")
        assert "\n".join(part.splitlines()[1:]) in whole


def test_steps_can_be_chosen():
    text = text_of(trace_of("sigmoid"), "latex", steps=range(14, 17))
    assert re.findall(r"\\tag\{(\d+)\}", text) == ["15", "16", "17"]
    assert r"\textbf{Backward from $f$}" in text
    assert "Gradients" not in text
