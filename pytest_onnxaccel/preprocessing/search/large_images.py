"""Images around the size of the results, and at the sizes of cameras, within a budget of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pytest_onnxaccel.preprocessing.coverage import Coverage
from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.strategies.programs import ImageProgram

#: Sizes of cameras: height, width.
CAMERAS = ((480, 640), (720, 1280), (1080, 1920), (1280, 720))
#: Seconds, of the processors and of the clock, after which no further large image is tried.
BUDGET_S = 6.0
CLOCK_S = 20.0
#: Most pixels of an image around the size of the results.
PIXELS = 6_000_000


def around_target(domain: Domain, coverage: Coverage) -> Iterator[ImageProgram]:
    """Yield images well above, well below and of the size of the results, where that is one size."""
    target = coverage.target
    if target is None or not domain.picture or domain.sizes is not None:
        return
    rows, columns = target
    base = ImageProgram(rows, columns, domain.channels, domain.dtype, "noise", low=domain.low, high=domain.high)
    sizes = [(2 * rows + 2, 2 * columns + 6), (rows * 3 // 2 + 1, columns * 5 // 2), (rows * 5, columns * 4 + 3)]
    sizes += [(rows // 2, columns // 2), (rows * 2 // 3 + 1, columns // 3 + 1), target, (rows * 2, columns // 2 or 1)]
    for seed, size in enumerate(sizes):
        if min(size) < 1 or size[0] * size[1] > PIXELS:
            continue
        height, width = domain.fitted(size)
        yield replace(base, height=height, width=width, seed=70 + seed, pattern="photo" if seed % 2 else "noise")
    for height, width in (domain.fitted(sizes[0]), domain.fitted(sizes[3])):
        if 0 < height * width <= PIXELS:
            yield replace(base, height=height, width=width, pattern="checker", values=(0,), seed=0)
            yield replace(base, height=height, width=width, pattern="gradient-x", values=(0, 60, 200))


def of_cameras(domain: Domain) -> Iterator[ImageProgram]:
    """Yield photos, noise and white at the sizes of cameras; long lines where samples are lines."""
    if domain.sizes is not None:
        return
    base = ImageProgram(480, 640, domain.channels, domain.dtype, "photo", low=domain.low, high=domain.high)
    small, middle, large, upright = (domain.fitted(size if domain.picture else (size[0], 40)) for size in CAMERAS)
    yield base.at(*small)
    yield replace(base, pattern="noise", seed=80).at(*small)
    yield replace(base, seed=1).at(*middle)
    yield replace(base, pattern="constant", values=(255,)).at(*large)
    yield replace(base, seed=2).at(*large)
    yield replace(base, seed=3).at(*upright)
    # the sum of all values is past 2^31
    yield replace(base, pattern="constant", values=(255,)).at(*domain.fitted((1440, 2560 if domain.picture else 40)))
