"""Every option is read from the command line and each form of configuration file, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from pytest_onnxaccel import registry
from pytest_onnxaccel.plugin import options, reference
from pytest_onnxaccel.plugin.settings import Settings, read_settings
from pytest_onnxaccel.plugin.values import PARSERS
from pytest_onnxaccel.spec import Scenario

pytest_plugins = ("pytester",)

Read = Callable[..., Settings]

PROBE = """
from pytest_onnxaccel.plugin.options import add_options as pytest_addoption
from pytest_onnxaccel.plugin.settings import header, read_settings

def pytest_configure(config):
    config.onnxaccel_settings = read_settings(config)

def pytest_report_header(config):
    return header(config.onnxaccel_settings)
"""


class Probe:
    """A plugin that only declares the options."""

    pytest_addoption = staticmethod(options.add_options)


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
    "loader": Case(("nets:build",), '"nets:build"', lambda s: s.loader, "nets:build"),
    "trust": Case(
        ("nets.*, torch.nn.*", "a.B"),
        '["nets.*,torch.nn.*", "a.B"]',
        lambda s: s.trusted,
        ("nets.*", "torch.nn.*", "a.B"),
    ),
    "batch": Case(("1,3", "10", "3"), "[1, 3, 10]", lambda s: s.batch.sizes, (1, 3, 10)),
    "require": Case(("ort-cuda",), '["ort-cuda"]', lambda s: s.required, ("ort-cuda",)),
    "rtol": Case(("1e-3",), "1e-3", lambda s: s.rtol, 1e-3),
    "atol": Case(("0",), "0", lambda s: s.atol, 0.0),
    "lock": Case(("write",), '"write"', lambda s: s.lock, "write"),
    "seed": Case(("7",), "7", lambda s: s.seed, 7),
    "timeout": Case(("2min",), '"2min"', lambda s: s.timeout_s, 120.0),
    "memory": Case(("8GB",), '"8GB"', lambda s: s.memory_bytes, 8_000_000_000),
    "report": Case(("out.json",), '"out.json"', lambda s: s.report and s.report.rpartition("/")[2], "out.json"),
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
    "fuzz-examples": Case(("500",), "500", lambda s: s.fuzz_examples, 500),
    "fuzz-profile": Case(("nightly",), '"nightly"', lambda s: s.fuzz_profile, "nightly"),
    "fuzz-corpus": Case(("/opt/corpus",), '"/opt/corpus"', lambda s: s.fuzz_corpus, "/opt/corpus"),
    "in-process": Case((), "true", lambda s: s.in_process, True),
}

#: Fields that no option of their own sets.
DERIVED = {"origins", "preprocessing", "lock_file", "locked"}

NATIVE = pytest.mark.skipif(pytest.version_tuple < (9, 0), reason="native TOML settings came with pytest 9.0")


@pytest.fixture(autouse=True)
def alone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a manifest to name, a fixed set of backends, and no installed plugins in inner runs."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(registry, "names", lambda group: ("onnx-tf", "ort-cpu", "ort-cuda", "reference"))
    (pytester.path / "m.toml").write_text('[models.declared]\npath = "a.onnx"\n')


@pytest.fixture
def read(pytester: pytest.Pytester) -> Read:
    def read(*arguments: str) -> Settings:
        pytester.plugins = [Probe()]
        return read_settings(pytester.parseconfig(*arguments))

    return read


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
    lines = [f"{o.key} = {o.example}" for o in options.OPTIONS if o.name not in ("model", "manifest")]
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


WRONG = [
    (["--onnx-model="], "--onnx-model: the value is empty - give one, or leave the option out"),
    (["--onnx-model=none*.onnx"], "--onnx-model: the glob 'none*.onnx' matches nothing in "),
    (["--onnx-model=m.*"], "--onnx-model: the glob 'm.*' matches 1 path(s), none of them a *.onnx file"),
    (["--onnx-model=."], "--onnx-model: the folder '.' holds no *.onnx file - name a folder with models"),
    (["--onnx-manifest=none.toml"], "onnxaccel[E_CONFIG] none.toml: no such file in /"),
    (["--onnx-backend=ort-cpuu"], "--onnx-backend: no backend is named 'ort-cpuu' - did you mean 'ort-cpu'?"),
    (["--onnx-backend=ort-cpu,"], "--onnx-backend: 'ort-cpu,' has an empty name"),
    (["--onnx-reference=onx-tf"], "--onnx-reference: no backend is named 'onx-tf' - did you mean 'onnx-tf'?"),
    (
        ["--onnx-reference=onnxtf"],
        "--onnx-reference: no backend is named 'onnxtf' - did you mean 'onnx-tf'?",
    ),
    (
        ["--onnx-loader=nets.build"],
        "--onnx-loader: 'nets.build' names no function - write \"package.module:function\"",
    ),
    (
        ["--onnx-trust=Net"],
        "--onnx-trust: 'Net' names nothing in a module - write a name such as models.net.Net",
    ),
    (
        ["--onnx-batch=1,x"],
        "--onnx-batch: 'x' of '1,x' is no batch size - write whole numbers from 1 up, such as 1,3,10",
    ),
    (
        ["--onnx-require=zzz"],
        "--onnx-require: no backend is named 'zzz' - known: onnx-tf, ort-cpu, ort-cuda, reference",
    ),
    (["--onnx-rtol=tight"], "--onnx-rtol: 'tight' is no number - write a number from 0 up, such as 1e-3"),
    (["--onnx-rtol=nan"], "--onnx-rtol: 'nan' is not from 0 up and finite"),
    (["--onnx-atol=-1"], "--onnx-atol: '-1' is not from 0 up and finite"),
    (["--onnx-seed=1.5"], "--onnx-seed: '1.5' is no whole number from 0 up"),
    (["--onnx-timeout=0"], "--onnx-timeout: '0s' is not above zero"),
    (["--onnx-timeout=5h"], "--onnx-timeout: 'h' of '5h' is no unit of duration"),
    (["--onnx-timeout=inf"], "--onnx-timeout: 'infs' is not a duration"),
    (["--onnx-memory=8"], "--onnx-memory: '8' is a bare number - a unit is missing, write 8GB"),
    (
        ["--onnx-report=out.xls"],
        "--onnx-report: 'out.xls' has the extension '.xls', which names no report format - known: .json",
    ),
    (
        ["--onnx-report=out"],
        "--onnx-report: 'out' has no extension, which names no report format - known: .json",
    ),
    (
        ["--onnx-inconclusive=wran"],
        "--onnx-inconclusive: 'wran' is none of warn, fail, skip - did you mean 'warn'?",
    ),
    (["--onnx-lock=yes"], "--onnx-lock: 'yes' is none of use, write, ignore - known: use, write, ignore"),
    (["--onnx-hygiene=skip"], "--onnx-hygiene: 'skip' is none of warn, fail - known: warn, fail"),
    (["--onnx-localise=maybe"], "--onnx-localise: 'maybe' is none of yes, no - known: yes, no"),
    (["--onnx-budget=p95"], "--onnx-budget: 'p95' is not of the form KEY=VALUE"),
    (["--onnx-budget=p_95=1ms"], "--onnx-budget: 'p_95' is no key of a budget - did you mean 'p95'?"),
    (["--onnx-budget=p95=12"], "--onnx-budget: '12' is a bare number - a unit is missing, write 12ms"),
    (
        ["--onnx-budget=p95=1ms", "--onnx-budget=p95=2ms"],
        "--onnx-budget: p95 is given twice, '1ms' and '2ms' - keep one",
    ),
    (
        ["--onnx-model=a.onnx", "--onnx-budget=regression=10%"],
        "--onnx-budget: regression of a.onnx has nothing to be compared with - name the baseline: --onnx-reference=",
    ),
    (["--onnx-budget=scenario=sever:1ms"], "--onnx-budget: 'sever' is no scenario - did you mean 'server'?"),
    (["--onnx-budget=advise=1"], "--onnx-budget: '1' is neither true nor false"),
    (["--onnx-budget=inconclusive=ignore"], "--onnx-budget: 'ignore' is none of warn, fail, skip"),
    (["--onnx-budget=threads=0"], "--onnx-budget: '0' is no whole number from 1 up"),
    (["--onnx-budget=speedup_over=onx-tf:3"], "no backend is named 'onx-tf' - did you mean 'onnx-tf'?"),
    (["--onnx-python=/bin/python"], "--onnx-python: '/bin/python' is not of the form NAME=PATH"),
    (
        ["--onnx-python=onnxtf=/bin/python"],
        "--onnx-python: no backend is named 'onnxtf' - did you mean 'onnx-tf'?",
    ),
    (["--onnx-fuzz-examples=0"], "--onnx-fuzz-examples: '0' is no whole number from 1 up"),
    (["--onnx-fuzz-profile=weekly"], "--onnx-fuzz-profile: 'weekly' is none of ci, nightly"),
    (["--onnx-advise=m.toml"], "--onnx-advise: 'm.toml' is no folder"),
    (["--onnx-fuzz-corpus=m.toml"], "--onnx-fuzz-corpus: 'm.toml' is no folder"),
    (["-o", "onnx_in_process=perhaps"], "onnx_in_process: invalid truth value 'perhaps'"),
    (["-o", "onnx_rtol=tight"], "-o onnx_rtol: 'tight' is no number"),
]


def test_every_option_has_a_wrong_value() -> None:
    tried = {argument.partition("=")[0] for arguments, _ in WRONG for argument in arguments}
    assert {option.flag for option in options.OPTIONS if option.metavar} <= tried


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_a_wrong_value_is_a_usage_error_in_one_line(pytester: pytest.Pytester, arguments: list[str], said: str) -> None:
    pytester.makeconftest(PROBE)
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in result.errlines + result.outlines if line.strip()]
    (error,) = [line for line in lines if not line.startswith(("=", "platform "))]
    assert error.startswith("ERROR: ")
    assert said in error


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("onnx_rtol = 'tight'", "pyproject.toml: onnx_rtol: 'tight' is no number"),
        ("onnx_rtol = true", "onnx_rtol: "),
        ("onnx_in_process = 'perhaps'", "onnx_in_process: "),
        ("onnx_batch = ['1', 'x']", "pyproject.toml: onnx_batch: 'x' of '1,x' is no batch size"),
    ],
)
@pytest.mark.parametrize("table", [pytest.param("tool.pytest", marks=NATIVE), "tool.pytest.ini_options"])
def test_a_wrong_value_in_a_file(pytester: pytest.Pytester, read: Read, table: str, line: str, said: str) -> None:
    pytester.makepyprojecttoml(f"[{table}]\n{line}\n")
    with pytest.raises(pytest.UsageError) as caught:
        read()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


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


def test_an_option_that_may_stand_alone_takes_no_path_of_a_test(read: Read) -> None:
    with pytest.raises(pytest.UsageError, match=r"--onnx-advise took 'tests' for its value.*--onnx-advise=tests"):
        read("--onnx-advise", "tests")
