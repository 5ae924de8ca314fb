"""Checks of functions that the manifest declares in a table of their own, as pytest items; and how one is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from pytest_onnxaccel.core.lookup.import_string import resolve
from pytest_onnxaccel.core.pair_specs import FoldSpec, PreprocessingSpec
from pytest_onnxaccel.core.printing import identifier
from pytest_onnxaccel.core.results import CheckResult, Verdict
from pytest_onnxaccel.core.unexpected import as_error
from pytest_onnxaccel.plugin.items.place import file_id, place
from pytest_onnxaccel.plugin.items.results import conclude, record
from pytest_onnxaccel.plugin.run.run_options import LET_THROUGH
from pytest_onnxaccel.plugin.state import STATE, State

Spec = FoldSpec | PreprocessingSpec


class DeclaredItem(pytest.Item):
    """The check of one table."""

    def __init__(self, *, declared: Any, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.declared = declared

    def result(self, state: State) -> CheckResult:
        """Return what the check gives."""
        raise NotImplementedError

    def runtest(self) -> None:
        state = self.config.stash[STATE]
        conclude([record(self, self.result(state))], state.settings.inconclusive)

    def reportinfo(self) -> tuple[Path, None, str]:
        return place(self)


class DeclaredNode(pytest.Collector):
    """One table; its id is ``onnxaccel.toml::NAME``."""

    declared: Spec
    #: The check, as in ids, and what runs it.
    check: ClassVar[str]
    item: ClassVar[type[DeclaredItem]]

    @classmethod
    def of(cls, parent: pytest.Collector, spec: Spec) -> Self:
        state = parent.config.stash[STATE]
        manifest = Path(state.settings.manifest or parent.config.rootpath)
        name = identifier(spec.name)
        node: Self = cls.from_parent(parent, name=name, nodeid=f"{file_id(state, manifest)}::{name}")
        node.path = manifest
        node.declared = spec
        return node

    def collect(self) -> Iterator[DeclaredItem]:
        nodeid = f"{self.nodeid}::{self.check}"
        yield self.item.from_parent(self, name=self.check, nodeid=nodeid, declared=self.declared)


def judged(spec: Spec, failed: CheckResult, run: Callable[[], CheckResult]) -> CheckResult:
    """Return what *run* gives, with its duration; *failed* with its error's code and one line where it raises."""
    start = time.perf_counter()
    try:
        result = run()
    except LET_THROUGH:
        raise
    except BaseException as error:
        told = as_error(error).about(spec.origin)
        result = failed.with_(verdict=Verdict.FAILED, code=told.code, message=str(told), traceback=told.traceback)
    return result.with_(duration_s=time.perf_counter() - start)


def own_images(images: Any, root: Path, origin: str, inputs: Any = None) -> Any:
    """Return the user's own samples: what a function gives, those that a glob names, or *images* as they are.

    Raises:
        ConfigError: the function cannot be imported, or the glob names nothing that can be read.
    """
    if not isinstance(images, str):
        return images
    if ":" in images:
        return resolve(images, root, origin)()  # type: ignore[call-arg]
    from pytest_onnxaccel.preprocessing.own_files import samples

    return samples(images, root, inputs)
