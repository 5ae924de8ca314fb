"""``--help``: the options in groups, basic ones first, and each explained once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from pytest_onnxaccel.plugin.options.declared.groups import GROUPS, grouped
from pytest_onnxaccel.plugin.options.declared.table import BY_NAME, OPTIONS, Option


def test_every_option_has_one_group() -> None:
    named = Counter(name for names in GROUPS.values() for name in names)
    assert [name for name, times in named.items() if times > 1 or name not in BY_NAME] == []
    shown = [option.name for _, options in grouped(OPTIONS) for option in options]
    assert sorted(shown) == sorted(BY_NAME)


def test_an_option_that_no_group_names_is_not_lost() -> None:
    other = Option("other", "other", "", "off", "Something.", "true", "bool")
    title, options = list(grouped([*OPTIONS, other]))[-1]
    assert (title, options[-1]) == (next(reversed(GROUPS)), other)


def test_help_shows_basic_options_first_and_explains_each_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--help", "-p", "no:cacheprovider"]
    out = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True).stdout
    plain = " ".join(out.split())
    places = [plain.index(f"(pytest-onnxaccel): {title}:") for title in GROUPS]
    assert places == sorted(places)
    assert places[0] < plain.index("--onnx-model=PATH") < places[1]
    for option in OPTIONS:
        assert plain.count(option.help) == 1, option.name
        assert f"as {option.flag}" in plain
