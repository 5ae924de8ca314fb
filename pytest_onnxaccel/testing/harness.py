"""What the checks of the conformance kit stand on: settings, the bench, and failures in a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn

import pytest

from pytest_onnxaccel.backends.protocol import Backend, LoadOptions
from pytest_onnxaccel.core.errors import BackendUnavailable, ModelError, OnnxAccelError
from pytest_onnxaccel.testing import known_failures as failures
from pytest_onnxaccel.testing import probe_backend as watched
from pytest_onnxaccel.testing.workbench import Bench, reference_of

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.checked_session import CheckedSession
    from pytest_onnxaccel.core.specs import SourceSpec, TensorSpec
    from pytest_onnxaccel.testing.tiny_models import Arrays, Case


def fail(message: str) -> NoReturn:
    """Fail the check with *message* alone: a trace through the kit would help no author."""
    raise pytest.fail.Exception(message, pytrace=False) from None


def require(truth: object, message: str) -> None:
    """Fail the check with *message* unless *truth*."""
    if not truth:
        fail(message)


def case(name: str) -> Case:
    """Return the tiny model *name*; numpy and onnx are imported here."""
    from pytest_onnxaccel.testing.tiny_models import CASES

    return CASES[name]


class Harness:
    """Settings of a conformance class, and the sessions that its checks ask for."""

    #: The backend's class, or a function without arguments that gives it; importable in a fresh interpreter.
    make: ClassVar[Callable[[], Backend]]
    #: True, in a continuous integration that has the runtime: not to run here is a failure, not a skip.
    must_run: ClassVar[bool] = False
    #: More modules that must not be imported for ``availability()``.
    frameworks: ClassVar[tuple[str, ...]] = ()
    #: Interpreter by name of an isolated environment, where it is not the built one.
    pythons: ClassVar[Mapping[str, str]] = {}
    #: Time limit of each stage, seconds.
    seconds: ClassVar[float] = 120.0
    #: Tolerance of float outputs: ``|value - expected| <= atol + rtol * |expected|``.
    rtol: ClassVar[float] = 1e-5
    atol: ClassVar[float] = 1e-5
    #: Why a check is expected to fail, by its name: ``test_computes[add]``, ``test_computes`` for every parameter,
    #: ``*`` for any text. One that passes fails the run, so that the entry goes.
    known_failures: ClassVar[Mapping[str, str]] = {}

    _bench: ClassVar[Bench | None] = None

    def __init_subclass__(cls, **named: object) -> None:
        """Refuse known failures that no check can be; pytest shows it for the file, whatever is selected.

        Raises:
            ConfigError: ``known_failures`` names no check, or gives no reason.
        """
        super().__init_subclass__(**named)
        failures.validate(cls, cls.known_failures)

    @pytest.fixture(autouse=True)
    def _expect_known_failures(self, request: pytest.FixtureRequest) -> None:
        found = failures.expected(self.known_failures, request.node.name)
        if found is not None:
            name, reason = found
            request.applymarker(pytest.mark.xfail(reason=f"{reason} (known_failures: {name})", strict=True))

    @classmethod
    def teardown_class(cls) -> None:
        """End the workers."""
        if cls._bench is not None:
            cls._bench.close()
            cls._bench = None

    @classmethod
    def maker(cls) -> Callable[[], Backend]:
        """Return :attr:`make` as it was set."""
        made = getattr(cls, "make", None)  # asked of the class: an instance would bind a plain function
        if made is None:
            fail(f"set `make` in {cls.__name__}: the backend's class, or a function that gives it")
        if not reference_of(made):
            fail(f"{made!r} has no name in a module, so that no worker can import it")
        maker: Callable[[], Backend] = made
        return maker

    @classmethod
    def bench(cls) -> Bench:
        """Return the bench of this class; skips where the backend does not run."""
        if cls._bench is None:
            cls._bench = Bench(cls.maker(), cls.pythons, cls.seconds)
        found = cls._bench.availability
        if not found.ok:
            cls._absent(f"it does not run here: {found.reason} - {found.remedy}")
        return cls._bench

    @classmethod
    def _absent(cls, message: str) -> NoReturn:
        if cls.must_run:
            fail(message)
        pytest.skip(message)

    def source_of(self, model: Case) -> SourceSpec | None:
        """Return what the backend runs as *model*, where it does not run the ONNX file itself."""
        return None

    def session(self, model: Case, options: LoadOptions | None = None, watch: bool = False) -> CheckedSession:
        """Return a session of *model*, which the backend must be able to load."""
        bench = self.bench()
        try:
            return bench.session(model, options, watch, self.source_of(model))
        except BackendUnavailable as error:
            self._absent(f"availability() says that it runs here, and it does not: {error}")
        except OnnxAccelError as error:
            if error.code == "E_SCHEMA" and not getattr(bench.backend, "complete", True):
                pytest.skip(f"it is known not to be complete, and lacks this: {error}")
            fail(f"the model {model.name!r} cannot be loaded: {error}")

    def check_values(self, session: CheckedSession, model: Case, batch: int) -> None:
        """Check that *session* gives what NumPy gives for *model* at *batch*."""
        import numpy as np

        feeds = model.feeds(batch)
        outputs, expected = self.run(session, model, feeds), model.expected(feeds)
        names = list(outputs)
        require(names == list(expected), f"run() gives {names}, the model declares {list(expected)}")
        for name, value in expected.items():
            got, right = outputs[name], np.asarray(value)
            require(got.dtype == right.dtype, f"output {name!r} is {got.dtype}, declared is {right.dtype}")
            require(got.shape == right.shape, f"output {name!r} has shape {got.shape}, not {right.shape}")
            exact = right.dtype.kind != "f"
            near = np.array_equal(got, right) if exact else np.allclose(got, right, self.rtol, self.atol)
            require(near, f"output {name!r} is wrong\n  got      {got.tolist()}\n  expected {right.tolist()}")

    def run(self, session: CheckedSession, model: Case, feeds: Arrays) -> Arrays:
        """Return the outputs of a run that must succeed."""
        try:
            return session.run(feeds)
        except OnnxAccelError as error:
            fail(f"the model {model.name!r} does not run: {error}")

    def caught(self) -> list[str]:
        """Return what a watched session did wrong; found out once."""
        bench = self.bench()
        if bench.caught is None:
            model = case("dynamic_batch")
            session = self.session(model, watch=True)
            self.run(session, model, {"x": model.feeds(3)["x"] - 1})
            self.run(session, model, model.feeds(3))
            bench.caught = []
            try:
                session.close()
            except OnnxAccelError as error:
                if error.code != watched.Caught.code:
                    fail(f"close() failed: {error}")
                bench.caught = error.cause.splitlines()
        return bench.caught


def check_specs(side: str, found: Sequence[TensorSpec], arrays: Arrays) -> None:
    """Check that *found* names *arrays* in their order and dtypes; an undeclared dtype is accepted."""
    names = [spec.name for spec in found]
    require(names == list(arrays), f"info.{side} lists {names}, the model declares {list(arrays)}")
    for spec in found:
        right = arrays[spec.name].dtype.name
        require(spec.dtype in ("", right), f"info.{side} calls {spec.name!r} {spec.dtype}, it is {right}")


def check_refusal(what: str, codes: Sequence[str], call: Callable[[], object]) -> None:
    """Check that *call* raises :class:`ModelError` with one of *codes*."""
    try:
        call()
    except ModelError as error:
        # The worker's own code for an exception that nobody foresaw
        if error.code == "E_ERROR":
            fail(f"{what} must raise a ModelError, it raised {error.cause}")
        require(error.code in codes, f"{what} has the code {error.code}, not one of {codes}: {error.cause}")
    except OnnxAccelError as error:
        fail(f"{what} must raise a ModelError, it raised {error}")
    else:
        fail(f"{what} raised nothing")
