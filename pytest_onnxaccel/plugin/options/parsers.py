"""One parser per option: what the user gave to the typed value of ``Settings``."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from typing import Any

from pytest_onnxaccel.config import budget_syntax as budgets
from pytest_onnxaccel.config import units
from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup import registry
from pytest_onnxaccel.core.lookup.missing import looked_for
from pytest_onnxaccel.core.placement import CpuNodes
from pytest_onnxaccel.core.specs import BatchPlan, LatencyBudget
from pytest_onnxaccel.isolation.confinement.level import MODES
from pytest_onnxaccel.plugin.options import names as known
from pytest_onnxaccel.plugin.options.answers import choice, folder, pairs, path_of, switch, text_of, texts, whole
from pytest_onnxaccel.plugin.options.read import Given
from pytest_onnxaccel.plugin.options.report_files import baseline, reports


def parse(field: str, answer: Given) -> Any:
    """Return the value of the setting *field*.

    Raises:
        ConfigError: the value cannot be used; the message starts with where it was given.
    """
    try:
        return PARSERS[field](answer)
    except ConfigError as error:
        raise error.about(answer.origin) from None


def models(answer: Given) -> list[str]:
    """Return the files, globs and folders of ``--onnx-model``, as written."""
    try:
        return texts(answer, strip=False)  # a file's name may begin with a space
    except ConfigError as error:
        raise error.about(answer.origin) from None


def _manifest(answer: Given) -> str | None:
    """None for ``none``, else an absolute path."""
    return None if text_of(answer) == "none" else path_of(answer)


def _names(answer: Given) -> tuple[str, ...]:
    parts = [part.strip() for text in texts(answer) for part in text.split(",")]
    if "" in parts:
        raise ConfigError(f"{','.join(parts)!r} has an empty name", remedy="write NAME or NAME,NAME")
    return tuple(dict.fromkeys(known.backend(part) for part in parts))


def _reference(answer: Given) -> str:
    return known.reference(text_of(answer), answer.base)


def _golden(answer: Given) -> str:
    """Return ``write``, ``no``, or an absolute path."""
    text = text_of(answer)
    if text in ("write", "no"):
        return text
    path = path_of(answer)
    if not os.path.exists(path):
        raise ConfigError(
            f"{text!r} does not exist: {looked_for(path)}", remedy="name golden data, or write to record it"
        )
    return path


def _loader(answer: Given) -> str:
    return scalars.function(text_of(answer))


#: An operator of TensorFlow; those of a package have its name before theirs.
_OPERATOR = re.compile(r"tensorflow:[A-Za-z_]\w*(?:>[A-Za-z_]\w*)*")


def _trusted(answer: Given) -> tuple[str, ...]:
    names = [part.strip() for text in texts(answer) for part in text.split(",")]
    for name in names:
        if _OPERATOR.fullmatch(name):
            continue
        if not all(part.isidentifier() for part in name.replace("*", "x").split(".")) or "." not in name:
            raise ConfigError(f"{name!r} names nothing in a module", remedy="write a name such as models.net.Net")
    return tuple(dict.fromkeys(names))


def _batch(answer: Given) -> BatchPlan:
    return BatchPlan(units.batch_sizes(",".join(texts(answer))), answer.origin)


def _tolerance(answer: Given) -> float:
    text = text_of(answer)
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{text!r} is not a number", remedy="write a non-negative number, such as 1e-3") from None
    if not 0 <= value < math.inf:
        raise ConfigError(f"{text!r} is negative or not finite", remedy="write a number such as 1e-3")
    return value


def _seed(answer: Given) -> int:
    return whole(text_of(answer), 0)


def _timeout(answer: Given) -> float:
    text = text_of(answer)
    try:
        float(text)
    except ValueError:
        return units.duration_ns(text) / 1e9
    return units.duration_ns(f"{text}s") / 1e9


def _memory(answer: Given) -> int:
    return units.size_bytes(text_of(answer))


def _budget(answer: Given) -> LatencyBudget:
    limits: dict[str, Any] = {}
    for key, text in pairs(answer, "KEY=VALUE").items():
        if key not in budgets.FIELDS:
            raise ConfigError(f"{key!r} is not a key of a budget", remedy=registry.nearest(key, tuple(budgets.FIELDS)))
        limits[budgets.FIELDS[key]] = limit(key, text)
    return LatencyBudget(**limits, origin=answer.origin)


def limit(key: str, text: str) -> Any:
    """Return the value of one key of a budget."""
    if key in _OF_BUDGET:
        return _OF_BUDGET[key](text)
    if key == "threads":
        return whole(text, 1)
    if key == "speedup_over":
        name, factor = units.speedup(text)
        return known.backend(name), factor
    return units.duration_ns(text)


_OF_BUDGET: dict[str, Callable[[str], Any]] = {
    "regression": budgets.regression,
    "scenario": budgets.scenario,
    "advise": budgets.advise,
    "inconclusive": budgets.inconclusive,
}


def _pythons(answer: Given) -> dict[str, str]:
    return {
        known.backend(name): os.path.abspath(answer.base / os.path.expanduser(path))
        for name, path in pairs(answer, "NAME=PATH").items()
    }


def _providers(answer: Given) -> dict[str, tuple[tuple[str, str], ...]]:
    from pytest_onnxaccel.plugin.options.provider_options import parsed

    return parsed(pairs(answer, "BACKEND.KEY=VALUE"))


def _cpu_nodes(answer: Given) -> CpuNodes:
    return CpuNodes.parse(text_of(answer))


def _advise(answer: Given) -> str | None:
    """Return None for no advice, empty for advice, else the folder that it is written to."""
    said = {True: "", False: None, "true": "", "false": None}
    return said[answer.value] if answer.value in said else folder(answer)


def _readable(answer: Given) -> tuple[str, ...]:
    paths = [os.path.abspath(answer.base / os.path.expanduser(text)) for text in texts(answer)]
    for path in paths:
        if not os.path.exists(path):
            raise ConfigError(f"there is {looked_for(path)}", remedy="name a file or a folder")
    return tuple(paths)


def _libraries(answer: Given) -> tuple[str, ...]:
    from pytest_onnxaccel.config.manifest_values import libraries

    return libraries(list(texts(answer)), answer.base)


def _variables(answer: Given) -> tuple[str, ...]:
    names = [part.strip() for text in texts(answer) for part in text.split(",")]
    for name in names:
        if not (name.isascii() and name.isidentifier()):
            raise ConfigError(f"{name!r} does not name a variable", remedy="write exact names, such as ORT_LOG_LEVEL")
    return tuple(dict.fromkeys(names))


def _count(answer: Given) -> int:
    return whole(text_of(answer), 1)


#: By the name of the setting; ``models`` is expanded by :mod:`~pytest_onnxaccel.plugin.options.model_paths`.
PARSERS: dict[str, Callable[[Given], Any]] = {
    "manifest": _manifest,
    "backends": _names,
    "reference": _reference,
    "golden": _golden,
    "loader": _loader,
    "trusted": _trusted,
    "batch": _batch,
    "required": _names,
    "rtol": _tolerance,
    "atol": _tolerance,
    "seed": _seed,
    "timeout_s": _timeout,
    "memory_bytes": _memory,
    "report": reports,
    "baseline": baseline,
    "inconclusive": choice(*budgets.POLICIES),
    "lock": choice("use", "write", "ignore"),
    "hygiene": choice("warn", "fail"),
    "localise": choice("yes", "no"),
    "budget": _budget,
    "advise": _advise,
    "pythons": _pythons,
    "providers": _providers,
    "cpu_nodes": _cpu_nodes,
    "fuzz_examples": _count,
    "fuzz_profile": choice("ci", "nightly"),
    "fuzz_corpus": folder,
    "sandbox": choice(*MODES),
    "readable": _readable,
    "libraries": _libraries,
    "env": _variables,
    "strict": switch,
    "only": switch,
    "in_process": switch,
}
