"""What is told of inputs: their sizes, and what was drawn and why."""

from __future__ import annotations

from pytest_onnxaccel.numerics.sampling.draw import DEFAULT_RANGE, searched_range
from pytest_onnxaccel.numerics.sampling.input_sets import Inputs

_UNTOLD = ("name", "origin")


def report(inputs: Inputs) -> dict[str, dict[str, object]]:
    """Return what was drawn and why, by input: for the JSON report."""
    shapes, found = inputs.shapes(), {}
    for spec in inputs.specs:
        entry: dict[str, object] = {"shape": list(shapes[spec.name]), "origin": inputs.origin(spec.name)}
        domain = inputs.domains.get(spec.name)
        if domain is not None and inputs.made_up(spec.name):
            told = {k: v for k, v in domain.to_json().items() if v not in (None, (), {}) and k not in _UNTOLD}
            entry["domain"] = told
        elif entry["origin"] == "search" and (ends := searched_range(spec, inputs.floats, inputs.integers)):
            entry["domain"] = {"kind": "number", "low": ends[0], "high": ends[1]}
        found[spec.name] = entry
    return found


def sizes_text(inputs: Inputs) -> str:
    """Return the sizes that ran, where the declarations leave more than the batch open; empty where they do not."""
    free = [
        spec
        for spec in inputs.specs
        if any(not isinstance(d, int) and inputs.axes.get(spec.name) != i for i, d in enumerate(spec.shape or ()))
    ]
    if not free:
        return ""
    shapes = inputs.shapes()
    if len(inputs.specs) == 1:
        return "x".join(map(str, shapes[inputs.specs[0].name]))
    if inputs.sizes:
        return " ".join(f"{key}={size}" for key, size in list(inputs.symbols().items())[:3] if key in inputs.sizes)
    return " ".join("x".join(map(str, shapes[spec.name])) for spec in free[:2])


def described(inputs: Inputs) -> str:
    """Return the choices that were made, for the result: ``H=32, W=32``, or an empty string."""
    parts = [f"{name if name != '?' else 'free dimensions'}={size}" for name, size in inputs.sizes.items()]
    for other in inputs.others:
        changed = [f"{name}={size}" for name, size in other.items() if inputs.sizes.get(name) != size]
        parts += [f"also {' '.join(changed)}"] if changed else []
    free = [s.name for s in inputs.specs if s.name not in inputs.domains and inputs.made_up(s.name)]
    if inputs.floats != DEFAULT_RANGE and any("float" in s.dtype for s in inputs.specs if s.name in free):
        parts.append(f"float inputs from [{inputs.floats[0]:g}, {inputs.floats[1]:g})")
    if inputs.integers is not None and any(s.dtype.startswith(("int", "uint")) for s in inputs.specs if s.name in free):
        parts.append(f"integer inputs from [{inputs.integers[0]}, {inputs.integers[1]})")
    return ", ".join(parts)
