"""``onnxaccel.lock.toml``: tolerances that were measured once and reviewed. Read, merged and written."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError, to_write
from pytest_onnxaccel.core.specs import Tolerance

#: The lock file's name, next to the manifest or in pytest's rootdir.
LOCK_NAME = "onnxaccel.lock.toml"
_VERSION = 1
_HEAD = """\
# Tolerances of the parity checks, measured by pytest --onnx-lock=write. While this file exists they are the limits:
# |candidate - reference| <= atol + rtol * |reference|. A noise floor that has grown past them fails until this file
# is written again, so review what changes here.
"""

#: By model, by ``candidate~reference``, by output.
Locked = Mapping[str, Mapping[str, Mapping[str, Tolerance]]]


def read(path: str | os.PathLike[str]) -> Locked:
    """Return the tolerances of the lock file *path*.

    Raises:
        ConfigError: one line: it cannot be read, is not TOML, or holds anything else than this package writes.
    """
    import tomllib

    file = Path(path)
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise _refused(file, f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise _refused(file, "is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise _refused(file, f"is not TOML: {error}") from None
    if data.get("version") != _VERSION:
        raise _refused(file, f"has version {data.get('version')!r}, expected {_VERSION}")
    extra = sorted(set(data) - {"version", "models"})
    if extra:
        raise _refused(file, f"holds {extra[0]!r}")
    found: dict[str, dict[str, dict[str, Tolerance]]] = {}
    for model, pairs in _table(file, data.get("models", {}), "models").items():
        for pair, outputs in _table(file, pairs, model).items():
            for name, entry in _table(file, outputs, pair).items():
                tolerance = _tolerance(file, entry, f"{model} {pair} {name}")
                found.setdefault(model, {}).setdefault(pair, {})[name] = tolerance
    return found


def write(path: str | os.PathLike[str], locked: Locked) -> None:
    """Write *locked* to *path*, whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    lines = [_HEAD, f"version = {_VERSION}"]
    for model in sorted(locked):
        for pair in sorted(locked[model]):
            for name in sorted(locked[model][pair]):
                entry = locked[model][pair][name]
                lines += [
                    "",
                    f"[models.{_quoted(model)}.{_quoted(pair)}.{_quoted(name)}]",
                    f"rtol = {entry.rtol or 0.0!r}",
                    f"atol = {entry.atol or 0.0!r}",
                    f"origin = {_quoted(entry.origin)}",
                ]
    import tempfile

    file = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write("\n".join(lines) + "\n")
            os.chmod(temporary, 0o644)
            os.replace(temporary, file)
        except OSError:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise ConfigError(f"cannot be written ({error.strerror})", subject=file.name, remedy=to_write(error)) from None


def merged(old: Locked, new: Locked) -> Locked:
    """Return *old* with what *new* says of its outputs; models and pairs that did not run stay as they were."""
    found = {model: {pair: dict(outputs) for pair, outputs in pairs.items()} for model, pairs in old.items()}
    for model, pairs in new.items():
        for pair, outputs in pairs.items():
            found.setdefault(model, {}).setdefault(pair, {}).update(outputs)
    return found


def rounded_up(value: float) -> float:
    """Return *value* with two digits, never less: a lock shall not fail by its own rounding."""
    if value <= 0 or not math.isfinite(value):
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step - 1e-9) * step:.2g}")


def reason(origin: str) -> str:
    """Return the file's own text in the origin of a tolerance that :func:`read` gave."""
    return origin.removeprefix(f"{LOCK_NAME} (").removesuffix(")") if origin != LOCK_NAME else ""


def _tolerance(file: Path, entry: Any, where: str) -> Tolerance:
    values = _table(file, entry, where)
    for key in values:
        if key not in ("rtol", "atol", "origin"):
            raise _refused(file, f"holds {key!r} for {where}")
    for key in ("rtol", "atol"):
        number = values.get(key)
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number < math.inf:
            raise _refused(file, f"has {key} = {number!r} for {where}, expected a non-negative number")
    reason = values.get("origin", "")
    if not isinstance(reason, str):
        raise _refused(file, f"has origin = {reason!r} for {where}, expected text")
    return Tolerance(float(values["rtol"]), float(values["atol"]), f"{file.name}" + (f" ({reason})" if reason else ""))


def _table(file: Path, value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _refused(file, f"has {value!r} for {where}, expected a table")
    return value


def _refused(file: Path, cause: str) -> ConfigError:
    return ConfigError(cause, subject=file.name, remedy="fix it, or remove it and run pytest with --onnx-lock=write")


def _quoted(text: str) -> str:
    """Return *text* as TOML writes it; a basic string takes the escapes of JSON, and DEL as one."""
    plain = re.sub(r"[\ud800-\udfff]", "?", text)
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007F")
