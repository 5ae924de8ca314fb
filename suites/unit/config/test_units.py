"""Text with a unit becomes a number, and text that cannot says what was given and what to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_onnxaccel.config import units
from pytest_onnxaccel.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("5ns", 5),
        ("3us", 3e3),
        ("3µs", 3e3),
        ("12ms", 12e6),
        (" 1.5 s ", 1.5e9),
        ("2min", 120e9),
        ("1e1ms", 1e7),
    ],
)
def test_duration(text: str, nanoseconds: float) -> None:
    assert units.duration_ns(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("1B", 1), ("8GB", 8_000_000_000), ("512MiB", 512 * 2**20), ("1.5 kB", 1500), ("1TiB", 2**40)],
)
def test_size(text: str, size: int) -> None:
    assert units.size_bytes(text) == size


@pytest.mark.parametrize(("text", "fraction"), [("10%", 0.1), ("0%", 0), ("2.5 %", 0.025), ("150%", 1.5)])
def test_percentage(text: str, fraction: float) -> None:
    assert units.percentage(text) == fraction


@pytest.mark.parametrize(
    ("text", "pair"),
    [("onnx-tf:3", ("onnx-tf", 3.0)), ("ort-cpu: 1.5x", ("ort-cpu", 1.5)), ("a:b:2", ("a:b", 2.0))],
)
def test_speedup(text: str, pair: tuple[str, float]) -> None:
    assert units.speedup(text) == pair


@pytest.mark.parametrize(("text", "sizes"), [("1,3,10", (1, 3, 10)), ("16", (16,)), (" 2 , 1 ", (2, 1)), ("3,3", (3,))])
def test_batch_sizes(text: str, sizes: tuple[int, ...]) -> None:
    assert units.batch_sizes(text) == sizes


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        (units.duration_ns, "12", "'12' is a bare number - a unit is missing, write 12ms"),
        (units.duration_ns, 12, "a unit is missing, write 12ms"),
        (units.duration_ns, "12h", "'h' of '12h' is not a unit of duration - units: ns, us, µs, ms, s, min"),
        (units.duration_ns, "ms", "'ms' is not a duration - write a number and a unit, such as 12ms"),
        (units.duration_ns, "", "'' is not a duration"),
        (units.duration_ns, "0ms", "'0ms' is not above zero"),
        (units.duration_ns, "-3ms", "'-3ms' is not above zero"),
        (units.duration_ns, "1e400s", "is not above zero and finite"),
        (units.duration_ns, "nan", "'nan' is not a duration"),
        (units.duration_ns, None, "None is not a duration"),
        (units.duration_ns, True, "True is not a duration"),
        (units.size_bytes, "8", "a unit is missing, write 8GB"),
        (units.size_bytes, "8 gigs", "'gigs' of '8 gigs' is not a unit of size - units: B, kB"),
        (units.size_bytes, "0.1B", "'0.1B' is less than one byte"),
        (units.percentage, "10", "a unit is missing, write 10%"),
        (units.percentage, "-1%", "'-1%' is not a percentage"),
        (units.percentage, "ten%", "'ten%' is not a percentage"),
        (
            units.speedup,
            "onnx-tf",
            "'onnx-tf' is not a speed-up over a backend - write BACKEND:FACTOR, such as onnx-tf:3",
        ),
        (units.speedup, ":3", "is not a speed-up over a backend"),
        (units.speedup, "onnx-tf:", "is not a speed-up over a backend"),
        (units.speedup, "onnx-tf:fast", "the factor 'fast' of 'onnx-tf:fast' is not a number"),
        (units.speedup, "onnx-tf:0", "is not above zero"),
        (units.speedup, 3, "3 is not a speed-up"),
        (
            units.batch_sizes,
            "1,x",
            "'x' of '1,x' is not a batch size - write positive whole numbers, such as 1,3,10",
        ),
        (units.batch_sizes, "0", "'0' of '0' is not a batch size"),
        (units.batch_sizes, "1,,3", "'' of '1,,3' is not a batch size"),
        (units.batch_sizes, "1.5", "'1.5' of '1.5' is not a batch size"),
        (units.batch_sizes, "²", "is not a batch size"),
        (units.batch_sizes, "9" * 30, "is not a batch size"),
        (units.batch_sizes, 3, "3 is not a list of batch sizes"),
    ],
)
def test_refused(parse: Callable[[Any], object], text: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    message = str(caught.value)
    assert said in message
    assert message.startswith("onnxaccel[E_CONFIG] ")
    assert "\n" not in message
