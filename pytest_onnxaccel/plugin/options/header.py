"""The lines of pytest's report header."""

from __future__ import annotations

from pytest_onnxaccel.core.errors import printable
from pytest_onnxaccel.plugin.options.messages import shown
from pytest_onnxaccel.plugin.options.read import OPTIONS
from pytest_onnxaccel.plugin.options.settings import DEFAULT, Settings

#: Models that the report header names one by one.
SHOWN = 4


def header(settings: Settings) -> list[str]:
    """Return lines of pytest's report header: the models, the backends, and each value that is not the default."""
    names = ", ".join(spec.name for spec in settings.models[:SHOWN]) or "none"
    if len(settings.models) > SHOWN:
        names += f" and {len(settings.models) - SHOWN} more"
    origins = dict.fromkeys(spec.origin.partition(" [")[0] for spec in settings.models)
    backends = ", ".join(settings.backends) or "every one that runs here"
    lines = [
        _line("models", names, ", ".join(origins)),
        _line("backends", backends, settings.origin("backends")),
    ]
    if settings.preprocessing:
        pairs = ", ".join(spec.name for spec in settings.preprocessing)
        lines = [*(lines if settings.models else ()), _line("preprocessing", pairs, settings.origin("manifest"))]
    if settings.folds:
        names = ", ".join(spec.name for spec in settings.folds)
        lines = [*(lines if settings.models or settings.preprocessing else ())]
        lines.append(_line("fold_in", names, settings.origin("manifest")))
    for option in OPTIONS:
        origin = settings.origin(option.field)
        if option.field not in ("models", "backends", "sandbox") and origin != DEFAULT:
            lines.append(_line(option.name, shown(getattr(settings, option.field), option.field), origin))
    return lines


def _line(name: str, value: str, origin: str) -> str:
    return f"onnxaccel {name}: {printable(value, 200)}" + (f" ({printable(origin, 80)})" if origin else "")
