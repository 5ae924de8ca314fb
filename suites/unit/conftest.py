"""No unit test sees what is built on the machine."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a cache for these tests alone: an environment built in the user's would be one more backend for advice."""
    monkeypatch.setenv("ONNXACCEL_CACHE", str(tmp_path_factory.getbasetemp() / "onnxaccel"))
