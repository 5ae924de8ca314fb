"""Advice on real models: every candidate is proven before it is timed. The timings themselves are made up here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fixtures import graphs
from pytest_onnxaccel.backends._ort import OrtSession
from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.backends.reference import ReferenceBackend
from pytest_onnxaccel.checks.advice import Advice
from pytest_onnxaccel.checks.gains import Finding, Gain, Outcome
from pytest_onnxaccel.errors import ConfigError
from pytest_onnxaccel.isolation import worker
from pytest_onnxaccel.runner import advice_files, advising, throughput
from pytest_onnxaccel.runner.advising import Advising
from pytest_onnxaccel.runner.duel import duel
from pytest_onnxaccel.runner.engines import Engines
from pytest_onnxaccel.runner.request import RunOptions
from pytest_onnxaccel.runner.subject import Subject
from pytest_onnxaccel.spec import ModelSpec, Tolerance

CPU = "ort-cpu"
FAST, SAME = Gain(2.0, 1.9, 2.1), Gain(1.0, 0.99, 1.01)
#: Options of a session that trials change, by the kind of the trial.
OPTIONS: dict[str, Callable[[LoadOptions], bool]] = {
    "level": lambda o: o.level == "basic",
    "threads": lambda o: o.threads == 1,
    "spin": lambda o: not o.spin,
    "arena": lambda o: not o.arena,
    "binding": lambda o: o.binding,
}

Opened = tuple[str, str, LoadOptions]


class Advise:
    """Advises on a model; what is faster than what, the test says.

    Attributes:
        duels: every pair that was timed, each side as (backend, path, options).
    """

    def __init__(self, engines: Engines, folder: Path) -> None:
        self.duels: list[tuple[Opened, Opened]] = []
        self._engines = engines
        self._path = folder / "given.onnx"
        self._score: Callable[[Opened], int] = lambda side: 0

    def faster_when(self, *conditions: Callable[[Opened], bool]) -> None:
        """A side that meets more of *conditions* than the other is twice as fast."""
        self._score = lambda side: sum(condition(side) for condition in conditions)

    def duel(self, first: Any, second: Any, looks: Any = ()) -> Gain:
        sides = []
        for opens, feeds in (first, second):
            assert isinstance(opens, partial)
            backend, path, options = opens.args
            sides.append((backend, str(path), options))
            opens().run(feeds)  # it opens and runs
        self.duels.append((sides[0], sides[1]))
        return FAST if self._score(sides[1]) > self._score(sides[0]) else SAME

    def __call__(
        self, model: onnx.ModelProto, target: str = "", threads: int | None = None, backend: str = CPU, **spec: Any
    ) -> Advice:
        self._path.write_bytes(model.SerializeToString())
        given = ModelSpec("given.onnx", str(self._path), "given.onnx", **spec)
        made = Subject(given, self._engines, 0, (backend,), 0)
        return Advising(made, self._engines, backend, made.ready(backend), threads=threads).advise(target)


@pytest.fixture
def advise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Advise]:
    engines = Engines(RunOptions(in_process=True))
    made = Advise(engines, tmp_path)
    monkeypatch.setattr(advising, "duel", made.duel)
    monkeypatch.setattr(throughput, "duel", made.duel)
    monkeypatch.setattr(advising.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    yield made
    engines.close()


def found(advice: Advice, kind: str) -> list[Finding]:
    findings = [*advice.findings, *([advice.throughput] if advice.throughput else [])]
    return [finding for finding in findings if finding.kind == kind]


def outcomes(advice: Advice, kind: str) -> set[Outcome]:
    return {finding.outcome for finding in found(advice, kind)}


# -- each kind: legal, and helping where the clock says so


@pytest.mark.parametrize("kind", ["initializers", "simplify"])
def test_a_faster_file_is_advised(kind: str, advise: Advise) -> None:
    advise.faster_when(lambda side: kind in Path(side[1]).parent.name)
    advice = advise(with_constants())
    assert outcomes(advice, kind) == {Outcome.HELPS}
    assert advice.advised
    assert advice.setup.steps[-1] == kind
    (finding,) = found(advice, kind)
    assert finding.max_abs is not None
    assert finding.max_abs < 1e-6


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_faster_option_is_advised(kind: str, advise: Advise) -> None:
    advise.faster_when(lambda side: OPTIONS[kind](side[2]))
    if kind == "spin":  # compared sessions keep still unless spinning is the question
        advise.faster_when(lambda side: not side[2].spin and side[2].threads is None)
    advice = advise(graphs.small_cnn())
    assert Outcome.HELPS in outcomes(advice, kind)
    assert advice.advised
    assert len(advice.titles) == 1


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_fewer_bits_are_advised_where_the_tolerance_allows(kind: str, advise: Advise) -> None:
    advise.faster_when(lambda side: kind in Path(side[1]).parent.name)
    advice = advise(graphs.mlp(), tolerance=Tolerance(0.2, 0.2))
    assert outcomes(advice, kind) == {Outcome.HELPS}
    assert kind in advice.setup.steps


def test_another_backend_is_advised(advise: Advise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReferenceBackend, "role", "runtime")
    advise.faster_when(lambda side: side[0] == "reference")
    advice = advise(graphs.mlp())
    assert outcomes(advice, "provider") == {Outcome.HELPS}
    assert advice.setup.backend == "reference"


def test_a_batch_is_worth_it_by_its_samples(advise: Advise) -> None:
    advice = advise(graphs.small_cnn(batch=1))
    assert advice.throughput is not None
    # As long for one call of 8 samples as for one of 1
    assert advice.throughput.title == "throughput at batch 8"
    assert advice.throughput.gain == Gain(8.0, pytest.approx(7.92), pytest.approx(8.08))
    assert advice.throughput.outcome is Outcome.HELPS


# -- each kind: refused because outputs differ


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_fewer_bits_are_refused_by_the_default_tolerance(kind: str, advise: Advise) -> None:
    advice = advise(graphs.mlp())
    (finding,) = found(advice, kind)
    assert finding.outcome is Outcome.REFUSED
    assert "outputs differ: output" in finding.why
    assert not any(kind in side[1] for pair in advise.duels for side in pair), (
        "it was timed although it is not the model"
    )


@pytest.mark.parametrize("kind", ["initializers", "simplify"])
def test_a_step_that_changes_the_model_is_refused(kind: str, advise: Advise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(worker.GRAPH_FUNCTIONS, kind, f"{__name__}:spoilt_{kind}")
    advice = advise(with_constants())
    assert outcomes(advice, kind) == {Outcome.REFUSED}
    assert not any(kind in Path(side[1]).parent.name for pair in advise.duels for side in pair)


@pytest.mark.parametrize("kind", OPTIONS)
def test_an_option_that_changes_outputs_is_refused(kind: str, advise: Advise, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, OPTIONS[kind])
    advice = advise(graphs.small_cnn())
    assert Outcome.REFUSED in outcomes(advice, kind)
    asked_alone = [second for first, second in advise.duels if OPTIONS[kind](second[2]) and not OPTIONS[kind](first[2])]
    assert not asked_alone


def test_a_backend_that_computes_something_else_is_refused(advise: Advise, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReferenceBackend, "role", "runtime")
    load = ReferenceBackend.load

    def wrong(self: Any, path: str, options: LoadOptions) -> Any:
        session = load(self, path, options)
        run = session.run
        session.run = lambda feeds: {k: v + 1 for k, v in run(feeds).items()}  # type: ignore[method-assign]
        return session

    monkeypatch.setattr(ReferenceBackend, "load", wrong)
    (finding,) = found(advise(graphs.mlp()), "provider")
    assert finding.outcome is Outcome.REFUSED
    assert "outputs differ" in finding.why


def test_a_batch_that_mixes_its_samples_is_refused(advise: Advise) -> None:
    advice = advise(graphs.mixes_samples(batch=2))
    assert advice.throughput is not None
    assert advice.throughput.outcome is Outcome.REFUSED
    assert "batch" in advice.throughput.why


# -- each kind: does not apply (options: see test_checks_advice)


@pytest.mark.parametrize("kind", ["initializers", "simplify", "int8", "float16"])
def test_a_step_with_nothing_to_do_does_not_apply(kind: str, advise: Advise) -> None:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    assert outcomes(advise(model), kind) == {Outcome.NOT_APPLICABLE}


def test_options_do_not_apply_to_a_backend_without_them(advise: Advise) -> None:
    advice = advise(graphs.mlp(), backend="reference")
    for kind in OPTIONS:
        assert outcomes(advice, kind) == {Outcome.NOT_APPLICABLE}


def test_batches_do_not_apply_without_a_batch_axis(advise: Advise) -> None:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [3, 4][i : i + 1]) for i, n in enumerate("ab")]
    out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])]
    nodes = [
        helper.make_node("ReduceSum", ["b"], ["s"], keepdims=0),
        helper.make_node("Add", ["a", "s"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", values, out)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    assert outcomes(advise(model), "batch") == {Outcome.NOT_APPLICABLE}


# -- the whole


def test_a_model_that_is_not_stable_proves_nothing(advise: Advise) -> None:
    advice = advise(graphs.unstable())
    assert not advice.findings
    assert "two equal runs of the model differ" in advice.limit
    assert not advise.duels


def test_sessions_keep_still_unless_spinning_is_the_question(advise: Advise) -> None:
    advise(graphs.initializers_as_inputs())
    plain = [pair for pair in advise.duels if Path(pair[1][1]).parent.name == "initializers"]
    assert plain
    assert all(not side[2].spin for pair in plain for side in pair)
    asked = [pair for pair in advise.duels if pair[0][2].spin and not pair[1][2].spin]
    assert len(asked) == 1


def test_without_a_gain_nothing_is_advised_or_written(advise: Advise, tmp_path: Path) -> None:
    advice = advise(graphs.initializers_as_inputs(), target=str(tmp_path / "advice"))
    assert not advice.advised
    assert advice.files == ()
    assert not (tmp_path / "advice").exists()


@pytest.mark.parametrize("binding", [False, True])
def test_the_written_script_gives_the_same_outputs(binding: bool, advise: Advise, tmp_path: Path) -> None:
    if binding:
        advise.faster_when(lambda side: side[2].binding)
    else:
        advise.faster_when(lambda side: side[2].threads == 1, lambda side: "initializers" in side[1])
    model = graphs.initializers_as_inputs()
    advice = advise(model, target=str(tmp_path / "advice"))
    folder = tmp_path / "advice" / "given-ort-cpu"
    assert [Path(file) for file in advice.files] == [folder / n for n in ("given.onnx", "session.py", "session.json")]
    inputs = np.random.default_rng(1).uniform(-1, 1, (1, model.graph.input[0].type.tensor_type.shape.dim[1].dim_value))
    np.savez(tmp_path / "feeds.npz", **{model.graph.input[0].name: inputs.astype(np.float32)})
    code = (
        "import sys, numpy, session\n"
        "opened = session.open_session()\n"
        "found = session.run(opened, dict(numpy.load(sys.argv[1])))\n"
        "again = session.run(opened, dict(numpy.load(sys.argv[1])))\n"
        "assert all((found[k] == again[k]).all() for k in found)\n"
        "numpy.savez(sys.argv[2], **found)\n"
        "print(opened.get_session_options().intra_op_num_threads)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "feeds.npz"), str(tmp_path / "found.npz")],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(advice.setup.options.get("threads", 0))]
    expected = shipped_outputs(tmp_path / "given.onnx", inputs.astype(np.float32))
    for name, value in np.load(tmp_path / "found.npz").items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6)
    said = json.loads((folder / "session.json").read_text())
    assert said["model"] == "given.onnx"
    assert said["options"]["binding"] is binding
    assert said["gain"]["low"] == advice.whole.low if advice.whole else False
    assert ("io_binding" in (folder / "session.py").read_text()) is binding


def test_the_options_in_the_script_are_those_of_the_session(tmp_path: Path) -> None:
    options = LoadOptions(threads=3, spin=False, level="extended", arena=False)
    text = advice_files.script("m.onnx", "CPUExecutionProvider", options, Advice((), whole=FAST), "1.31")
    space: dict[str, Any] = {"__file__": str(tmp_path / "session.py")}
    (tmp_path / "m.onnx").write_bytes(graphs.mlp().SerializeToString())
    exec(compile(text, "session.py", "exec"), space)
    made = space["open_session"]().get_session_options()
    assert made.intra_op_num_threads == 3
    assert made.enable_cpu_mem_arena is False
    assert made.graph_optimization_level.name == "ORT_ENABLE_EXTENDED"
    assert made.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = 'a"""\nimport os; os.abort()\n"""\\.onnx'
    text = advice_files.script(name, "CPUExecutionProvider", LoadOptions(), Advice((), titles=('"""x',)), '1"""')
    names = {node.name for node in __import__("ast").walk(__import__("ast").parse(text)) if hasattr(node, "name")}
    assert {"open_session", "run"} <= names
    assert "os.abort" not in [line.strip() for line in text.splitlines()]


def test_folders_are_told_apart_and_plain() -> None:
    folder = advice_files.folder_of
    assert folder("d", "a.onnx", CPU, None) == "d/a-ort-cpu"
    assert folder("d", "a.onnx", CPU, 4) == "d/a-ort-cpu-batch-4"
    assert folder("d", "../../e tc.onnx", CPU, None) == "d/_.._e_tc-ort-cpu"


def test_a_folder_that_cannot_be_written_is_named(advise: Advise, tmp_path: Path) -> None:
    advise.faster_when(lambda side: side[2].threads == 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        advise(graphs.mlp(), target=str(tmp_path / "file"))


def test_a_real_duel(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(graphs.mlp().SerializeToString())
    engines = Engines(RunOptions())
    try:
        subject = Subject(ModelSpec("m", str(path), "m.onnx"), engines, 0, (CPU,), 0)
        feeds = subject.ready(CPU).settled.inputs.feeds(0)
        opens = partial(subject.fresh, CPU, None, LoadOptions(threads=1))
        gain = duel((opens, feeds), (opens, feeds), looks=(20,), seconds=30)
    finally:
        engines.close()
    assert 0 < gain.low <= gain.ratio <= gain.high
    assert gain.control >= 1


# -- builders


def with_constants() -> onnx.ModelProto:
    """``y = x * (2 + 3)``: constants that are inputs as well, and a node that folds away once they are not."""
    nodes = [helper.make_node("Add", ["two", "three"], ["five"]), helper.make_node("Mul", ["x", "five"], ["y"])]
    weights = [numpy_helper.from_array(np.full(4, v, np.float32), n) for n, v in (("two", 2.0), ("three", 3.0))]
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 4]), ("two", [4]), ("three", [4]))
    ]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph(nodes, "g", values, [out], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def spoilt_initializers(source: str, target: str) -> dict[str, object]:
    return _spoilt(source, target)


def spoilt_simplify(source: str, target: str) -> dict[str, object]:
    return _spoilt(source, target)


def _spoilt(source: str, target: str) -> dict[str, object]:
    model = onnx.load(source)
    weight = model.graph.initializer[0]
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.01), weight.name))
    onnx.save(model, target)
    return {"edited": ["spoilt"], "reason": ""}


def spoil(monkeypatch: pytest.MonkeyPatch, condition: Callable[[LoadOptions], bool]) -> None:
    """A runtime that gives other outputs with some options."""
    init, run = OrtSession.__init__, OrtSession.run

    def begin(self: Any, session: Any, options: LoadOptions, *more: Any) -> None:
        init(self, session, options, *more)
        self.spoilt = condition(options)

    def other(self: Any, feeds: Any) -> Any:
        return {k: v + 1 if self.spoilt else v for k, v in run(self, feeds).items()}

    monkeypatch.setattr(OrtSession, "__init__", begin)
    monkeypatch.setattr(OrtSession, "run", other)


def shipped_outputs(path: Path, array: Any) -> dict[str, Any]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: array}), strict=True))
