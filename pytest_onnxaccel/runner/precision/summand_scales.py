"""How large what outputs are added up of is, when an output near zero is to be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_onnxaccel.backends.protocol import LoadOptions
from pytest_onnxaccel.checks.parity.case import Summands
from pytest_onnxaccel.core.errors import OnnxAccelError
from pytest_onnxaccel.numerics.compare.tolerance_floor import scale_of
from pytest_onnxaccel.runner.sessions.comparison_sides import derived
from pytest_onnxaccel.runner.sessions.model_session import ModelSession

if TYPE_CHECKING:
    from pytest_onnxaccel.backends.protocol import Array

_FUNCTION = "pytest_onnxaccel.graph.summands:summands"


def summand_scales(model_session: ModelSession, backend: str, path: str | None = None) -> Summands:
    """Return the scales of the summands of the model's outputs in *backend*; none where they are not available.

    Args:
        model_session: the model.
        backend: that it is run in.
        path: of a file derived from the model, instead of its own.
    """

    def asked(feeds: Sequence[Mapping[str, Array]]) -> dict[str, tuple[float, bool]]:
        target = derived(model_session, "summands")
        try:
            made = model_session.graph(_FUNCTION, source=path or model_session.path, target=target)
            if not made["outputs"]:
                return {}
            session = model_session.session(backend, target, LoadOptions(spin=False))
            runs = [session.run(sample) for sample in feeds]
        except OnnxAccelError:
            return {}  # then an output is judged at its own scale, as ever
        finally:
            model_session.forget(target)
        return {
            name: (max(scale_of(run[result]) for run in runs), name in made["long"])
            for name, result in made["outputs"].items()
        }

    return asked
