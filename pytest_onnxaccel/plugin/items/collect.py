"""The built-in checks as pytest items. Items hold names; nothing is opened or parsed while they are collected."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.plugin.items.place import file_id, place
from pytest_onnxaccel.plugin.items.results import conclude, record
from pytest_onnxaccel.plugin.markers.table import ONNX
from pytest_onnxaccel.plugin.state import STATE, State
from pytest_onnxaccel.runner.check_table import checks
from pytest_onnxaccel.runner.faults.known_faults import check_id
from pytest_onnxaccel.runner.request import Request


class ModelNode(pytest.File):
    """One model; its items are the built-in checks.

    Its id is the path of the file as pytest writes it, so that what ``-v`` prints can be run: ``nets/a.onnx::parity``.
    Where a manifest declares one file several times, their names follow.
    """

    spec: ModelSpec

    @classmethod
    def of(cls, parent: pytest.Collector, spec: ModelSpec, nodeid: str) -> ModelNode:
        place = _known_place(Path(spec.path))
        node: ModelNode = cls.from_parent(parent, path=place, name=spec.name, nodeid=nodeid)
        node.spec = spec
        return node

    def collect(self) -> Iterator[CheckItem]:
        state = self.config.stash[STATE]
        for request in state.plan(self.spec.name).requests():
            name = item_name(request)
            # The id as text: pytest then tells the part in brackets apart, as it does when --lf reads ids back
            yield CheckItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", request=request)


class ModelFile(pytest.File):
    """An ``.onnx`` file that is an argument of pytest and that the manifest declares several times."""

    def collect(self) -> Iterator[ModelNode]:
        state = self.config.stash[STATE]
        for spec in state.by_path[str(self.path)]:
            yield ModelNode.of(self, spec, f"{self.nodeid}::{identifier(spec.name)}")


def collector(parent: pytest.Collector, state: State, path: Path) -> pytest.Collector | None:
    """Return what collects the model or manifest at *path*, where that is an argument of pytest; else None."""
    if str(path) == state.settings.manifest and path in named_files(parent.config):
        from pytest_onnxaccel.plugin.items.preprocessing import ManifestFile

        manifest: ManifestFile = ManifestFile.from_parent(parent, path=path, nodeid=file_id(state, path))
        return manifest
    if str(path) not in state.settings.arguments:
        return None
    specs = state.by_path[str(path)]
    nodeid = file_id(state, path)
    if len(specs) == 1:
        return ModelNode.of(parent, specs[0], nodeid)
    made: ModelFile = ModelFile.from_parent(parent, path=path, nodeid=nodeid)
    return made


def _known_place(path: Path) -> Path:
    """Return *path*, or the nearest folder above it that can be asked for: pytest looks there for a conftest.py."""
    while path != path.parent:
        try:
            path.is_file()
            return path
        except (OSError, ValueError):  # longer than a name may be, or with a NUL
            path = path.parent
    return path


class CheckItem(pytest.Item):
    """One built-in check of one model; ``-m onnx`` selects all of them, ``-m parity`` those of one check."""

    def __init__(self, *, request: Request, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_request = request

    def mark(self) -> None:
        """Bear the markers that ``-m`` selects by."""
        for name in (ONNX, self.check_request.check):
            self.add_marker(name)

    def runtest(self) -> None:
        state = self.config.stash[STATE]
        try:
            result = record(self, state.check(self.check_request))
        except pytest.fail.Exception as error:  # of another plugin: a time-out of the test, say
            record(self, ended_early(self.check_request, str(error.msg)))
            raise
        conclude([result], state.settings.inconclusive, state.spec(result.model).budget.inconclusive, self)

    def reportinfo(self) -> tuple[Path, None, str]:
        return place(self)


def ended_early(request: Request, cause: str) -> CheckResult:
    """Return the result of a check that somebody else ended."""
    code = "E_TIMEOUT" if "timeout" in cause.lower() else "E_ERROR"
    return CheckResult(
        request.model,
        request.check,
        Verdict.FAILED,
        code,
        cause.partition("\n")[0] or "the test was ended",
        request.backend,
        identifier(Path(request.reference).name),
        request.batch,
    )


def item_name(request: Request) -> str:
    """Return ``parity[onnx-tf~ort-cpu-b3]``."""
    return check_id(request)


def builtin_items(session: pytest.Session, state: State) -> list[pytest.Item]:
    """Return items of every model and every pair of preprocessing functions that this run is about."""
    found: list[pytest.Item] = []
    if state.settings.models:
        try:
            for check in checks():
                session.config.addinivalue_line("markers", f"{check}: the built-in check of that name (-m {check})")
        except ConfigError as error:  # another distribution's, which is no reason for a trace
            raise pytest.UsageError(str(error)) from None
    for spec in state.settings.models:
        if spec.path in state.settings.arguments:
            continue  # collected as any argument of pytest is
        # What an option names is judged, also where the manifest says how and other paths are asked for
        named = spec.name in state.settings.named
        if wants_named(session.config, state) if named else wants_manifest(session.config, state):
            alone = len(state.by_path[spec.path]) == 1
            nodeid = file_id(state, Path(spec.path)) + ("" if alone else f"::{identifier(spec.name)}")
            node = ModelNode.of(session, spec, nodeid)
            found += announced(node, list(node.collect()))
    manifest = state.settings.manifest
    collected = manifest is not None and Path(manifest) in named_files(session.config)  # as any argument of pytest is
    declared = bool(state.settings.preprocessing or state.settings.folds)
    if declared and not collected and wants_manifest(session.config, state):
        from pytest_onnxaccel.plugin.items.preprocessing import declared_nodes

        for pair_node in declared_nodes(session, state):
            found += announced(pair_node, list(pair_node.collect()))
    return found


def announced(node: pytest.Collector, items: Sequence[pytest.Item]) -> Sequence[pytest.Item]:
    """Return *items* of *node*, which is reported as collected, so that pytest counts it."""
    report = pytest.CollectReport(node.nodeid, "passed", None, [*items])
    node.config.hook.pytest_collectreport(report=report)
    return items


def wants_named(config: pytest.Config, state: State) -> bool:
    """Return whether models that ``--onnx-model`` or its ini key names are judged in this run.

    An ini file names them for every run: one of single tests and models (``pytest test_x.py::test_one net.onnx``), as
    an editor starts it, has what it names and no more.
    """
    if state.settings.origin("models").startswith("-") or config.args_source is not pytest.Config.ArgsSource.ARGS:
        return True
    return not all("::" in word or str(_place(config, word)) in state.settings.arguments for word in config.args)


def wants_manifest(config: pytest.Config, state: State) -> bool:
    """Return whether the user named no paths, or one that holds the manifest."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return True
    if state.settings.manifest is None:
        return True
    manifest = Path(state.settings.manifest)
    # An id such as onnxaccel.toml::NAME::parity is of a pair of functions alone
    whole = [arg for arg in config.args if "::" not in arg or not _is(config, arg, manifest)]
    return any(
        path == manifest or path in manifest.parents for path in (_place(config, arg).resolve() for arg in whole)
    )


def named_files(config: pytest.Config) -> frozenset[Path]:
    """Return the arguments of pytest as absolute paths, without the ``::`` of a test."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return frozenset()
    return frozenset(_place(config, argument) for argument in config.args)


def _place(config: pytest.Config, argument: str) -> Path:
    return Path(os.path.abspath(config.invocation_params.dir / argument.partition("::")[0]))


def _is(config: pytest.Config, argument: str, path: Path) -> bool:
    return _place(config, argument) in (path, path.resolve())
