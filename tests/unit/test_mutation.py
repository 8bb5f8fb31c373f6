import ast
from functools import partial
from pathlib import Path

import pytest

from tests import mutation
from tests.mutants import MODULE, Mutant, find_mutants, replace_once

ROOT = Path(__file__).parents[2]
LARGEST = """
def largest(values: list[int], at_least: int = 0) -> int:
    if not values:
        raise ValueError(f"expected {1 + 1} values")
    return max([at_least, *values])
"""
TESTS = """
import pytest
from stages.tiny import largest

def test_the_largest_is_found() -> None:
    assert largest([1, 3, 2]) == 3

def test_no_values_are_an_error() -> None:
    with pytest.raises(ValueError):
        largest([])
"""


def changes(source: str) -> set[str]:
    return {mutant.change for mutant in find_mutants("a.py", source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a < b -> a <= b"}),
        ("a is not b", {"a is not b -> a is b"}),
        ("a = b * c", {"b * c -> b / c"}),
        ("a += b", {"a += b -> a -= b", "a += b -> pass"}),
        ("a = b and not c", {"b and (not c) -> b or not c", "b and (not c) -> b and c"}),
        ("a = 2", {"2 -> 3", "2 -> -2"}),
        ("a = True", {"True -> False"}),
        ("a = 'train'", {"'train' -> 'test'"}),
        ("a = 'trains'", set()),
        ("a = x.max(axis=1)", {
            "x.max(axis=1) -> x.min(axis=1)", "axis=1 -> axis=0", "x.max(axis=1) -> x.max()",
        }),
        ("a = f(b, c)", {"f(b, c) -> f(c, b)"}),
        ("a = f(b, b)", set()),
        ("a = zip(b, strict=True)", set()),
        ("a = b[:n]", {":n -> :", ":n -> :n + 1"}),
        ("a = b if c else d", {"b if c else d -> b if not c else d"}),
        ("a = [b for b in c if d]", {"d -> not d"}),
        ("if a: b()", {"a -> not a", "b() -> pass"}),
        ("a.b = c", {"a.b = c -> pass"}),
        ("a = f(a)", {"a = f(a) -> pass"}),
        ("a = [f(), b]", {"[f(), b] -> [b]"}),
        ("raise E(1 < 2)", {"raise E(1 < 2) -> pass"}),
    ],
)  # fmt: skip
def test_a_mutant_is_one_small_mistake(source: str, expected: set[str]) -> None:
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of 1 < 2."""',
        "a = f'{1 < 2}'",
        "def f(a: Literal[1]) -> Literal[2]: return a",
        "if TYPE_CHECKING:\n    a = 1",
        'if __name__ == "__main__":\n    main()',
        "import a",
    ],
)
def test_messages_annotations_and_scripts_are_left_alone(source: str) -> None:
    assert changes(source) == set()


def test_bounds_in_the_annotations_of_a_schema_are_changed() -> None:
    found = changes("class A(Section):\n    a: Annotated[int, Field(ge=1)] | None = None")
    assert found == {"Field(ge=1) -> Field()", "ge=1 -> ge=2", "ge=1 -> ge=-1"}


def test_a_mutant_changes_one_place_and_knows_where() -> None:
    mutants = find_mutants("a.py", LARGEST)
    assert {(mutant.line, mutant.function) for mutant in mutants} == {
        (2, "largest"), (3, "largest"), (4, "largest"), (5, "largest"),
    }  # fmt: skip
    (minimum,) = (mutant for mutant in mutants if "min" in mutant.change)
    expected = ast.unparse(ast.parse(LARGEST)).replace("max", "min")
    assert minimum.mutate() == expected
    assert [mutant.mutate() for mutant in mutants].count(expected) == 1


def test_a_listed_mutant_replaces_code_that_occurs_once() -> None:
    mutant = replace_once("a.py", LARGEST, "smallest", "max(", "min(")
    assert (mutant.line, mutant.function, mutant.change) == (5, "largest", "smallest")
    assert mutant.mutate() == LARGEST.replace("max(", "min(")
    for old in ("values", "maximum("):
        with pytest.raises(ValueError, match=r"expected .* once, found"):
            replace_once("a.py", LARGEST, "smallest", old, "min(")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("stages", "tests/unit"):
        (tmp_path / folder).mkdir(parents=True)
    for package in ("stages", "tests", "tests/unit"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "stages/tiny.py").write_text(LARGEST)
    (tmp_path / "tests/unit/test_tiny.py").write_text(TESTS)
    (tmp_path / "tests/unit/test_else.py").write_text("def test_else(): assert True")
    return tmp_path


def test_a_detected_mistake_is_caught_and_another_survives(project: Path) -> None:
    tests = mutation.TestFiles(project, "")
    mutants = find_mutants("stages/tiny.py", LARGEST)
    found = {each.change: mutation.check(project, each, tests, [])[1:3] for each in mutants}
    tiny = "tests/unit/test_tiny.py::test_"
    assert found == {
        "0 -> 1": ("SURVIVED", "1 test files"),  # it is the largest of no list in the tests
        "not values -> values": ("caught", f"{tiny}the_largest_is_found"),
        "raise ValueError(f'expected {1 + 1} values') -> pass": (
            "caught", f"{tiny}no_values_are_an_error",
        ),
        "max([at_least, *values]) -> min([at_least, *values])": (
            "caught", f"{tiny}the_largest_is_found",
        ),
    }  # fmt: skip
    assert (project / "stages/tiny.py").read_text() == LARGEST
    called = {name: test and test.called for name, test in tests.measured.items()}
    assert called == {
        "tests/unit/test_tiny.py": {f"stages.tiny:{MODULE}", "stages.tiny:largest"},
        "tests/unit/test_else.py": set(),  # needed by the survivor alone
    }


def test_a_mutant_that_ends_in_no_answer_is_caught(project: Path) -> None:
    test = mutation.TestFile("tests/unit/test_tiny.py", frozenset(), -4)  # a limit of 4 s
    for new in ("(", "while True: pass", "import os; os._exit(0)"):
        mutant = Mutant("stages/tiny.py", 1, MODULE, "broken", partial(str, new))
        failure, _ = mutation.run_changed(project, mutant, test)
        assert failure != ""


def test_an_equivalent_mutant_is_not_tried(project: Path) -> None:
    (mutant,) = (
        each for each in find_mutants("stages/tiny.py", LARGEST) if each.change == "0 -> 1"
    )
    named = {"file": "stages/tiny.py", "function": "largest", "change": "0 -> 1"}
    tests = mutation.TestFiles(project, "no such file")
    result = mutation.check(project, mutant, tests, [named | {"reason": "no list is shorter"}])
    assert result.status == "equivalent"
    result = mutation.check(project, mutant, tests, [named | {"function": "f"}])
    assert (result.status, result.by) == ("SURVIVED", "0 test files")


def test_a_test_that_fails_without_a_mutant_is_not_used(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "tests/unit/test_tiny.py").write_text("def test_tiny(): assert False")
    mutant, *_ = find_mutants("stages/tiny.py", LARGEST)
    assert mutation.check(project, mutant, mutation.TestFiles(project, ""), []).by == "0 test files"
    assert "test_tiny.py fails without a mutant: tests/unit/test_" in capsys.readouterr().out


def test_fewer_than_nine_of_ten_caught_are_too_few(capsys: pytest.CaptureFixture[str]) -> None:
    mutant = Mutant("a.py", 3, MODULE, "a -> b", str)
    caught, survived, equivalent = (
        mutation.Result(mutant, status, "", 2) for status in ("caught", "SURVIVED", "equivalent")
    )
    assert mutation.summarize([caught] * 9 + [survived, equivalent]) == 0
    printed = capsys.readouterr().out
    assert "1 survived:\n  a.py:3  a -> b\n9 of 10 mutants caught (90.0%), 2.0 s of" in printed
    assert mutation.summarize([caught] * 8 + [survived, equivalent]) == 1


def test_every_listed_mutant_still_changes_its_module() -> None:
    mutants = mutation.listed_mutants(ROOT)
    assert len({mutant.change for mutant in mutants}) == len(mutants) > 100
    for mutant in mutants:
        before = ast.dump(ast.parse((ROOT / mutant.file).read_text()))
        assert ast.dump(ast.parse(mutant.mutate())) != before, mutant.change


def test_every_equivalent_mutant_is_still_one() -> None:
    for each in mutation.read_list(ROOT)["equivalent"]:
        found = find_mutants(each["file"], (ROOT / each["file"]).read_text())
        assert (each["function"], each["change"]) in {(m.function, m.change) for m in found}, each
        assert each["reason"]


def test_fresh_mutants_depend_on_the_seed_and_more_start_with_fewer() -> None:
    few, more, others = (
        [(mutant.file, mutant.line, mutant.change) for mutant in mutation.draw(ROOT, count, seed)]
        for count, seed in ((20, 0), (30, 0), (20, 1))
    )
    assert more[:20] == few != others
