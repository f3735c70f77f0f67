"""Loading: a saved trace, checked line by line, becomes a trace again; the program is not run.

Here is what stands around the events: the header, the end of the file, and which line is wrong.
"""

from __future__ import annotations

from collections import Counter
from os import PathLike, fspath
from typing import BinaryIO

from stepgrad.errors import InputError
from stepgrad.formats.jsonl import KEYS
from stepgrad.intake import opened
from stepgrad.language import MAX_STEPS, collector_paused
from stepgrad.retrace import Retrace
from stepgrad.saved import (
    Fields,
    Wrong,
    array_of,
    clipped,
    header_of,
    is_whole,
    number_type,
    parsed,
    span_of,
    wrong,
)  # fmt: skip
from stepgrad.scopes import Call
from stepgrad.sealed import Lines
from stepgrad.source import Program
from stepgrad.tape import Node
from stepgrad.trace import Trace

START = b'{"format":"stepgrad trace"'


def load(path: str | PathLike[str], *, max_steps: int = MAX_STEPS) -> Trace:
    """Load a trace that was saved as JSON Lines; the program is not run.

    Everything in the file is checked: that each line follows from the lines before, to the bit.

    Parameters
    ----------
    path : str or path
    max_steps : int
        How much work on tensors the trace may take to check, in the steps by which programs are limited too.

    Returns
    -------
    Trace
        Equal to the one that was saved.

    Raises
    ------
    TraceError
        If something is wrong: ``str(error)`` is ``FILE:LINE: sentence``.
    InputError
        If the file cannot be read.

    Examples
    --------
    >>> import os, stepgrad, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trace = stepgrad.run("f = x * x", x=3)
    ...     stepgrad.save(trace, os.path.join(folder, "f.jsonl"))
    ...     stepgrad.load(os.path.join(folder, "f.jsonl")) == trace
    True
    """
    name = fspath(path)
    try:
        with opened(name) as file:
            return read_trace(file, name, max_steps)
    except OSError as error:
        raise InputError(f"{name!r} cannot be read: {error.strerror}; name a saved trace") from None
    except ValueError:
        raise InputError(f"{name!r} is no name of a file; name a saved trace") from None


def read_trace(file: BinaryIO, name: str, max_steps: int = MAX_STEPS) -> Trace:
    """Load a trace from an open file.

    Raises
    ------
    TraceError
        If something is wrong.
    """
    lines = Lines(file, name)
    with collector_paused(), lines.told():
        return Loader(lines, max_steps).trace()


def is_saved(start: bytes) -> bool:
    """Whether a file that begins so is a saved trace rather than a program."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((START, START.replace(b":", b": ")))


class Loader(Retrace):
    """Rebuilds a trace from the lines of one file."""

    def __init__(self, lines: Lines, max_steps: int) -> None:
        super().__init__(max_steps)
        self.lines = lines
        self.results: list[int | None] = []  # the indices of what calls returned

    def trace(self) -> Trace:
        """Read all lines."""
        try:
            self.read_header()
        except Wrong:
            if self.lines.cut_off:
                wrong("the file ends within its header; it was cut off, or is still being written")
            raise
        for step in range(1, self.steps + 1):
            line = self.lines.next()
            if line is None:
                self.lines.count += 1
                wrong(f"the file ends before step {step} of {self.steps}; it was cut off, or is still being written")
            try:
                self.read_event(Fields(parsed(line, KEYS)), step)
            except Wrong:
                if self.lines.cut_off:
                    wrong(
                        f"the file ends within step {step} of {self.steps}; it was cut off, or is still being written"
                    )
                raise
            self.lines.check(line)
        return self.finished()

    def read_header(self) -> None:
        """Read the first line."""
        line = self.lines.next()
        if line is None:
            wrong("the file is empty; a saved trace begins with a header")
        self.header = header = header_of(line)
        number = number_type(header)
        self.steps, self.node_count = header.whole("steps"), header.whole("nodes")
        self.pass_count = header.whole("passes")
        text, filename = header.text_or_null("program"), header.text_or_null("filename")
        if (text is None) != (filename is None):
            wrong("`program` and `filename` are both texts, or both null")
        self.begin(number, None if text is None or filename is None else Program(text, filename))
        header.text("output")
        self.asked = header.text_or_null("asked")
        given = header.entries("given")
        if not all(isinstance(each, list) and len(each) == 2 and isinstance(each[0], str) for each in given):
            header.fail("given", "a list of pairs: name and value")
        self.given = {name: array_of(value, self.number, "given") for name, value in given}
        self.result = (
            None if header["result"] is None else header.whole("result", self.node_count, "the index of a node")
        )
        self.read_calls(header)
        self.lines.check(line)

    def read_calls(self, header: Fields) -> None:
        """Read the calls of functions: name, span, caller, first node, the one after the last, result."""
        for k, each in enumerate(header.entries("calls")):
            if not isinstance(each, list) or len(each) != 9 or not isinstance(each[0], str):
                header.fail("calls", "a list of calls with nine entries each")
            name, *four, caller, start, stop, result = each
            span = span_of(four)
            if not name.isprintable():
                wrong(f"`calls`: call {k} is one of {clipped(ascii(name))}, which has signs that cannot be seen")
            if span is None or not is_whole(stop, self.node_count + 1) or not is_whole(start, stop + 1):
                wrong(f"`calls`: call {k} has no place in the program, or makes nodes that are not there")
            if not (caller is None or is_whole(caller, k)) or not (result is None or is_whole(result, self.node_count)):
                wrong(f"`calls`: call {k} is made by a call, or returns a node, that is not there")
            if self.calls and start < self.calls[-1].start:
                wrong(f"`calls`: call {k} begins before the one before it")
            if caller is not None and not self.calls[caller].start <= start <= stop <= self.calls[caller].stop:
                wrong(f"`calls`: call {k} lies outside of the call that made it")
            self.calls.append(Call(name, span, caller, start, stop, None))
            self.results.append(result)

    def finished(self) -> Trace:
        """Check the end of the file, and make the trace."""
        line = self.lines.next()
        if line is not None:
            wrong(f"the trace has {self.steps} steps, and here is another line")
        if self.steps:
            self.close_pass()
        for key, count in (("nodes", len(self.nodes)), ("passes", len(self.passes))):
            if self.header[key] != count:
                wrong(f"the file ends with {count} {key}, and the header has `{key}` {self.header[key]}")
        self.check_versions()
        trace = Trace(
            self.passes,
            self.number,
            program=self.program,
            names={node.index: name for node, name in sorted(self.names.items(), key=lambda each: each[1].version)},
            spans=self.spans,
            calls=[self.returned(*each) for each in zip(self.calls, self.results, strict=True)],
            history=self.history,
            result=self.output(),
            given=self.given,
            asked=self.asked,
        )
        if trace.output != self.header["output"]:
            wrong(f"the header has `output` {clipped(self.header['output'])!r}, and that is {trace.output!r}")
        return trace

    def returned(self, call: Call, result: int | None) -> Call:
        """Complete a call by the node that it returned."""
        return call if result is None else call._replace(result=self.nodes[result])

    def output(self) -> Node | None:
        """Return the last output."""
        swept = [each.output for each in self.passes if each.output is not None]
        result = None if self.result is None else self.nodes[self.result]
        if (result is None) != (not self.nodes) or (swept and result is not swept[-1]):
            wrong(f"the header has `result` {self.result}, from which the last sweep did not start")
        return result

    def check_versions(self) -> None:
        """Check that the versions of every name count from 1."""
        counts = Counter(name.text for name in self.names.values())
        for name in self.names.values():
            if name.version > counts[name.text]:
                have = counts[name.text]
                wrong(f"there is a {clipped(name.text)!r} of version {name.version}, and only {have} of them")
