"""A value that an option cannot take is refused in one line, wherever it was given."""

from __future__ import annotations

import pytest

from pytest_onnxaccel.plugin.options import read as options
from suites.plugin.probe import NATIVE, PROBE, Read

pytest_plugins = ("pytester",)

pytestmark = pytest.mark.usefixtures("alone")

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
        ["--onnx-trust=tensorflow:My Op"],
        "--onnx-trust: 'tensorflow:My Op' names nothing in a module - write a name such as models.net.Net",
    ),
    (
        ["--onnx-batch=1,x"],
        "--onnx-batch: 'x' of '1,x' is not a batch size - write positive whole numbers, such as 1,3,10",
    ),
    (
        ["--onnx-require=zzz"],
        "--onnx-require: no backend is named 'zzz' - known: onnx-tf, ort-cpu, ort-cuda, reference",
    ),
    (["--onnx-rtol=tight"], "--onnx-rtol: 'tight' is not a number - write a non-negative number, such as 1e-3"),
    (["--onnx-rtol=nan"], "--onnx-rtol: 'nan' is negative or not finite"),
    (["--onnx-atol=-1"], "--onnx-atol: '-1' is negative or not finite"),
    (["--onnx-seed=1.5"], "--onnx-seed: '1.5' is not a whole number of at least 0"),
    (["--onnx-timeout=0"], "--onnx-timeout: '0s' is not above zero"),
    (["--onnx-timeout=5h"], "--onnx-timeout: 'h' of '5h' is not a unit of duration"),
    (["--onnx-timeout=inf"], "--onnx-timeout: 'infs' is not a duration"),
    (["--onnx-memory=8"], "--onnx-memory: '8' is a bare number - a unit is missing, write 8GB"),
    (
        ["--onnx-report=out.xls"],
        "--onnx-report: 'out.xls' has the extension '.xls', which names no report format - known: .json, .md, .html",
    ),
    (
        ["--onnx-report=out"],
        "--onnx-report: 'out' has no extension, which names no report format - known: .json, .md, .html",
    ),
    (
        ["--onnx-baseline=old.html"],
        "--onnx-baseline: 'old.html' is not a JSON report - name a file that --onnx-report=X.json wrote",
    ),
    (
        ["--onnx-inconclusive=wran"],
        "--onnx-inconclusive: 'wran' is not one of warn, fail, skip - did you mean 'warn'?",
    ),
    (["--onnx-lock=yes"], "--onnx-lock: 'yes' is not one of use, write, ignore - known: use, write, ignore"),
    (["--onnx-hygiene=skip"], "--onnx-hygiene: 'skip' is not one of warn, fail - known: warn, fail"),
    (["--onnx-ort-library=none.so"], "--onnx-ort-library: there is no library at "),
    (["--onnx-golden=none"], "--onnx-golden: 'none' does not exist: no none in /"),
    (["--onnx-localise=maybe"], "--onnx-localise: 'maybe' is not one of yes, no - known: yes, no"),
    (["--onnx-budget=p95"], "--onnx-budget: 'p95' is not of the form KEY=VALUE"),
    (["--onnx-budget=p_95=1ms"], "--onnx-budget: 'p_95' is not a key of a budget - did you mean 'p95'?"),
    (["--onnx-budget=p95=12"], "--onnx-budget: '12' is a bare number - a unit is missing, write 12ms"),
    (
        ["--onnx-budget=p95=1ms", "--onnx-budget=p95=2ms"],
        "--onnx-budget: p95 is given twice, '1ms' and '2ms' - keep one",
    ),
    (
        ["--onnx-model=a.onnx", "--onnx-budget=regression=10%"],
        "--onnx-budget: regression of a.onnx has nothing to be compared with - name the baseline: --onnx-reference=",
    ),
    (["--onnx-budget=scenario=sever:1ms"], "--onnx-budget: 'sever' is not a scenario - did you mean 'server'?"),
    (["--onnx-budget=advise=1"], "--onnx-budget: '1' is neither true nor false"),
    (["--onnx-budget=inconclusive=ignore"], "--onnx-budget: 'ignore' is not one of warn, fail, skip"),
    (["--onnx-budget=threads=0"], "--onnx-budget: '0' is not a whole number of at least 1"),
    (["--onnx-budget=speedup_over=onx-tf:3"], "no backend is named 'onx-tf' - did you mean 'onnx-tf'?"),
    (["--onnx-python=/bin/python"], "--onnx-python: '/bin/python' is not of the form NAME=PATH"),
    (
        ["--onnx-python=onnxtf=/bin/python"],
        "--onnx-python: no backend is named 'onnxtf' - did you mean 'onnx-tf'?",
    ),
    (
        ["--onnx-provider-option=use_tf32=0"],
        "--onnx-provider-option: 'use_tf32' names no option of a backend - write ort-",
    ),
    (["--onnx-provider-option=ort-cpu.use_tf32=0"], "--onnx-provider-option: ort-cpu takes no provider options"),
    (
        ["--onnx-provider-option=ort-cuda.use_tf32=maybe"],
        "--onnx-provider-option: 'maybe' does not fit the option use_tf32 of ort-cuda - write 1 or 0",
    ),
    (["--onnx-allow-cpu-nodes=-1"], "--onnx-allow-cpu-nodes: '-1' is neither a number nor an operator"),
    (["--onnx-fuzz-examples=0"], "--onnx-fuzz-examples: '0' is not a whole number of at least 1"),
    (["--onnx-fuzz-profile=weekly"], "--onnx-fuzz-profile: 'weekly' is not one of ci, nightly"),
    (["--onnx-advise=m.toml"], "--onnx-advise: 'm.toml' is not a folder"),
    (["--onnx-fuzz-corpus=m.toml"], "--onnx-fuzz-corpus: 'm.toml' is not a folder"),
    (["--onnx-sandbox=on"], "--onnx-sandbox: 'on' is not one of auto, require, off - "),
    (
        ["--onnx-sandbox=require", "--onnx-in-process"],
        "--onnx-sandbox: the sandbox is not available: backends run in the pytest process - ",
    ),
    (["--onnx-readable=none"], "--onnx-readable: there is no none in /"),
    (["--onnx-env=ORT_*"], "--onnx-env: 'ORT_*' does not name a variable - write exact names, such as "),
    (["-o", "onnx_in_process=perhaps"], "onnx_in_process: invalid truth value 'perhaps'"),
    (["-o", "onnx_rtol=tight"], "-o onnx_rtol: 'tight' is not a number"),
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
        ("onnx_rtol = 'tight'", "pyproject.toml: onnx_rtol: 'tight' is not a number"),
        ("onnx_rtol = true", "onnx_rtol: "),
        ("onnx_in_process = 'perhaps'", "onnx_in_process: "),
        ("onnx_batch = ['1', 'x']", "pyproject.toml: onnx_batch: 'x' of '1,x' is not a batch size"),
    ],
)
@pytest.mark.parametrize("table", [pytest.param("tool.pytest", marks=NATIVE), "tool.pytest.ini_options"])
def test_a_wrong_value_in_a_file(pytester: pytest.Pytester, read: Read, table: str, line: str, said: str) -> None:
    pytester.makepyprojecttoml(f"[{table}]\n{line}\n")
    with pytest.raises(pytest.UsageError) as caught:
        read()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_option_that_may_stand_alone_takes_no_path_of_a_test(read: Read) -> None:
    with pytest.raises(pytest.UsageError, match=r"--onnx-advise took 'tests' for its value.*--onnx-advise=tests"):
        read("--onnx-advise", "tests")
