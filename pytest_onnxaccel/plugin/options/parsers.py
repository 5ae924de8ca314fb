"""One parser per option: what the user gave to the typed value of ``Settings``."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from pytest_onnxaccel.config import budget_syntax as budgets
from pytest_onnxaccel.config import units
from pytest_onnxaccel.config import validators as scalars
from pytest_onnxaccel.core import registry
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.missing import looked_for
from pytest_onnxaccel.core.placement import CpuNodes
from pytest_onnxaccel.core.specs import BatchPlan, LatencyBudget
from pytest_onnxaccel.isolation.confinement.level import MODES
from pytest_onnxaccel.plugin.options import names as known
from pytest_onnxaccel.plugin.options.read import Given

#: Formats of ``--onnx-report`` by extension, each with the libraries that it needs.
REPORTS: dict[str, tuple[str, ...]] = {".json": (), ".md": (), ".html": ("jinja2", "matplotlib")}


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


def texts(answer: Given, strip: bool = True) -> list[str]:
    """Return the entries of an option that may hold several."""
    entries = answer.value if isinstance(answer.value, list) else [answer.value]
    return list(dict.fromkeys(_scalar(entry, strip) for entry in entries))


def _text(answer: Given) -> str:
    if isinstance(answer.value, list):
        raise ConfigError(f"{answer.value!r} is a list", remedy="give one value")
    return _scalar(answer.value)


def _scalar(value: object, strip: bool = True) -> str:
    """Return the text of a string or number; refuse TOML's booleans, tables and dates."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ConfigError(f"{value!r} is a {type(value).__name__}", remedy="give text or a number")
    text = str(value)
    if not text.strip():
        raise ConfigError("the value is empty", remedy="give one, or leave the option out")
    return text.strip() if strip else text


def _path(answer: Given) -> str:
    return os.path.abspath(answer.base / os.path.expanduser(_text(answer)))


def _manifest(answer: Given) -> str | None:
    """None for ``none``, else an absolute path."""
    return None if _text(answer) == "none" else _path(answer)


def _names(answer: Given) -> tuple[str, ...]:
    parts = [part.strip() for text in texts(answer) for part in text.split(",")]
    if "" in parts:
        raise ConfigError(f"{','.join(parts)!r} has an empty name", remedy="write NAME or NAME,NAME")
    return tuple(dict.fromkeys(known.backend(part) for part in parts))


def _reference(answer: Given) -> str:
    return known.reference(_text(answer), answer.base)


def _golden(answer: Given) -> str:
    """Return ``write``, ``no``, or an absolute path."""
    text = _text(answer)
    if text in ("write", "no"):
        return text
    path = _path(answer)
    if not os.path.exists(path):
        raise ConfigError(
            f"{text!r} does not exist: {looked_for(path)}", remedy="name golden data, or write to record it"
        )
    return path


def _loader(answer: Given) -> str:
    return scalars.function(_text(answer))


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
    text = _text(answer)
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{text!r} is not a number", remedy="write a non-negative number, such as 1e-3") from None
    if not 0 <= value < math.inf:
        raise ConfigError(f"{text!r} is negative or not finite", remedy="write a number such as 1e-3")
    return value


def whole(text: str, least: int) -> int:
    """Return the whole number *text*, *least* or more."""
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least or value >= 2**63:
        raise ConfigError(
            f"{text!r} is not a whole number of at least {least}", remedy=f"write a number such as {least}"
        )
    return value


def _seed(answer: Given) -> int:
    return whole(_text(answer), 0)


def _timeout(answer: Given) -> float:
    text = _text(answer)
    try:
        float(text)
    except ValueError:
        return units.duration_ns(text) / 1e9
    return units.duration_ns(f"{text}s") / 1e9


def _memory(answer: Given) -> int:
    return units.size_bytes(_text(answer))


def _reports(answer: Given) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_report(text, answer) for text in texts(answer)))


def _report(text: str, answer: Given) -> str:
    path = os.path.abspath(answer.base / os.path.expanduser(text))
    extension = os.path.splitext(path)[1].lower()
    if extension not in REPORTS:
        said = f"the extension {extension!r}" if extension else "no extension"
        raise ConfigError(
            f"{text!r} has {said}, which names no report format",
            remedy=f"known: {', '.join(REPORTS)}",
        )
    if os.path.isdir(path):
        raise ConfigError(f"{text!r} is a folder", remedy="name a file to write")
    # Told before the run: minutes later the page could only be missing
    missing = [library for library in REPORTS[extension] if find_spec(library) is None]
    if missing:
        raise ConfigError(
            f"{text!r} needs {' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not installed",
            remedy="python -m pip install 'pytest-onnxaccel[report]'",
        )
    return path


def _baseline(answer: Given) -> str:
    path = _path(answer)
    if os.path.splitext(path)[1].lower() != ".json":
        raise ConfigError(
            f"{_text(answer)!r} is not a JSON report", remedy="name a file that --onnx-report=X.json wrote"
        )
    return path


def _choice(*choices: str) -> Callable[[Given], str]:
    def parser(answer: Given) -> str:
        text = _text(answer)
        if text not in choices:
            raise ConfigError(f"{text!r} is not one of {', '.join(choices)}", remedy=registry.nearest(text, choices))
        return text

    return parser


def _pairs(answer: Given, form: str) -> dict[str, str]:
    """Return the entries ``KEY=VALUE`` of an option, each key once."""
    pairs: dict[str, str] = {}
    for text in texts(answer):
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise ConfigError(f"{text!r} is not of the form {form}", remedy=f"write {form}")
        if key in pairs:
            raise ConfigError(f"{key} is given twice, {pairs[key]!r} and {value!r}", remedy="keep one")
        pairs[key] = value
    return pairs


def _budget(answer: Given) -> LatencyBudget:
    limits: dict[str, Any] = {}
    for key, text in _pairs(answer, "KEY=VALUE").items():
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
        for name, path in _pairs(answer, "NAME=PATH").items()
    }


def _providers(answer: Given) -> dict[str, tuple[tuple[str, str], ...]]:
    from pytest_onnxaccel.plugin.options.provider_options import parsed

    return parsed(_pairs(answer, "BACKEND.KEY=VALUE"))


def _cpu_nodes(answer: Given) -> CpuNodes:
    return CpuNodes.parse(_text(answer))


def _switch(answer: Given) -> bool:
    if not isinstance(answer.value, bool):
        raise ConfigError(f"{answer.value!r} is not a boolean", remedy="write true or false")
    return answer.value


def _folder(answer: Given) -> str:
    path = _path(answer)
    if os.path.lexists(path) and not os.path.isdir(path):
        raise ConfigError(f"{_text(answer)!r} is not a folder", remedy="name a folder; it need not exist yet")
    return path


def _advise(answer: Given) -> str | None:
    """Return None for no advice, empty for advice, else the folder that it is written to."""
    said = {True: "", False: None, "true": "", "false": None}
    return said[answer.value] if answer.value in said else _folder(answer)


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
    return whole(_text(answer), 1)


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
    "report": _reports,
    "baseline": _baseline,
    "inconclusive": _choice(*budgets.POLICIES),
    "lock": _choice("use", "write", "ignore"),
    "hygiene": _choice("warn", "fail"),
    "localise": _choice("yes", "no"),
    "budget": _budget,
    "advise": _advise,
    "pythons": _pythons,
    "providers": _providers,
    "cpu_nodes": _cpu_nodes,
    "fuzz_examples": _count,
    "fuzz_profile": _choice("ci", "nightly"),
    "fuzz_corpus": _folder,
    "sandbox": _choice(*MODES),
    "readable": _readable,
    "libraries": _libraries,
    "env": _variables,
    "strict": _switch,
    "only": _switch,
    "in_process": _switch,
}
