"""The built-in checks as pytest items. Items hold names; nothing is opened or parsed while they are collected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.specs import ModelSpec
from pytest_onnxaccel.plugin.items.place import place
from pytest_onnxaccel.plugin.items.results import conclude, record
from pytest_onnxaccel.plugin.state import STATE, State
from pytest_onnxaccel.runner.check_table import checks
from pytest_onnxaccel.runner.known_faults import check_id
from pytest_onnxaccel.runner.request import Request


class ModelNode(pytest.Collector):
    """One model; its items are the built-in checks."""

    @classmethod
    def of(cls, session: pytest.Session, spec: ModelSpec) -> ModelNode:
        node: ModelNode = cls.from_parent(session, name=spec.name, nodeid=spec.name)
        node.path = _known_place(Path(spec.path))
        return node

    def collect(self) -> Iterator[CheckItem]:
        state = self.config.stash[STATE]
        for request in state.plan(self.name).requests():
            name = item_name(request)
            # The id as text: pytest then tells the part in brackets apart, as it does when --lf reads ids back
            yield CheckItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", request=request)


def _known_place(path: Path) -> Path:
    """*path*, or the nearest folder above it that can be asked for: pytest looks there for a conftest.py."""
    while path != path.parent:
        try:
            path.is_file()
            return path
        except (OSError, ValueError):  # longer than a name may be, or with a NUL
            path = path.parent
    return path


class CheckItem(pytest.Item):
    """One built-in check of one model."""

    def __init__(self, *, request: Request, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_request = request

    def runtest(self) -> None:
        state = self.config.stash[STATE]
        result = record(self, state.check(self.check_request))
        conclude([result], state.settings.inconclusive, state.spec(result.model).budget.inconclusive)

    def reportinfo(self) -> tuple[Path, None, str]:
        return place(self)


def item_name(request: Request) -> str:
    """``parity[onnx-tf~ort-cpu-b3]``."""
    return check_id(request)


def builtin_items(session: pytest.Session, state: State) -> list[pytest.Item]:
    """Items of every model and every pair of preprocessing functions that this run is about."""
    found: list[pytest.Item] = []
    if state.settings.models:
        try:
            checks()
        except ConfigError as error:  # another distribution's, which is no reason for a trace
            raise pytest.UsageError(str(error)) from None
    for spec in state.settings.models:
        # What an option names is judged, also where the manifest says how and other paths are asked for
        if spec.name in state.settings.named or wants_manifest(session.config, state):
            node = ModelNode.of(session, spec)
            found += announced(node, list(node.collect()))
    if state.settings.preprocessing and wants_manifest(session.config, state):
        from pytest_onnxaccel.plugin.items.preprocessing import PreprocessingNode

        for pair in state.settings.preprocessing:
            pair_node = PreprocessingNode.of(session, pair)
            found += announced(pair_node, list(pair_node.collect()))
    return found


def announced(node: pytest.Collector, items: Sequence[pytest.Item]) -> Sequence[pytest.Item]:
    """*items* of *node*, which is reported as collected, so that pytest counts it."""
    report = pytest.CollectReport(node.nodeid, "passed", None, [*items])
    node.config.hook.pytest_collectreport(report=report)
    return items


def wants_manifest(config: pytest.Config, state: State) -> bool:
    """The user named no paths, or one that holds the manifest: ``pytest tests/test_one.py`` runs only that."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return True
    if state.settings.manifest is None:
        return True
    manifest = Path(state.settings.manifest)
    given = (Path(config.invocation_params.dir, arg.partition("::")[0]).resolve() for arg in config.args)
    return any(path == manifest or path in manifest.parents for path in given)
