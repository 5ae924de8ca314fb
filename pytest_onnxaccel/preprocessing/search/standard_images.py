"""The standard images: about sixty that between them show nearly every known fault, the same in every run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pytest_onnxaccel.preprocessing.inputs.domain import Domain
from pytest_onnxaccel.strategies.programs import LAYOUTS, ImageProgram

#: Sizes off powers of two.
SIZES = ((16, 16), (3, 5), (7, 9), (17, 31), (64, 64), (13, 100), (45, 66))
#: Single pixels, rows and columns, and what is many times as long as wide.
THIN = ((1, 1), (33, 1), (1, 37), (2, 2), (1, 300), (300, 1), (2, 500), (500, 3))


def standard_images(domain: Domain) -> list[ImageProgram]:
    """Return the programs in the order of use; for a domain of few sizes each is rendered at one of them."""
    seen: set[ImageProgram] = set()
    chosen = []
    for index, program in enumerate(_programs(domain)):
        if domain.sizes is not None and not domain.legal(program.height, program.width):
            size = domain.sizes[index % len(domain.sizes)]
            program = program.at(*size)
        elif not domain.legal(program.height, program.width):
            program = program.at(*domain.fitted((program.height, program.width)))
        if program not in seen:
            seen.add(program)
            chosen.append(program)
    return chosen


def faint(domain: Domain) -> ImageProgram:
    """Return an image of low contrast: what keeps the largest value that it met gives another result for it later."""
    height, width = domain.near((11, 14))
    levels = (118, 127, 136)
    return ImageProgram(
        height, width, domain.channels, domain.dtype, "faint", levels, seed=3, low=domain.low, high=domain.high
    )


def _programs(domain: Domain) -> Iterator[ImageProgram]:
    base = ImageProgram(16, 16, domain.channels, domain.dtype, low=domain.low, high=domain.high)
    # every level in every channel, twice in other orders: the proof for functions of one channel
    yield replace(base, pattern="ramp")
    yield replace(base, pattern="ramp", width=21, values=(10, 100, 250))
    for seed, (height, width) in enumerate(SIZES):
        yield replace(base, pattern="noise", seed=seed, height=height, width=width)
    for layout in LAYOUTS[1:]:
        yield replace(base, pattern="noise", seed=20, height=13, width=18, layout=layout)
    for level in (0, 1, 127, 128, 255):
        yield replace(base, height=6, width=7, values=(level,))
    for values in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 255, 255), (255, 255, 0), (10, 100, 250), (250, 100, 10)):
        yield replace(base, height=5, width=8, values=values)
    for pattern in ("gradient-x", "gradient-y"):
        yield replace(base, pattern=pattern, height=24, width=52)
        yield replace(base, pattern=pattern, height=31, width=33, values=(0, 60, 200))
    for seed in (0, 1, 3):
        yield replace(base, pattern="checker", height=32, width=33, seed=seed)
    for seed in (0, 10, 49, 88, 98):
        yield replace(base, pattern="hot", height=9, width=11, seed=seed)
    yield replace(base, pattern="saturated", height=15, width=20, seed=1)
    yield replace(base, pattern="faint", height=14, width=23, values=(90, 91, 92))
    yield replace(base, pattern="photo", height=48, width=80)
    big = replace(base, height=domain.height, width=domain.width)
    yield replace(big, pattern="noise", seed=30)
    yield replace(big, pattern="gradient-x", values=(0, 40, 80))
    yield replace(big, pattern="noise", seed=31, layout="F")
    yield replace(big, pattern="noise", seed=32, layout="columns")
    # last: what is legal but seldom comes
    for seed, (height, width) in enumerate(THIN):
        yield replace(base, pattern="noise", seed=60 + seed, height=height, width=width)
    # hardly any contrast: less deviation than what a division is kept away from zero by
    yield replace(base, height=1, width=1, values=(127, 128, 128))
