"""Opens legal variants of a reference, one at a time, when its noise is to be measured."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Set
from contextlib import suppress

from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.checks.parity.check import Noisy
from pytest_onnxaccel.checks.parity.noise_floor import Variants
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.runner.request import QUIET, RunOptions
from pytest_onnxaccel.runner.sessions.model_session import ModelSession

#: One file name is never used for two variants: sessions and prepared copies are told apart by it.
_NUMBERS = itertools.count()


def variants(model_session: ModelSession, backend: str, path: str | None = None, alone: bool = False) -> Variants:
    """Return variants of the model in *backend*: how it is run, then what its graph says.

    Args:
        model_session: the model.
        backend: name of the backend.
        path: of the file that is the reference, where it is derived from the model.
        alone: the reference is this backend without its graph optimizations. Then nothing runs with them: the
            candidate does, and would set its own tolerance.
    """
    source = path or model_session.path
    plain = LoadOptions(optimize=False, spin=False) if alone else QUIET

    def opened() -> Iterator[tuple[str, Session | OnnxAccelError]]:
        for name, options in _ways(model_session, backend, alone):
            yield name, _try(model_session, backend, source, options, source)
        try:
            names = model_session.graph("variants", source=source)
        except OnnxAccelError as error:
            yield "variants of the graph", error
            return
        for name in names:
            target = os.path.join(model_session.folder, f"variant-{next(_NUMBERS)}.onnx")
            try:
                model_session.graph("variant", source=source, target=target, name=name)
                yield name, _try(model_session, backend, target, plain, source)
            except OnnxAccelError as error:
                yield name, error
            finally:
                with suppress(OSError):
                    os.unlink(target)

    return opened


def _ways(model_session: ModelSession, backend: str, alone: bool) -> Iterator[tuple[str, LoadOptions]]:
    """Yield the same file, run in another way; only where the backend has the choice."""
    if not model_session.optimizes(backend):
        return
    if not alone:
        yield "graph optimizations off", LoadOptions(optimize=False, spin=False)
    own = model_session.variants(backend)
    if own is not None:
        yield from own(LoadOptions(optimize=not alone, spin=False))
        return
    for threads in (1, 3):
        yield f"threads={threads}", LoadOptions(optimize=not alone, threads=threads, spin=False)


def _try(
    model_session: ModelSession, backend: str, path: str, options: LoadOptions, like: str
) -> Session | OnnxAccelError:
    try:
        return model_session.fresh(backend, path, options, like=like)
    except OnnxAccelError as error:
        return error


def noisy(
    options: RunOptions,
    model: str,
    backend: str,
    reference: str,
    found: Variants,
    alike: bool = False,
    base: Session | None = None,
) -> Noisy:
    """Return what is known of the noise of this pair; *reference* as shown, *alike* as the other side has it.

    Args:
        options: settings of the run.
        model: name of the model.
        backend: name of the candidate's backend.
        reference: as reports show it.
        found: the variants to measure.
        alike: whether both sides run in one engine.
        base: what *found* are variants of, where that is not the reference.
    """
    locked = options.locked.get(model, {}).get(f"{backend}~{reference}", {})
    return Noisy(found, {} if options.write_lock else locked, options.write_lock, alike, base)


def elsewhere(result: CheckResult, reported: Set[tuple[str, str]]) -> CheckResult:
    """Return *result*; outputs without a finite value are the contract check's to report where it runs."""
    if result.code != "V_NONFINITE" or ("contract", result.backend) not in reported:
        return result
    return result.with_(
        verdict=Verdict.NOT_APPLICABLE, message=f"{result.message} (see contract[{result.backend}])", details=()
    )
