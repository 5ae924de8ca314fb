"""Does a backend give what the model declares: it runs, twice the same, finite; names, dtypes, shapes as declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_onnxaccel.backends.protocol import Session
from pytest_onnxaccel.checks.inputs.resolved import ResolvedInputs
from pytest_onnxaccel.core.dims import evaluate, is_expression
from pytest_onnxaccel.core.printing import counted, left_out
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelInfo, TensorSpec, dtype_label
from pytest_onnxaccel.numerics.compare.elementwise import name_problems
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs
from pytest_onnxaccel.numerics.sampling.told import described, report
from pytest_onnxaccel.numerics.unpacked import holder

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array


def contract(
    model: str,
    backend: str,
    info: ModelInfo,
    session: Session,
    resolved: ResolvedInputs,
    random: Collection[str] = (),
) -> CheckResult:
    """Check that the model runs, and that its outputs are finite, repeatable and as declared.

    Args:
        model: name of the model, as reports show it.
        backend: name of the backend.
        info: what the model declares.
        session: the model running in *backend*.
        resolved: inputs that run in *session*, with the outputs of their first run.
        random: outputs whose numbers may be drawn.
    """
    first = resolved.outputs
    again = session.run(resolved.inputs.feeds(0))
    declared = dict.fromkeys(spec.name for spec in info.outputs if spec.kind != "sparse")
    given = dict.fromkeys(holder(name, declared) for name in first)
    problems = [p.message for p in name_problems(given, declared, ("the session", "the model"))]
    sizes = _declared(info, resolved.inputs, first)
    nonfinite = _nonfinite(first, resolved)
    for index in range(1, resolved.samples):
        sized = resolved.inputs.for_sample(index)
        found = session.run(sized.feeds(index, turn=index))
        unsure = resolved.drawn_shaped if index >= len(resolved.inputs.golden) else ()
        sizes = sizes or [breach for breach in _declared(info, sized, found) if breach[0] not in unsure]
        nonfinite = nonfinite or [f"{text} (sample {index})" for text in _nonfinite(found, resolved)]
    differing = [name for name in first if not same(first[name], again.get(name))]
    unstable = [name for name in differing if name not in random]
    figures = {
        "outputs": {name: [str(a.dtype), list(a.shape)] for name, a in first.items()},
        "runs": resolved.tries + 1,
        "dims": dict(resolved.inputs.sizes),
        "inputs": report(resolved.inputs),
        "input_range": list(resolved.inputs.floats),
        "load_ms": session.info.facts.get("load_ms"),
    }
    result = CheckResult(
        model,
        "contract",
        Verdict.PASSED,
        backend=backend,
        batch=resolved.inputs.batch,
        figures=figures,
        notes=session.info.notes,
    )
    allowed = [f"output {name!r} differs between two equal runs, as it may (allow_random)" for name in differing
               if name in random]  # fmt: skip
    unseen = [f"output {spec.name!r} is a {spec.kind} tensor, which is not compared"
              for spec in info.outputs if spec.kind == "sparse"]  # fmt: skip
    result = result.with_(notes=(*result.notes, *unseen, *allowed))
    chosen = described(resolved.inputs)
    if chosen:
        result = result.with_(notes=(*result.notes, f"inputs chosen here: {chosen}"))
    if problems:
        return _failed(result, "V_CONTRACT", problems)
    if sizes:
        made_up = {name for output, _ in sizes for name in resolved.value_shaped.get(output, ())}
        if all(resolved.value_shaped.get(output) for output, _ in sizes):
            return _not_judged(result, sizes[0][1], sorted(made_up))
        return _failed(result, "V_CONTRACT", [text for _, text in sizes])
    if nonfinite:
        return _failed(result, "V_NONFINITE", [nonfinite[0] + _doubt(resolved), *nonfinite[1:]])
    if unstable:
        return _failed(result, "V_UNSTABLE", [f"output {name!r} differs between two equal runs" for name in unstable])
    if resolved.refused:
        told = [
            f"{key!r} = {size} was asked for and does not run: {why}" for key, (size, why) in resolved.refused.items()
        ]
        return _failed(result, "V_DYNAMIC", told)
    if resolved.stuck:
        return _failed(result, "V_DYNAMIC", [_held(key, *why) for key, why in resolved.stuck.items()])
    told = [f"{name} {a.dtype}{list(a.shape)}" for name, a in first.items()]
    shapes = counted(told)
    return result.with_(message=f"runs, finite, repeatable: {shapes}", details=left_out(", ".join(told), shapes))


def _not_judged(result: CheckResult, problem: str, made_up: list[str]) -> CheckResult:
    """Return *result*, inconclusive where sizes depend on a made-up value: they say nothing about the model."""
    named = ", ".join(map(repr, made_up))
    message = f"input {named} was made up and decides a size, so it is not judged: give it ({problem})"
    return result.with_(verdict=Verdict.NOT_APPLICABLE, code="E_INPUT", message=message)


def _doubt(resolved: ResolvedInputs) -> str:
    """Return a hint at inputs that were only guessed; empty where the graph or the user says what is legal."""
    guessed = [spec.name for spec in resolved.inputs.specs if resolved.inputs.origin(spec.name) in ("search", "name")]
    if not guessed:
        return ""
    named = ", ".join(map(repr, guessed[:2])) + (f" and {len(guessed) - 2} more" if len(guessed) > 2 else "")
    return f"; input {named} was made up: give range or file in onnxaccel.toml if it is not legal"


def _held(key: str, size: int, cause: str) -> str:
    name, _, axis = key.partition(":")
    what = f"axis {axis} of input {name!r}" if axis.isdecimal() else f"dimension {key!r}"
    return f"{what} is declared dynamic and runs at {size} alone: {cause}"


def _failed(result: CheckResult, code: str, problems: list[str]) -> CheckResult:
    declared = result.figures.get("outputs", {})
    named = [name for name in declared if any(f"output {name!r}" in problem for problem in problems)]
    result = result.with_(figures={**result.figures, "breach_outputs": named})
    return result.with_(verdict=Verdict.FAILED, code=code, message=problems[0], details=tuple(problems[1:]))


def _declared(info: ModelInfo, inputs: Inputs, outputs: Mapping[str, Array]) -> list[tuple[str, str]]:
    """Return the breaches of declared dtypes and shapes, with their output.

    A symbol means one size in inputs and outputs.
    """
    symbols = inputs.symbols()
    shapes = inputs.shapes()
    for spec in inputs.specs:
        for dim, size in zip(spec.shape or (), shapes[spec.name], strict=False):
            if isinstance(dim, str) and not is_expression(dim):
                symbols[dim] = size
    counts = Counter(spec.name for spec in info.outputs)
    found = [(name, f"the model declares output {name!r} {n} times") for name, n in counts.items() if n > 1]
    for spec in info.outputs:
        if spec.name in outputs and spec.kind == "tensor":
            found += [(spec.name, text) for text in _declared_one(spec, outputs[spec.name], symbols)]
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


def _nonfinite(outputs: Mapping[str, Array], resolved: ResolvedInputs) -> list[str]:
    found = []
    for name, array in outputs.items():
        if array.dtype.kind not in "fcV" or name in resolved.unfinite:
            continue
        values: Any = array.astype(np.float32) if array.dtype.kind == "V" else array
        nans, infs = int(np.isnan(values).sum()), 0 if name in resolved.inputs.infinite else int(np.isinf(values).sum())
        if nans or infs:
            words = [f"{count} {word}" for count, word in ((nans, "NaN"), (infs, "Inf")) if count]
            found.append(f"output {name!r} holds {' and '.join(words)} among {array.size} elements")
    return found


def same(first: Array, again: Array | None) -> bool:
    """Two runs gave the same bytes; texts are compared as such."""
    if again is None or first.shape != again.shape or first.dtype != again.dtype:
        return False
    if first.dtype.kind in "OUS":
        return bool((first == again).all())
    return first.tobytes() == again.tobytes()
