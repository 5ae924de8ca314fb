"""Writes what was advised: the model, its session options as JSON, and as Python that opens the session."""

from __future__ import annotations

import json
import os
import pprint
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from typing import Any

from pytest_onnxaccel.backends.onnxruntime.options import OrtOptions, ort_options
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.advice.recommend import Advice
from pytest_onnxaccel.core.errors import ConfigError, printable, to_write
from pytest_onnxaccel.core.files.beneath import Refused, open_beneath, open_folder, split, write_beneath
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import harmless

#: Version of session.json.
SCHEMA = 1

#: Most bytes of a folder's name.
_LONGEST = 200


def folder_of(target: str, model: str, backend: str, batch: int | None) -> str:
    """Return the folder below *target* for one model, backend and batch: several tests may write side by side."""
    stem = model[: -len(".onnx")] if model.lower().endswith(".onnx") else model
    name = re.sub(r"[^\w.+-]+", "_", f"{stem}-{backend}" + (f"-batch-{batch}" if batch else "")).lstrip(".")
    return os.path.join(target, name.encode()[:_LONGEST].decode(errors="ignore") or "model")


@record(frozen=True)
class AdvisedFile:
    """The file of a model that is advised, and how it was opened.

    Attributes:
        path: the file that was timed.
        name: what it shall be called.
        backend: in which it was timed.
        options: with which it was timed.
        external: its data files, relative to it.
        facts: of its session; a script is written for sessions of ONNX Runtime.
    """

    path: str
    name: str
    backend: str
    options: LoadOptions
    external: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def write(folder: str, advised: AdvisedFile, advice: Advice) -> tuple[str, ...]:
    """Write the advised model and how it is opened.

    Args:
        folder: made where it is missing; files of the same names are replaced.
        advised: the file and the backend that are advised.
        advice: steps, options and gain.

    Returns:
        The files that were written, the model first.

    Raises:
        ConfigError: the folder cannot be written.
    """
    name, options = advised.name, advised.options
    provider = str(advised.facts.get("provider") or "")
    runtime = advised.facts.get("onnxruntime")
    described = {
        "schema": SCHEMA,
        "model": name,
        "backend": advised.backend,
        "provider": provider or None,
        "steps": list(advice.setup.steps),
        "options": options.to_json(),
        "session_options": asdict(ort_options(options)) if runtime else None,
        "advised": list(advice.titles),
        "gain": None if advice.whole is None else asdict(advice.whole),
        "onnxruntime": runtime,
    }
    texts = {"session.json": json.dumps(harmless(described), indent=2) + "\n"}
    if runtime and provider:
        given = advised.facts.get("provider_given") or {}
        texts["session.py"] = script(name, provider, options, advice, str(runtime), given)
    try:
        os.makedirs(folder, exist_ok=True)
        _data(os.path.dirname(advised.path), advised.external, folder)
        _replaced(advised.path, os.path.join(folder, name))
        with tempfile.TemporaryDirectory(prefix="onnxaccel-") as scratch:
            for file, text in texts.items():
                made = os.path.join(scratch, file)
                with open(made, "w", encoding="utf-8") as out:
                    out.write(text)
                _replaced(made, os.path.join(folder, file))
    except OSError as error:
        raise ConfigError(
            f"the advised model cannot be written to {folder}: {error.strerror or error}",
            remedy=to_write(error, "name another folder with --onnx-advise=DIR"),
        ) from None
    return tuple(os.path.join(folder, file) for file in (name, *sorted(texts, reverse=True)))


def _data(origin: str, external: Sequence[str], folder: str) -> None:
    """Copy external data, of which the model says where it is, to the same places below *folder*.

    Raises:
        OSError: it cannot be copied, or a link in *folder* stands in the way.
    """
    source, target = open_folder(origin), open_folder(folder)
    try:
        for name in dict.fromkeys("/".join(split(place)) for place in external):
            handle = open_beneath(source, name)
            try:
                write_beneath(target, name, handle)
            finally:
                os.close(handle)
    except Refused as refused:
        raise OSError(f"external data {refused.cause}") from None
    finally:
        os.close(source)
        os.close(target)


def _replaced(source: str, target: str) -> None:
    """Copy *source* to *target*, whole or not at all."""
    shutil.copyfile(source, target + ".part")
    os.replace(target + ".part", target)


def script(
    name: str,
    provider: str,
    options: LoadOptions,
    advice: Advice,
    version: str,
    given: Mapping[str, str] | None = None,
) -> str:
    """Return Python that opens the advised session and runs it.

    Args:
        name: of the model's file.
        provider: the execution provider.
        options: of the session.
        advice: what is advised.
        version: of ONNX Runtime.
        given: options of the provider.
    """
    wanted = ort_options(options)
    titles = printable(" + ".join(advice.titles), 200).replace("\\", "/").replace('"', "'")
    lines = [
        f'"""Opens {_plain(name)} as pytest-onnxaccel advises, and runs it.',
        "",
        f"{titles}:",
        f"{advice.whole}, against the model as shipped; measured with onnxruntime {_plain(version)} on {provider}.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "from pathlib import Path",
        "from typing import Any",
        "",
        "import onnxruntime as ort",
        "",
        f"MODEL = Path(__file__).with_name({name!r})",
        f"PROVIDERS = {_providers(provider, given or {})!r}",
        "",
        "",
        "def open_session(model: str | Path = MODEL) -> ort.InferenceSession:",
        '    """The model with the advised session options."""',
        *_opening(wanted, provider),
        "    return ort.InferenceSession(str(model), options, providers=PROVIDERS)",
        "",
        "",
        "def run(session: ort.InferenceSession, feeds: Mapping[str, Any]) -> dict[str, Any]:",
        '    """Outputs by name, of C-contiguous arrays by the names of the inputs."""',
        *(_BOUND if options.binding else _PLAIN),
    ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return printable(text, 200).replace("\\", "/").replace('"', "'")


def _providers(provider: str, given: Mapping[str, str]) -> list[object]:
    if given and provider != "CPUExecutionProvider":
        return [(provider, dict(given)), "CPUExecutionProvider"]
    return list(dict.fromkeys([provider, "CPUExecutionProvider"]))


def _opening(wanted: OrtOptions, provider: str) -> list[str]:
    lines = ["    options = ort.SessionOptions()"]
    if provider.startswith(("CUDA", "Tensorrt")):
        lines.insert(0, '    if hasattr(ort, "preload_dlls"):\n        ort.preload_dlls()')
    if wanted.level:
        lines.append(f"    options.graph_optimization_level = ort.GraphOptimizationLevel.{wanted.level}")
    lines += [f"    options.{key} = {pprint.pformat(value)}" for key, value in wanted.attributes.items()]
    lines += [f'    options.add_session_config_entry("{key}", "{value}")' for key, value in wanted.entries.items()]
    return lines


_PLAIN = (
    "    names = [output.name for output in session.get_outputs()]",
    "    return dict(zip(names, session.run(names, dict(feeds))))",
)
_BOUND = (
    "    names = [output.name for output in session.get_outputs()]",
    "    binding = session.io_binding()",
    "    for name, array in feeds.items():",
    "        binding.bind_cpu_input(name, array)",
    "    for name in names:",
    "        binding.bind_output(name)",
    "    session.run_with_iobinding(binding)",
    "    return dict(zip(names, binding.copy_outputs_to_cpu()))",
)
