"""The conformance kit: a test class that a backend's author subclasses."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_onnxaccel.isolation.child.functions import GRAPH_FUNCTIONS
from pytest_onnxaccel.testing.common import Promises
from pytest_onnxaccel.testing.harness import case, check_refusal, check_specs, require

#: Codes of a model that cannot be loaded; ``E_ERROR``, what an unforeseen exception becomes, is none of them.
LOAD_CODES = ("E_EXTERNAL", "E_GRAPH", "E_MEMORY", "E_NOTMODEL", "E_PARSE", "E_SCHEMA", "E_SIZE", "E_UNSAFE")
#: Codes of inputs that do not fit, or on which the model fails.
RUN_CODES = ("E_INPUT", "E_MEMORY", "E_RUN")

#: Names of the tiny models; spelt out, so that collecting the checks imports neither numpy nor onnx.
MODELS = ("add", "matmul_relu", "gather_int64", "where_bool", "two_outputs", "scalar_output", "dynamic_batch")


class BackendConformance(Promises):
    """Checks both halves of the protocol, backend and session, in workers as in a run of the plugin.

    Set ``make`` in a subclass whose name pytest collects::

        class TestMyBackend(BackendConformance):
            make = MyBackend

    Where the backend does not run, the checks of its sessions are skipped with the reason. Further settings:
    ``must_run``, ``known_failures``, ``frameworks``, ``pythons``, ``seconds``, ``rtol``, ``atol``.
    """

    # -- the backend -----------------------------------------------------------------------------------------

    def test_describes_itself(self) -> None:
        """name, role, environment, keep_worker, and the optional attributes, are of the documented types."""
        backend = self.described(("runtime", "oracle"))
        for optional in ("optimizes", "complete"):
            value = getattr(backend, optional, True)
            require(isinstance(value, bool), f"its {optional} {value!r} is not a bool")
        fresh = getattr(backend, "fresh_process_per_model", None)
        if fresh is not None:
            require(isinstance(fresh({"Add": 1}), bool), "fresh_process_per_model() does not give a bool")

    def test_names_a_known_preparation(self) -> None:
        """prepare() gives an empty string, or the name of a preparation that the plugin has."""
        asked = self.maker()().prepare({"Add": 1}, 13)
        require(isinstance(asked, str), f"prepare() gives {asked!r}, not a str")
        require(not asked or asked in GRAPH_FUNCTIONS, f"no preparation is called {asked!r}")

    # -- sessions --------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", MODELS)
    def test_says_what_it_loaded(self, name: str) -> None:
        """SessionInfo lists the model's inputs and outputs: names in the declared order, and dtypes."""
        model = case(name)
        session = self.session(model)
        feeds = model.feeds(model.batches[0])
        check_specs("outputs", session.info.outputs, model.expected(feeds))
        if not self.bench().backend.prepare({"Add": 1}, 13):
            # Asked without the guard, which would hide it; a prepared copy may have other names
            own = self.bench().load(model, model.write(self.bench().folder))
            check_specs("inputs", own.info.inputs, feeds)

    @pytest.mark.parametrize("name", MODELS)
    def test_computes(self, name: str) -> None:
        """run() gives every output by name, in the declared order, with the right dtype, shape and values."""
        model = case(name)
        for batch in model.batches:
            self.check_values(self.session(model), model, batch)

    def test_holds_several_sessions(self) -> None:
        """A session gives the same after another model was loaded and run in the same worker."""
        first, second = case("add"), case("two_outputs")
        session = self.session(first)
        self.check_values(session, first, 2)
        self.check_values(self.session(second), second, 2)
        self.check_values(session, first, 2)

    # -- refusals --------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", ["garbage", "truncated"])
    def test_refuses_a_broken_file(self, kind: str) -> None:
        """load() raises ModelError with a documented code for a file that is not a model, and does not crash."""
        model, bench = case("matmul_relu"), self.bench()
        data = b"\x7fno model at all" * 8 if kind == "garbage" else model.model().SerializeToString()[:-20]
        path = bench.file(f"{kind}.onnx", data)
        check_refusal(f"load() of a {kind} file", LOAD_CODES, lambda: bench.load(model, path))

    def test_refuses_an_unknown_operator(self) -> None:
        """load() or prepare() raises ModelError with the code E_SCHEMA for an operator that it lacks."""
        from pytest_onnxaccel.testing.tiny_models import UNKNOWN_OPERATOR

        self.session(case("add"))
        check_refusal("load() of an unknown operator", ("E_SCHEMA",), lambda: self.bench().session(UNKNOWN_OPERATOR))

    @pytest.mark.parametrize("wrong", ["missing", "unknown", "dtype", "batch"])
    def test_refuses_wrong_inputs(self, wrong: str) -> None:
        """Inputs that differ from the declared ones raise ModelError with the code E_INPUT."""
        model = case("add")
        session, right = self.session(model), model.feeds(2)
        feeds: dict[str, Any] = {
            "missing": {},
            "unknown": {**right, "other": right["x"]},
            "dtype": {"x": right["x"].astype("float64")},
            "batch": {"x": right["x"][:1]},
        }[wrong]
        check_refusal(f"run() with wrong inputs ({wrong})", ("E_INPUT",), lambda: session.run(feeds))

    def test_fails_as_a_model_error(self) -> None:
        """A model that fails on legal inputs raises ModelError with a documented code, and does not crash."""
        from pytest_onnxaccel.testing.tiny_models import CLASHING

        session = self.session(CLASHING)
        check_refusal("run() of a model that adds 2 numbers to 3", RUN_CODES, lambda: session.run(CLASHING.feeds(2)))
