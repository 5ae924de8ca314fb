"""A model file at another batch, proven and saved: what ``python -m pytest_onnxaccel freeze`` does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Set
from contextlib import suppress
from pathlib import Path

from pytest_onnxaccel.config.manifest import read
from pytest_onnxaccel.core.errors import ConfigError, ModelError, to_write
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.runner.plan import make_plan
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.runner import Runner
from pytest_onnxaccel.runner.sessions.batch_files import AS_IS, AUTO
from pytest_onnxaccel.runner.sessions.frozen_batch import Frozen
from pytest_onnxaccel.runner.sessions.workers.engines import Engines
from pytest_onnxaccel.runner.targets import check_above


@record(frozen=True)
class Saved:
    """A proven file.

    Attributes:
        path: where it was saved.
        files: every file that was written: external data first, the model last.
    """

    frozen: Frozen
    path: str
    files: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return its lines for a person."""
        made, proof = self.frozen, self.frozen.proof
        found = [f"{self.path}: batch {made.batch_size}, method {made.method}"]
        found += [f"  {line}" for line in made.edited]
        found += [f"not {line}" for line in made.refuted]
        if made.method == AS_IS:
            return [*found, f"  the model has batch {made.batch_size} already: a copy, nothing to prove"]
        error = proof.get("max_abs", 0.0)
        exact = "bit for bit" if error == 0 and not proof.get("max_ulp") else f"max abs error {error:.3g}"
        tolerance = f"rtol {proof.get('rtol', 0):.2g}, atol {proof.get('atol', 0):.2g}"
        mixed = "; also permuted, and with one sample replaced" if made.batch_size > 1 else ""
        return [
            *found,
            f"proven on {made.backend}: {made.batch_size} distinct samples at once give what the original gives at "
            f"batch {made.inputs.batch}: {exact} ({tolerance}){mixed}",
        ]


def refreeze(spec: ModelSpec, size: int, output: str, method: str = AUTO, options: RunOptions | None = None) -> Saved:
    """Freeze a model file to batch *size*, prove it, and save it.

    Args:
        spec: of the file (:func:`spec_of`). Its first backend that runs here proves it, and from its source, where it
            names one, it may be exported again.
        size: samples that it shall take at once.
        output: path to save it at.
        method: one way to that batch; by default the first one that can be proven.
        options: settings of a run: time and memory limits, sandbox; the defaults when None.

    Raises:
        ConfigError: a name or a path that cannot be used.
        OnnxAccelError: the model cannot be read or run, or no way to that batch could be proven.
    """
    chosen = options or RunOptions()
    check_target(output, spec.path)
    engines = Engines(chosen)
    plan = make_plan(spec, (), engines.backend, engines.availability)
    runner = Runner([spec], {spec.name: plan.checked[:1]}, chosen, engines=engines)
    try:
        frozen = runner.model_sessions.frozen(spec.name, size, method)
        own = [
            os.path.join(os.path.dirname(spec.path), place)
            for place in runner.model_sessions.of(spec.name).info.external
        ]
        return Saved(frozen, output, tuple(save(frozen.path, output, {os.path.realpath(path) for path in own})))
    finally:
        runner.close()


def default_output(model: str, size: int) -> str:
    """Return the default path of *model* at batch *size*: next to it, ``{stem}-batch-{size}.onnx``."""
    return os.path.join(os.path.dirname(model), f"{Path(model).stem}-batch-{size}.onnx")


def spec_of(model: str, manifest: str | None) -> ModelSpec:
    """Return what *manifest* declares of the file *model*, or nothing but its path.

    Raises:
        ConfigError: the manifest cannot be read, or does not have that file.
    """
    path = os.path.abspath(model)
    if manifest is None:
        return ModelSpec(os.path.basename(path), path, model, origin="the command line")
    for spec in read(manifest):
        if os.path.realpath(spec.path) == os.path.realpath(path):
            return spec
    raise ConfigError("no model of this manifest is that file", subject=manifest, remedy=f"add {model} to it")


def check_target(target: str, model: str, folder: bool = False) -> None:
    """Refuse a *target* that would overwrite the *model*, or cannot be a file, or with *folder* a new folder.

    Raises:
        ConfigError: as it says.
    """
    if os.path.realpath(target) == os.path.realpath(model):
        cause = "that is the model itself, which is never overwritten"
        raise ConfigError(cause, subject=target, remedy="name another file")
    if folder and os.path.lexists(target) and not (os.path.isdir(target) and not os.listdir(target)):
        raise ConfigError("already exists", subject=target, remedy="name a folder that does not exist")
    if not folder and os.path.isdir(target):
        raise ConfigError("is a folder", subject=target, remedy="name a file in it")
    check_above(target)


def save(source: str, target: str, untouched: Set[str]) -> Iterator[str]:
    """Copy the model at *source* with its external data; each file appears whole or not at all, the model last.

    Raises:
        ModelError: ``E_FILE``: a file cannot be written, or would replace one of *untouched*.
    """
    folder, origin = os.path.dirname(os.path.abspath(target)), os.path.dirname(source)
    # The file names its external data by what they are called in the folder that it was made in
    data = [name for name in sorted(os.listdir(origin)) if name.startswith(f"{os.path.basename(source)}.data")]
    for name, place in [*((name, os.path.join(folder, name)) for name in data), (os.path.basename(source), target)]:
        if os.path.realpath(place) in untouched:
            cause = "holds weights of the model itself, which are never overwritten"
            raise ModelError(cause, code="E_FILE", subject=place, remedy="save it in another folder")
        _copy(os.path.join(origin, name), place)
        yield place


def _copy(source: str, target: str) -> None:
    temporary = f"{target}.{os.urandom(4).hex()}.tmp"
    try:
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        with open(source, "rb") as given, open(temporary, "xb") as made:
            shutil.copyfileobj(given, made, 1 << 20)
            made.flush()
            os.fsync(made.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            cause = f"cannot be written: {error.strerror or error}"
            raise ModelError(cause, code="E_FILE", subject=target, remedy=to_write(error)) from None
        raise
