"""Does a backend give what the model declares: it runs, twice the same, finite; names, dtypes, shapes as declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.settle import Settled
from pytest_onnxaccel.dims import evaluate, is_expression
from pytest_onnxaccel.numerics.compare import name_problems
from pytest_onnxaccel.printing import counted, left_out
from pytest_onnxaccel.results import CheckResult, Verdict
from pytest_onnxaccel.spec import ModelInfo, TensorSpec, dtype_label

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def contract(model: str, backend: str, info: ModelInfo, session: Session, settled: Settled) -> CheckResult:
    """The model runs, and its outputs are finite, repeatable and as declared.

    Args:
        settled: inputs that run in *session*, with the outputs of their first run.
    """
    first = settled.outputs
    again = session.run(settled.inputs.feeds(0))
    declared = dict.fromkeys(spec.name for spec in info.outputs)
    problems = [p.message for p in name_problems(first, declared, ("the session", "the model"))]
    problems += _declared(info, settled, first)
    nonfinite = _nonfinite(first)
    for index in range(1, settled.samples):
        sized = settled.inputs.at(index % settled.inputs.variants)
        feeds = sized.feeds(index)
        found = session.run(feeds)
        problems = problems or _declared(info, replace(settled, inputs=sized), found)
        nonfinite = nonfinite or [f"sample {index}: {text}" for text in _nonfinite(found)]
    unstable = [name for name in first if not _same(first[name], again.get(name))]
    figures = {
        "outputs": {name: [str(a.dtype), list(a.shape)] for name, a in first.items()},
        "runs": settled.tries + 1,
        "dims": dict(settled.inputs.sizes),
        "input_range": list(settled.inputs.floats),
        "load_ms": session.info.facts.get("load_ms"),
    }
    result = CheckResult(
        model, "contract", Verdict.PASSED, backend=backend, batch=settled.inputs.batch, figures=figures,
        notes=session.info.notes,
    )  # fmt: skip
    chosen = settled.inputs.described()
    if chosen:
        result = result.with_(notes=(*result.notes, f"inputs chosen here: {chosen}"))
    if problems:
        return _failed(result, "V_CONTRACT", problems)
    if nonfinite:
        return _failed(result, "V_NONFINITE", nonfinite)
    if unstable:
        return _failed(result, "V_UNSTABLE", [f"output {name!r} differs between two equal runs" for name in unstable])
    told = [f"{name} {a.dtype}{list(a.shape)}" for name, a in first.items()]
    shapes = counted(told)
    return result.with_(message=f"runs, finite, repeatable: {shapes}", details=left_out(", ".join(told), shapes))


def _failed(result: CheckResult, code: str, problems: list[str]) -> CheckResult:
    return result.with_(verdict=Verdict.FAILED, code=code, message=problems[0], details=tuple(problems[1:]))


def _declared(info: ModelInfo, settled: Settled, outputs: Mapping[str, Array]) -> list[str]:
    """Breaches of declared dtypes and shapes; a symbol must mean one size throughout inputs and outputs."""
    symbols = settled.inputs.symbols()
    shapes = {name: array.shape for name, array in settled.inputs.feeds(0).items()}
    for spec in info.inputs:
        for dim, size in zip(spec.shape or (), shapes[spec.name], strict=False):
            if isinstance(dim, str) and not is_expression(dim):
                symbols[dim] = size
    counts = Counter(spec.name for spec in info.outputs)
    found = [f"the model declares output {name!r} {n} times" for name, n in counts.items() if n > 1]
    for spec in info.outputs:
        if spec.name in outputs and spec.kind == "tensor":
            found += _declared_one(spec, outputs[spec.name], symbols)
    return found


def _declared_one(spec: TensorSpec, array: Array, symbols: dict[str, int]) -> list[str]:
    dtype = dtype_label(array.dtype)
    if spec.dtype and dtype != spec.dtype:
        return [f"output {spec.name!r} is declared {spec.dtype} and comes as {dtype}"]
    if spec.shape is None:
        return []
    if len(spec.shape) != array.ndim:
        return [f"output {spec} is declared with rank {len(spec.shape)} and comes as {array.shape}"]
    for axis, (dim, size) in enumerate(zip(spec.shape, array.shape, strict=True)):
        if isinstance(dim, int) and dim != size:
            return [f"output {spec} comes as {array.shape}: axis {axis} is {size}, not {dim}"]
        # Symbols that only outputs use are names that exporters make up; two of them may differ in size
        wanted = evaluate(dim, symbols) if isinstance(dim, str) else None
        if wanted is not None and wanted != size:
            return [f"output {spec} comes as {array.shape}: {dim!r} is {wanted} in the inputs and {size} here"]
    return []


def _nonfinite(outputs: Mapping[str, Array]) -> list[str]:
    found = []
    for name, array in outputs.items():
        if array.dtype.kind not in "fcV":
            continue
        values: Any = array.astype(np.float32) if array.dtype.kind == "V" else array
        nans, infs = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        if nans or infs:
            words = [f"{count} {word}" for count, word in ((nans, "NaN"), (infs, "Inf")) if count]
            found.append(f"output {name!r} holds {' and '.join(words)} among {array.size} elements")
    return found


def _same(first: Array, again: Array | None) -> bool:
    if again is None or first.shape != again.shape or first.dtype != again.dtype:
        return False
    if first.dtype.kind in "OUS":
        return bool((first == again).all())
    return first.tobytes() == again.tobytes()
