"""What comparing two stops of a conversion needs of engines: noise of an ONNX file, and what its outputs are."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.checked_session import CheckedSession
from pytest_onnxaccel.backends.function.backend import FunctionBackend
from pytest_onnxaccel.backends.protocol import LoadOptions, Session
from pytest_onnxaccel.checks.conversion.pair import Noisy
from pytest_onnxaccel.checks.parity.outputs.comparer import Comparer
from pytest_onnxaccel.checks.parity.rounded_inputs import nudged
from pytest_onnxaccel.core.comparisons import Comparison, OutputFacts
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.core.specs import ModelInfo
from pytest_onnxaccel.isolation.engine import Engine
from pytest_onnxaccel.runner.outputs.comparers import Wanted, comparers
from pytest_onnxaccel.runner.sessions.comparison_function import comparison_function

if TYPE_CHECKING:
    from pytest_onnxaccel.runner.sessions.workers.engines import Engines

#: One file name is never used for two variants.
_NUMBERS = itertools.count()
_FACTS = "pytest_onnxaccel.graph.outputs.facts:output_facts"


def noise_of_file(
    name: str,
    engine: Engine,
    path: str,
    session: Session,
    info: ModelInfo,
    renamed: Mapping[str, str] | None = None,
) -> Noisy:
    """Return the noise of the ONNX file at *path*: other ways to run it and to write its graph, inputs rounded again.

    Args:
        name: as results have it.
        engine: runs ONNX files.
        session: runs it as it is.
        info: what it declares, by the names that *session* takes.
        renamed: what the file itself calls them, where that is otherwise.
    """

    def opened() -> Iterator[tuple[str, Session | OnnxAccelError]]:
        yield "graph optimizations off", _loaded(engine, path, LoadOptions(optimize=False, spin=False), info, renamed)
        for threads in (1, 3):
            yield f"threads={threads}", _loaded(engine, path, LoadOptions(threads=threads, spin=False), info, renamed)
        yield from nudged(session)
        try:
            names = engine.graph("variants", source=path)
        except OnnxAccelError as error:
            yield "variants of the graph", error
            return
        for form in names:
            target = os.path.join(os.path.dirname(path), f"noise-{next(_NUMBERS)}.onnx")
            try:
                engine.graph("variant", source=path, target=target, name=form)
                yield form, _loaded(engine, target, LoadOptions(spin=False), info, renamed)
            except OnnxAccelError as error:
                yield form, error
            finally:
                with suppress(OSError):
                    os.unlink(target)

    return Noisy(name, session, opened)


def _loaded(
    engine: Engine, path: str, options: LoadOptions, info: ModelInfo, renamed: Mapping[str, str] | None
) -> Session | OnnxAccelError:
    try:
        return CheckedSession(engine.load(path, options), info.inputs, info.outputs, renamed)
    except OnnxAccelError as error:
        return error


def compared_as(
    engines: Engines, engine: Engine, path: str, info: ModelInfo, given: Mapping[str, Comparison]
) -> dict[str, Comparer]:
    """Return what compares outputs of the ONNX file at *path* otherwise than element by element.

    Args:
        engines: opens what calls functions of the user's.
        engine: looks into the file.
        path: of the file.
        info: what it declares.
        given: what the user says, by output; ``*`` for every other one.

    Raises:
        OnnxAccelError: an output that is named is not there, or a function cannot be called.
    """
    try:
        facts = OutputFacts.from_json(engine.graph(_FACTS, path=path))
    except OnnxAccelError:
        facts = OutputFacts()

    def functions(name: str) -> Callable[..., tuple[bool, str]]:
        return comparison_function(name, engines.open(FunctionBackend.name, {}), engines.options.import_paths)

    # Values inside of a framework are not to be had
    return comparers(Wanted(info, given, facts), lambda name, number: (None, None), functions)
