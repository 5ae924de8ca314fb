"""Names of entry points, told without importing anything; a misspelt one names the nearest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_onnxaccel.backends.protocol import GROUP
from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.lookup import registry


def test_the_built_in_backends_are_registered() -> None:
    assert {"onnx-tf", "ort-cpu", "ort-cuda", "reference"} <= set(registry.names(GROUP))
    assert list(registry.names(GROUP)) == sorted(registry.names(GROUP))


def test_a_group_that_nobody_fills_is_empty() -> None:
    assert registry.names("pytest_onnxaccel.nothing") == ()


def test_references_name_the_place() -> None:
    assert registry.reference(GROUP, "ort-cpu") == "pytest_onnxaccel.backends.onnxruntime.cpu:OrtCpu"


def test_loading_gives_the_object() -> None:
    from pytest_onnxaccel.backends.onnxruntime.cpu import OrtCpu

    assert registry.load(GROUP, "ort-cpu") is OrtCpu


@pytest.mark.parametrize("ask", [registry.reference, registry.load])
def test_a_misspelt_name_is_told_the_nearest(ask: object) -> None:
    with pytest.raises(ConfigError, match=r"no backend is named 'ort-cpy' - did you mean 'ort-cpu'\?"):
        ask(GROUP, "ort-cpy")  # type: ignore[operator]


def test_a_name_like_no_other_is_told_them_all() -> None:
    with pytest.raises(ConfigError, match=r"no backend is named 'zzz' - known: .*ort-coreml, ort-cpu, ort-cuda"):
        registry.reference(GROUP, "zzz")


def test_a_provider_may_have_a_device() -> None:
    assert registry.split_device("ort-cuda:1") == ("ort-cuda", "1")
    assert registry.split_device("ort-openvino:HETERO:GPU,CPU") == ("ort-openvino", "HETERO:GPU,CPU")
    assert registry.known(GROUP, "ort-cuda:1")
    for other in ("ort-cpu:1", "onnx-tf:1", "ort-cuda:", "models.net:build", "zzz:1"):
        assert registry.split_device(other) == (other, "")
        assert not registry.known(GROUP, other)


def test_plugins_are_found_by_metadata(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime_ep_acme-1.0.dist-info").mkdir()
    (tmp_path / "onnxruntime_extensions-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/nowhere"])
    assert registry._plugins() == ["acme"]


def test_nothing_is_imported_until_an_object_is_used() -> None:
    code = (
        "import sys; from pytest_onnxaccel.core.lookup import registry; g = 'pytest_onnxaccel.backends'; "
        "registry.names(g); "
        "[registry.reference(g, n) for n in registry.names(g)]; "
        "print(sorted({'numpy', 'onnx', 'onnxruntime', 'pytest'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_plugin_that_is_not_installed_is_known_and_does_not_run() -> None:
    from pytest_onnxaccel.backends.lookup import backend

    assert registry.known(GROUP, "ort-ep-acme")
    assert registry.split_device("ort-ep-acme:1") == ("ort-ep-acme", "1")
    found = backend("ort-ep-acme:1").availability()
    assert not found.ok
    assert found.reason == "onnxruntime-ep-acme is not installed"
    assert "ort-ep-acme" not in registry.names(GROUP), "doctor and plain runs do not list it"
    for other in ("ort-ep-", "ort-ep-A B", "ort-ep-acme;x", "ort-epacme"):
        assert not registry.known(GROUP, other)
        with pytest.raises(ConfigError, match="no backend is named"):
            registry.reference(GROUP, other)
