"""The measured noise floor: how far legal variants of the reference drift from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.numerics.compare.elementwise import name_problems
from pytest_onnxaccel.numerics.compare.tolerance_floor import FACTOR, SURE, drift, is_rounding

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

#: Opens legal variants of the reference, one after the other: what was changed, and a session that the caller closes,
#: or why there is none. Whatever opens a reference gives its own.
Variants = Callable[[], Iterator[tuple[str, Session | OnnxAccelError]]]

#: A variant's output in the order of the reference's, by name, from both sides' outputs; None where it has no drift.
Aligned = Callable[[str, "Mapping[str, Array]", "Mapping[str, Array]"], "Array | None"]

#: What the variant is called that is the reference run once more.
AGAIN = "run again"


@record(frozen=True)
class Noise:
    """What was measured.

    Attributes:
        reference: name of the side that was measured.
        drift: by output, see :func:`~pytest_onnxaccel.numerics.compare.tolerance_floor.drift`.
        counted: the variants that it was taken over.
        left_out: variants that say nothing, with why.
        samples: how many it was taken on.
        sure: outputs whose drift is known of many elements, so that SURE times it is tolerated, not FACTOR times.
    """

    reference: str
    drift: Mapping[str, float]
    counted: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    samples: int = 0
    sure: tuple[str, ...] = ()

    def factor(self, name: str) -> float:
        """Return by how many times its drift output *name* may be off."""
        return SURE if name in self.sure else FACTOR

    def only(self, names: Collection[str]) -> Noise:
        """Return this noise, of outputs *names* alone."""
        return replace(self, drift={name: found if name in names else 0.0 for name, found in self.drift.items()})

    def joined(self, other: Noise) -> Noise:
        """Merge this noise with that of *other* samples, or of the other side: the larger drift of each output."""
        drift = {name: max(found, other.drift.get(name, 0.0)) for name, found in self.drift.items()}
        counted, left_out = (tuple(dict.fromkeys((*a, *b))) for a, b in (
            (self.counted, other.counted), (self.left_out, other.left_out),
        ))  # fmt: skip
        alike = other.reference in self.reference.split(" and ")
        reference = self.reference if alike else f"{self.reference} and {other.reference}"
        return Noise(reference, drift, counted, left_out, self.samples + other.samples, self.sure)

    def origin(self, name: str) -> str:
        """Return a text such as ``4 x measured drift 2.6e-7 of ort-cpu over 4 variants``."""
        found, count = self.drift.get(name, 0.0), len(self.counted)
        return f"{self.factor(name):g} x measured drift {found:.2g} of {self.reference} over {count} variants"

    def figures(self) -> dict[str, object]:
        """Return it in builtins for the report."""
        return {
            "factor": FACTOR, "drift": dict(self.drift), "variants": list(self.counted),
            "left_out": list(self.left_out), "samples": self.samples,
        }  # fmt: skip


def measure(
    reference: str,
    session: Session,
    variants: Variants,
    feeds: Sequence[Mapping[str, Array]],
    aligned: Aligned | None = None,
    computed: Mapping[str, str] | None = None,
    known: Sequence[Mapping[str, Array]] | None = None,
) -> Noise:
    """Run the reference and each of its variants on *feeds* and keep the largest drift by output.

    A variant that cannot be made, loaded or run is left out, and so is, by output, one that drifts further than
    rounding can: it is another model, and would make the tolerance meaningless.

    Args:
        reference: what messages call it.
        session: the reference.
        variants: opens the variants, one after the other.
        feeds: samples, each one array per input.
        computed: float type of fewer digits than its own that an output is computed in, by output.
        known: what the reference gave for *feeds*, where it was run on them already.
    """
    base = [session.run(sample) for sample in feeds] if known is None else known
    found = dict.fromkeys(base[0], 0.0) if base else {}
    counted: list[str] = []
    left_out: list[str] = []
    for name, opened in _with_itself(session, variants):
        if isinstance(opened, OnnxAccelError):
            left_out.append(f"{name}: {opened.cause}")
            continue
        try:
            runs = [opened.run(sample) for sample in feeds]
        except OnnxAccelError as error:
            left_out.append(f"{name}: {error.cause}")
            continue
        finally:
            if opened is not session:
                _close(opened)
        why = _merge(found, runs, base, aligned, computed or {})
        left_out += [f"{name}: {text}" for text in why]
        if len(why) < max(1, len(found)):
            counted.append(name)
    return Noise(reference, found, tuple(counted), tuple(left_out), len(feeds))


def _with_itself(session: Session, variants: Variants) -> Iterator[tuple[str, Session | OnnxAccelError]]:
    yield AGAIN, session
    yield from variants()


def _close(session: Session) -> None:
    with suppress(OnnxAccelError):  # its worker may be gone, and the session with it
        session.close()


def _merge(
    found: dict[str, float],
    runs: Sequence[Mapping[str, Array]],
    base: Sequence[Mapping[str, Array]],
    aligned: Aligned | None,
    computed: Mapping[str, str],
) -> list[str]:
    """Raise the drifts in *found* by what *runs* show; why outputs of the variant do not count."""
    largest = dict.fromkeys(found, 0.0)
    wrong: dict[str, str] = {}
    for run, reference in zip(runs, base, strict=True):
        problems = name_problems(run, reference, ("the variant", "the reference"))
        if problems:
            return [p.message for p in problems][:1] * max(1, len(found))
        for name in found:
            a, b = run[name], reference[name]
            if a.shape != b.shape or a.dtype != b.dtype:
                wrong[name] = f"output {name!r} is {a.dtype}{list(a.shape)} instead of {b.dtype}{list(b.shape)}"
                continue
            laid = a if aligned is None else aligned(name, run, reference)
            if laid is None:
                continue
            gap = drift(laid, b, computed.get(name, ""))
            if not is_rounding(gap, b, computed.get(name, "")):
                wrong[name] = f"output {name!r} is off by {gap:.2g}, which is more than rounding"
            largest[name] = max(largest[name], gap)
    for name, gap in largest.items():
        if name not in wrong:
            found[name] = max(found[name], gap)
    return list(wrong.values())
