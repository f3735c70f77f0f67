"""Values from files: columns of numbers, and JSON."""

import pytest

from stepgrad import InputError, ProgramError
from stepgrad.supply import read_values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1\n2.5\n-3e2\n", [1.0, 2.5, -300.0]),
        ("1,2\n3,4\n", [[1.0, 2.0], [3.0, 4.0]]),
        ("1,2", [[1.0, 2.0]]),
        ("\ufeffheight, weight\r\n\r\n1.5 , 2\r\n3,\t4\r\n", [[1.5, 2.0], [3.0, 4.0]]),
        ('"a, b"\n1\n2\n', [1.0, 2.0]),
        ("x;y\n1;2\n", [[1.0, 2.0]]),
        ("1\t2\n3\t4", [[1.0, 2.0], [3.0, 4.0]]),
        ('"1","2"\n', [[1.0, 2.0]]),
        ("inf\n-inf\n+.5", [float("inf"), float("-inf"), 0.5]),
    ],
)
def test_columns_of_numbers(tmp_path, text, value):
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode())
    assert read_values([f"X=@{path}"]) == {"X": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x\n", "3:3: `x` is not a number; write one, as in 0.5"),
        ("1,2\n3,\n", "2:3: a number is missing; write one, as in 0.5"),
        ("1,2\n 3,  4 ,5\n", "2:1: this row has 3 numbers, and the first has 2; give all rows the same length"),
        ("1,b\n2,3\n", "1:3: `b` is not a number; write one, as in 0.5"),
        ("1\n1_000\n", "2:1: `1_000` is not a number; write one, as in 0.5"),
        ("1\n٣\n", "2:1: `٣` is not a number; write one, as in 0.5"),
        ("a\nb\n", "2:1: `b` is not a number; write one, as in 0.5"),
        ("a,b\n", "1:1: the file holds no numbers; write some, a row on a line"),
        ("", "1:1: the file holds no numbers; write some, a row on a line"),
    ],
)
def test_a_bad_cell_is_named_by_file_line_and_column(tmp_path, text, message):
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode())
    with pytest.raises(ProgramError) as caught:
        read_values([f"X=@{path}"])
    assert str(caught.value).split("\n")[0] == f"{path}:{message}"


def test_json(tmp_path):
    path = tmp_path / "W.json"
    for text, value in (("3", 3), ("[[1, 2], [3, 4.5]]", [[1, 2], [3, 4.5]])):
        path.write_text(text, encoding="utf-8")
        assert read_values([f"W = @{path}"]) == {"W": value}
    for text, message in (
        ("[1,\n 2", ":2:3: this is not JSON: Expecting ',' delimiter; write numbers, as in [1, 2]"),
        ('{"W": 1}', "cannot take this value: this is not a number; give a number, a list of numbers or a name"),
        ("[[1], 2]", "some entries are numbers and some are lists; give all rows the same depth"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ProgramError) as caught:
            read_values([f"W=@{path}"])
        assert str(caught.value).split("\n")[0].endswith(message)
    path.write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises((InputError, ProgramError)):
        read_values([f"W=@{path}"])


def test_files_that_cannot_be_read(tmp_path):
    latin = tmp_path / "latin.csv"
    latin.write_bytes(b"h\xf6he\n1\n")
    for given, message in (
        (f"@{tmp_path}/none.csv", "cannot be read: No such file or directory; name a file behind `@`"),
        (f"@{tmp_path}/data.txt", "ends neither in .csv nor in .json; name such a file behind `@`"),
        ("@a\0b.csv", "cannot be read: this is no file name; name a file behind `@`"),
        (f"@{latin}", "is not UTF-8; save it as UTF-8"),
    ):
        with pytest.raises(InputError) as caught:
            read_values([f"X={given}"])
        assert str(caught.value).endswith(message)
