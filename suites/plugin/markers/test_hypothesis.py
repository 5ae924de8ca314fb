"""A good citizen of hypothesis: seed, statistics, profile, database, examples, target and note reach the marker."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("hypothesis")

from pytest_onnxaccel.core.results import Verdict
from pytest_onnxaccel.preprocessing import compare

pytest_plugins = ("pytester",)

PROFILES = """
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase
settings.register_profile("short", max_examples=7, database=None)
# Said, for on a CI service hypothesis keeps nothing by itself
settings.register_profile("kept", max_examples=60, database=DirectoryBasedExampleDatabase(".hypothesis/examples"))
"""
TESTS = """
import numpy as np
import pytest
from hypothesis import example, given
from pathlib import Path
from pytest_onnxaccel.strategies import images

LOG = Path("seen.txt")

def unit(image):
    return image / np.float32(255)

def seen(image):
    with LOG.open("a") as log:
        log.write(f"{image.shape} {int(image.sum())}\\n")
    return image / np.float32(255)

def wrong_at_five_rows(image):
    return unit(image) + np.float32(image.shape[0] == 5)

P = pytest.mark.preprocessing_parity

@P(reference=unit, candidate=seen, images=images(max_side=6), shape=(8, 8, 3), shapes=[(8, 8)])
def test_right(): ...

@P(reference=unit, candidate=wrong_at_five_rows, images=images(max_side=6), shape=(8, 8, 3), shapes=[(8, 8)])
def test_wrong(): ...
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    pytester.makeconftest(PROFILES)
    pytester.makepyfile(TESTS)
    return pytester.path


def drawn(project: Path, pytester: pytest.Pytester, *arguments: str) -> list[str]:
    """Return what the candidate was given, in order."""
    (project / "seen.txt").unlink(missing_ok=True)
    pytester.runpytest_subprocess("-k", "test_right", *arguments).assert_outcomes(passed=1)
    return (project / "seen.txt").read_text().splitlines()


def test_the_seed_says_what_is_drawn(project: Path, pytester: pytest.Pytester) -> None:
    three = drawn(project, pytester, "--hypothesis-seed=3")
    assert three == drawn(project, pytester, "--hypothesis-seed=3")
    assert three != drawn(project, pytester, "--hypothesis-seed=4")


def test_a_profile_says_how_many_and_statistics_tell_it(project: Path, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(
        "-k", "test_right", "--hypothesis-profile=short", "--hypothesis-show-statistics"
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*Hypothesis Statistics*", "*7 passing, 0 failing*", "*settings.max_examples=7*"])


def test_the_database_gives_a_failure_again(project: Path, pytester: pytest.Pytester) -> None:
    arguments = ("-k", "test_wrong", "--hypothesis-profile=kept", "--hypothesis-show-statistics", "--hypothesis-seed=1")
    first = pytester.runpytest_subprocess(*arguments)
    first.assert_outcomes(failed=1)
    first.stdout.no_fnmatch_line("*during reuse phase*")
    assert any((project / ".hypothesis" / "examples").iterdir())
    again = pytester.runpytest_subprocess(*arguments)
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*during reuse phase*", "*1 failing*"])


def test_verbosity_shows_notes_and_tries(project: Path, pytester: pytest.Pytester) -> None:
    arguments = ("-k", "test_wrong", "-s", "--hypothesis-seed=1")
    loud = pytester.runpytest_subprocess(*arguments, "--hypothesis-verbosity=verbose")
    loud.stdout.fnmatch_lines(["*Test case: body*"])
    loud.stdout.fnmatch_lines(["*fails: *"])
    quiet = pytester.runpytest_subprocess(*arguments)
    quiet.stdout.no_fnmatch_line("*Test case: body*")
    quiet.stdout.fnmatch_lines(["*smallest image: 5x1x3 *"])


def test_an_example_above_the_test_is_tried_first(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TESTS
        + """
@P(reference=unit, candidate=lambda im: unit(im) + np.float32((im == 7).all() and im.shape == (4, 4, 3)))
@given(images(max_side=3))
@example(np.full((4, 4, 3), 7, np.uint8))
def test_of_mine(image): ...
"""
    )
    result = pytester.runpytest_subprocess("-k", "test_of_mine")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*found on images[[]0[]]*"])


def test_the_search_climbs_towards_the_tolerance() -> None:
    """The difference grows slowly and passes the tolerance in a corner: what came near is followed."""

    def off(image: np.ndarray) -> np.ndarray:
        wide = image.astype(np.float64)
        return wide + 1e-3 * float(image[0, 0, 0]) * float(image.shape[0]) / (255 * 6)

    def same(image: np.ndarray) -> np.ndarray:
        return image.astype(np.float64)

    report = compare(same, off, shape=(4, 4, 1), shapes=[(4, 4)], images=None, tolerance={"atol": 1e-3}, examples=50)
    assert report.verdict is Verdict.PASSED
    found = re.search(
        r"Highest target score: ([\d.]+) +\(label='largest difference, in tolerances'\)", report.statistics
    )
    assert found is not None, report.statistics
    assert float(found[1]) == pytest.approx(4 / 6, abs=0.02)


def test_exact_results_have_nothing_to_climb() -> None:
    report = compare(np.copy, np.copy, shape=(4, 4, 1), shapes=[(4, 4)], examples=20)
    assert report.verdict is Verdict.PASSED
    assert "Highest target score: 0 " in report.statistics


def test_a_failing_image_prints_as_code(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from hypothesis import given, seed
        from pytest_onnxaccel.strategies import images

        @seed(0)
        @given(images(max_side=20))
        def test_mine(image):
            assert image.size < 60
    """)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*image=rendered(*", "*ImageProgram(height=*"])
