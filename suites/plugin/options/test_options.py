"""Every option is read from the command line and each form of configuration file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from pytest_onnxaccel.core.placement import CpuNodes
from pytest_onnxaccel.core.specs import Scenario
from pytest_onnxaccel.plugin import reference_docs as reference
from pytest_onnxaccel.plugin.options import read as options
from pytest_onnxaccel.plugin.options.parsers import PARSERS
from pytest_onnxaccel.plugin.options.settings import Settings
from suites.plugin.probe import NATIVE, PROBE, Probe, Read

pytest_plugins = ("pytester",)

pytestmark = pytest.mark.usefixtures("alone")


class Case(NamedTuple):
    """One option: command-line arguments, the value as TOML writes it, and what settings make of both."""

    arguments: tuple[str, ...]
    toml: str
    value: Callable[[Settings], Any]
    expected: Any


CASES = {
    "model": Case(
        ("a.onnx", "b.onnx"),
        '["a.onnx", "b.onnx"]',
        lambda s: [m.name for m in s.models],
        ["a.onnx", "b.onnx"],
    ),
    "manifest": Case(("m.toml",), '"m.toml"', lambda s: [m.name for m in s.models], ["declared"]),
    "backend": Case(
        ("ort-cpu,onnx-tf", "reference"),
        '["ort-cpu, onnx-tf", "reference"]',
        lambda s: s.backends,
        ("ort-cpu", "onnx-tf", "reference"),
    ),
    "reference": Case(("onnx-tf",), '"onnx-tf"', lambda s: s.reference, "onnx-tf"),
    "golden": Case(("no",), '"no"', lambda s: s.golden, "no"),
    "loader": Case(("nets:build",), '"nets:build"', lambda s: s.loader, "nets:build"),
    "trust": Case(
        ("nets.*, torch.nn.*", "a.B", "tensorflow:Mine>Op"),
        '["nets.*,torch.nn.*", "a.B", "tensorflow:Mine>Op"]',
        lambda s: s.trusted,
        ("nets.*", "torch.nn.*", "a.B", "tensorflow:Mine>Op"),
    ),
    "batch": Case(("1,3", "10", "3"), "[1, 3, 10]", lambda s: s.batch.sizes, (1, 3, 10)),
    "require": Case(("ort-cuda",), '["ort-cuda"]', lambda s: s.required, ("ort-cuda",)),
    "rtol": Case(("1e-3",), "1e-3", lambda s: s.rtol, 1e-3),
    "atol": Case(("0",), "0", lambda s: s.atol, 0.0),
    "lock": Case(("write",), '"write"', lambda s: s.lock, "write"),
    "seed": Case(("7",), "7", lambda s: s.seed, 7),
    "timeout": Case(("2min",), '"2min"', lambda s: s.timeout_s, 120.0),
    "memory": Case(("8GB",), '"8GB"', lambda s: s.memory_bytes, 8_000_000_000),
    "report": Case(
        ("out.json", "out.md"),
        '["out.json", "out.md"]',
        lambda s: [path.rpartition("/")[2] for path in s.report],
        ["out.json", "out.md"],
    ),
    "baseline": Case(("old.json",), '"old.json"', lambda s: s.baseline and s.baseline.rpartition("/")[2], "old.json"),
    "inconclusive": Case(("skip",), '"skip"', lambda s: s.inconclusive, "skip"),
    "hygiene": Case(("fail",), '"fail"', lambda s: s.hygiene, "fail"),
    "localise": Case(("no",), '"no"', lambda s: s.localise, "no"),
    "budget": Case(
        ("p95=12ms", "speedup_over=onnx-tf:3", "regression=10% git:main", "scenario=offline", "advise=true"),
        '["p95=12ms", "speedup_over=onnx-tf:3", "regression=10% git:main", "scenario=offline", "advise=true"]',
        lambda s: (s.budget.p95_ns, s.budget.speedup_over, s.budget.regression, s.budget.scenario, s.budget.advise),
        (12e6, ("onnx-tf", 3.0), (0.1, "git:main"), Scenario("offline"), True),
    ),
    "advise": Case(("/opt/advice",), '"/opt/advice"', lambda s: s.advise, "/opt/advice"),
    "python": Case(
        ("onnx-tf=/opt/otf/bin/python",),
        '["onnx-tf=/opt/otf/bin/python"]',
        lambda s: s.pythons,
        {"onnx-tf": "/opt/otf/bin/python"},
    ),
    "provider-option": Case(
        ("ort-cuda.gpu_mem_limit=1", "ort-cuda.use_tf32=0"),
        '["ort-cuda.gpu_mem_limit=1", "ort-cuda.use_tf32=0"]',
        lambda s: s.providers,
        {"ort-cuda": (("gpu_mem_limit", "1"), ("use_tf32", "0"))},
    ),
    "allow-cpu-nodes": Case(("2,Shape",), '"2,Shape"', lambda s: s.cpu_nodes, CpuNodes(2, ("Shape",))),
    "fuzz-examples": Case(("500",), "500", lambda s: s.fuzz_examples, 500),
    "fuzz-profile": Case(("nightly",), '"nightly"', lambda s: s.fuzz_profile, "nightly"),
    "fuzz-corpus": Case(("/opt/corpus",), '"/opt/corpus"', lambda s: s.fuzz_corpus, "/opt/corpus"),
    "sandbox": Case(("off",), '"off"', lambda s: s.sandbox, "off"),
    "readable": Case(("/usr", "/etc/hosts"), '["/usr", "/etc/hosts"]', lambda s: s.readable, ("/usr", "/etc/hosts")),
    "ort-library": Case(
        ("ops:path", "more.ops:path"),
        '["ops:path", "more.ops:path"]',
        lambda s: s.libraries,
        ("ops:path", "more.ops:path"),
    ),
    "env": Case(("ORT_A, ORT_B", "C"), '["ORT_A,ORT_B", "C"]', lambda s: s.env, ("ORT_A", "ORT_B", "C")),
    "strict": Case((), "true", lambda s: s.strict, True),
    "only": Case((), "true", lambda s: s.only, True),
    "in-process": Case((), "true", lambda s: s.in_process, True),
}

#: Fields that no option of their own sets.
DERIVED = {
    "origins", "named", "preprocessing", "folds", "lock_file", "locked", "arguments", "reference_shown",
    "baseline_shown",
}  # fmt: skip


def check(settings: Settings, name: str, origin: str) -> None:
    assert CASES[name].value(settings) == CASES[name].expected
    field = options.BY_NAME[name].field
    assert settings.origin(field) == origin
    assert {f for f, where in settings.origins.items() if where != "default"} == {field}


def test_the_tables_agree() -> None:
    names = [option.name for option in options.OPTIONS]
    fields = [option.field for option in options.OPTIONS]
    assert list(CASES) == names
    assert sorted(fields) == sorted(set(Settings.__dataclass_fields__) - DERIVED)
    assert sorted(PARSERS) == sorted(set(fields) - {"models"})


@pytest.mark.parametrize("name", CASES)
def test_default(read: Read, name: str) -> None:
    settings = read()
    field = options.BY_NAME[name].field
    assert getattr(settings, field) == getattr(Settings(), field)
    assert settings.origin(field) == "default"


@pytest.mark.parametrize("name", CASES)
def test_command_line(read: Read, name: str) -> None:
    flag = options.BY_NAME[name].flag
    settings = read(*[f"{flag}={value}" for value in CASES[name].arguments] or [flag])
    check(settings, name, flag)


@pytest.mark.parametrize("name", CASES)
def test_pytest_ini(pytester: pytest.Pytester, read: Read, name: str) -> None:
    option = options.BY_NAME[name]._replace(example=CASES[name].toml)
    if option.ini == "linelist":
        lines = "".join(f"\n    {value}" for value in CASES[name].arguments)
        pytester.makefile(".ini", pytest=f"[pytest]\n{option.key} ={lines}\n")
    else:
        pytester.makefile(".ini", pytest=f"[pytest]\n{reference.ini_example(option)}\n")
    check(read(), name, f"pytest.ini: {option.key}")


@pytest.mark.parametrize("name", CASES)
def test_pyproject_ini_options(pytester: pytest.Pytester, read: Read, name: str) -> None:
    key = options.BY_NAME[name].key
    pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\n{key} = {CASES[name].toml}\n")
    check(read(), name, f"pyproject.toml: {key}")


@NATIVE
@pytest.mark.parametrize("name", CASES)
def test_pyproject_native(pytester: pytest.Pytester, read: Read, name: str) -> None:
    key = options.BY_NAME[name].key
    pytester.makepyprojecttoml(f"[tool.pytest]\n{key} = {CASES[name].toml}\n")
    check(read(), name, f"pyproject.toml: {key}")


@NATIVE
@pytest.mark.parametrize("name", CASES)
def test_pytest_toml(pytester: pytest.Pytester, read: Read, name: str) -> None:
    key = options.BY_NAME[name].key
    pytester.makefile(".toml", pytest=f"[pytest]\n{key} = {CASES[name].toml}\n")
    check(read(), name, f"pytest.toml: {key}")


@NATIVE
@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        ("onnx_timeout = 30", "timeout_s", 30.0),
        ("onnx_timeout = 0.5", "timeout_s", 0.5),
        ("onnx_backend = 'ort-cpu'", "backends", ("ort-cpu",)),
    ],
)
def test_bare_toml_values(pytester: pytest.Pytester, read: Read, line: str, field: str, expected: object) -> None:
    pytester.makepyprojecttoml(f"[tool.pytest]\n{line}\n")
    assert getattr(read(), field) == expected


def test_the_documented_examples(pytester: pytest.Pytester, read: Read) -> None:
    pytester.mkdir("weights")
    pytester.mkdir("golden")
    # What the machine cannot give is refused, and "require" would be that here and there
    left_out = ("model", "manifest", "sandbox")
    lines = [f"{o.key} = {o.example}" for o in options.OPTIONS if o.name not in left_out]
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\n" + "\n".join(lines))
    assert len([f for f, where in read().origins.items() if where != "default"]) == len(lines)


def test_override_on_the_command_line(pytester: pytest.Pytester, read: Read) -> None:
    pytester.makefile(".ini", pytest="[pytest]\nonnx_seed = 7\n")
    settings = read("-o", "onnx_seed=8", "--onnx-timeout", "5")
    assert (settings.seed, settings.origin("seed")) == (8, "-o onnx_seed")
    assert (settings.timeout_s, settings.origin("timeout_s")) == (5.0, "--onnx-timeout")


def test_active_only_with_models(pytester: pytest.Pytester) -> None:
    pytester.plugins = [Probe()]
    config = pytester.parseconfig()
    assert not options.is_active(config)
    assert not options.is_configured(config)
    config = pytester.parseconfig("--onnx-seed=x")
    assert not options.is_active(config)
    assert options.is_configured(config)
    assert options.is_active(pytester.parseconfig("--onnx-model=a.onnx"))
    pytester.makefile(".toml", onnxaccel="")
    assert options.is_active(pytester.parseconfig())


def test_header_in_a_run_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(PROBE)
    pytester.makefile(".ini", pytest="[pytest]\nonnx_seed = 7\n")
    result = pytester.runpytest_subprocess("--onnx-model=a.onnx", "--onnx-timeout=30s")
    result.stdout.fnmatch_lines(
        [
            "onnxaccel models: a.onnx (--onnx-model)",
            "onnxaccel backends: every one that runs here (default)",
            "onnxaccel seed: 7 (pytest.ini: onnx_seed)",
            "onnxaccel timeout: 30* (--onnx-timeout)",
        ]
    )


@pytest.mark.parametrize(
    ("arguments", "advise"),
    [
        (("--onnx-advise",), ""),
        (("--onnx-advise=true",), ""),
        (("--onnx-advise=false",), None),
        (("--onnx-advise", "--onnx-seed=1"), ""),
        (("-o", "onnx_advise=true"), ""),
    ],
)
def test_an_option_that_may_stand_alone(read: Read, arguments: tuple[str, ...], advise: str | None) -> None:
    assert read(*arguments).advise == advise
