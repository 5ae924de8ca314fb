"""pytest-xdist: the checks of one model go to one process, where what they share is done once."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.plugin.items.place import file_id

if TYPE_CHECKING:
    from pytest_onnxaccel.plugin.state import State

#: How a person says how tests are shared out; ``-n`` alone says nothing of it.
_DIST, _SHORT = "--dist", "-d"


class ByModel:
    """The hook that shares tests out by model, where a run has models and nobody chose another way."""

    def __init__(self, state: State) -> None:
        self._state = state

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object | None:
        """Return what shares tests out; None where xdist itself does."""
        if config.getvalue("dist") != "load" or not self._state.settings.models or chosen(config):
            return None
        return by_model(self._state, config, log)


def chosen(config: pytest.Config) -> bool:
    """Return whether a person chose how tests are shared out, in the arguments, in addopts or in the environment."""
    words = [*map(str, config.invocation_params.args), *config.getini("addopts")]
    words += shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    return any(word == _SHORT or word.partition("=")[0] == _DIST for word in words)


def by_model(state: State, config: pytest.Config, log: Any) -> object:
    """Return a scheduler of pytest-xdist that sends a model whole, wherever its tests stand.

    As xdist's own ``loadfile`` and ``loadgroup`` are, it is ``loadscope`` with another scope: the test's model. Pytest
    may put the tests of a model apart, by their other parameters or by their files. A test of no model is a scope of
    its own.
    """
    from xdist.scheduler import LoadScopeScheduling

    models: dict[str, str] = {}

    class ByModelScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            if not models:
                collected = next(iter(self.registered_collections.values()))
                models.update(zip(collected, models_of(collected, state), strict=True))
            return models.get(nodeid) or nodeid

        def remove_node(self, node: Any) -> str | None:
            """Return the test that a process died in, which is over: xdist's own would run it in the next one again."""
            units = self.assigned_work[node].values()
            left = [(unit, test) for unit in units for test, completed in unit.items() if not completed]
            died = left[0][1] if left else None
            if left:
                left[0][0][died] = True
            super().remove_node(node)  # which shares out what is left
            return died

    return ByModelScheduling(config, log)


def models_of(nodeids: Sequence[str], state: State) -> list[str]:
    """Return for each of *nodeids* the name of its model; empty where it is of none."""
    names = {spec.name for spec in state.settings.models}
    parents: dict[str, str] = {}
    for spec in state.settings.models:
        parent = file_id(state, Path(spec.path))
        alone = len(state.by_path[spec.path]) == 1
        parents[parent if alone else f"{parent}::{identifier(spec.name)}"] = spec.name
    shown = {name.encode("unicode_escape").decode(): name for name in names}  # as pytest writes a parameter
    return [parents.get(nodeid.rpartition("::")[0]) or parameter_of(nodeid, shown) for nodeid in nodeids]


def parameter_of(nodeid: str, models: Mapping[str, str]) -> str:
    """Return the model that is a parameter of the test *nodeid*: the longest one among its ``-a-b-c`` in brackets."""
    _, bracket, text = nodeid.partition("[")
    parts = text.removesuffix("]").split("-") if bracket else []
    for size in range(len(parts), 0, -1):
        for start in range(len(parts) - size + 1):
            if found := models.get("-".join(parts[start : start + size])):
                return found
    return ""
