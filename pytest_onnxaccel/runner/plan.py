"""Which checks a model gets, and on which backends. Names only: nothing is opened or parsed for a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pytest_onnxaccel.backends.protocol import GROUP, Availability, Backend
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.specs import ModelSpec, SourceSpec
from pytest_onnxaccel.runner.check_table import Check, checks
from pytest_onnxaccel.runner.golden_data import golden_of
from pytest_onnxaccel.runner.references import function_source, names_function
from pytest_onnxaccel.runner.request import GOLDEN, UNOPTIMIZED, Request

#: The backend that others are compared with where the user names none: what most people deploy.
_USUAL = "ort-cpu"


@record(frozen=True)
class Plan:
    """Backends that take part in the checks of one model.

    Attributes:
        backends: all of them, in the order in which they find inputs.
        checked: those that are tested themselves; an oracle is only compared with, unless it was asked for.
        reference: what the others are compared with: a backend, another ``.onnx``, the path of the model's source, a
            function, :data:`UNOPTIMIZED`, or empty.
        alone: a backend that is compared with itself, because all that it would be compared with are absent.
        sources: those of *backends* that run the source itself.
        golden: there is golden data: each checked backend is compared with it as well.
    """

    spec: ModelSpec
    backends: tuple[str, ...]
    checked: tuple[str, ...]
    reference: str
    sources: frozenset[str] = frozenset()
    alone: str = ""
    golden: bool = False

    @property
    def source(self) -> SourceSpec | None:
        """The source or function that is the reference; None where that is something else, or an ``.onnx`` itself."""
        own = self.spec.source
        if own is not None and self.reference == own.path and not own.path.endswith(".onnx"):
            return own
        return function_source(self.reference, self.spec.origin) if names_function(self.reference) else None

    def pairs(self) -> list[tuple[str, str]]:
        """Return (candidate, reference) of each parity check."""
        if self.reference == GOLDEN:
            return []
        if self.source is not None:
            return [(name, self.reference) for name in self.checked if name not in self.sources]
        if self.reference.endswith(".onnx"):
            return [(name, self.reference) for name in self.checked]
        if self.reference == UNOPTIMIZED:
            return [(self.backends[0], UNOPTIMIZED)]
        own = [(self.alone, UNOPTIMIZED)] if self.alone else []
        return own + [(name, self.reference) for name in self.backends if name != self.reference and self.reference]

    def requests(self) -> Iterator[Request]:
        """Yield the checks of the model, in the order in which they run."""
        for check in checks().values():
            yield from self._requests_of(check)

    def _requests_of(self, check: Check) -> Iterator[Request]:
        name, batches = self.spec.name, self.spec.batch.sizes or (None,)
        if check.scope == "model":
            yield Request(name, check.name)
        elif check.scope == "backend":
            yield from (Request(name, check.name, backend) for backend in self.checked)
        elif check.scope == "batch":
            for batch in batches:
                yield from (Request(name, check.name, backend, batch=batch) for backend in self.checked)
        else:
            for batch in batches:
                yield from (Request(name, check.name, c, r, batch=batch, source=self.source) for c, r in self.pairs())
            if self.golden or self.reference == GOLDEN:
                # At their own batch alone: nobody stored what another one gives
                yield from (Request(name, check.name, backend, GOLDEN) for backend in self.checked)


def make_plan(
    spec: ModelSpec,
    required: Sequence[str],
    backend: Callable[[str], Backend],
    availability: Callable[[str], Availability],
) -> Plan:
    """Return the plan for *spec*.

    Args:
        spec: the model.
        required: backends that take part in any case.
        backend: gives a registered backend by name.
        availability: says by name whether a backend can be tried here.
    """
    asked = spec.backends or available(backend, availability)
    backends = tuple(dict.fromkeys((*asked, *required)))
    named = {*spec.backends, *required}
    checked = tuple(n for n in backends if n in named or backend(n).role == "runtime") or backends[:1]
    sources = frozenset(n for n in backends if backend(n).role == "source")
    present = frozenset(n for n in backends if n not in sources and availability(n).ok)
    reference, alone = _reference(spec, backends, backend), _alone(spec, present, backend)
    return Plan(spec, backends, checked, reference, sources, alone, golden_of(spec) is not None)


def _alone(spec: ModelSpec, present: frozenset[str], backend: Callable[[str], Backend]) -> str:
    """Return the one backend of several that is here, where nothing else was named to compare it with."""
    only = next(iter(present), "")
    named = spec.reference or spec.source is not None
    return only if len(present) == 1 and not named and getattr(backend(only), "optimizes", False) else ""


def registered(backend: Callable[[str], Backend]) -> tuple[str, ...]:
    """Return every registered backend: runtimes before oracles, the usual one first."""
    names = registry.names(GROUP)
    return tuple(sorted(names, key=lambda n: (backend(n).role != "runtime", n != _USUAL, n)))


def available(backend: Callable[[str], Backend], availability: Callable[[str], Availability]) -> tuple[str, ...]:
    """Return every registered backend that runs ONNX models and can be tried here."""
    return tuple(n for n in registered(backend) if backend(n).role != "source" and availability(n).ok)


def _reference(spec: ModelSpec, backends: tuple[str, ...], backend: Callable[[str], Backend]) -> str:
    if spec.reference:
        return spec.reference
    if spec.source is not None:
        return spec.source.path
    chosen = _USUAL if _USUAL in backends else next(iter(backends), "")
    if len(backends) == 1 and getattr(backend(chosen), "optimizes", False):
        return UNOPTIMIZED
    return chosen
