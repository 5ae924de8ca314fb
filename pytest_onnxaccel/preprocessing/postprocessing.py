"""Is the deployed postprocessing still the one of the training? ``postprocessing_parity(reference, candidate)``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.preprocessing.compare import assert_equivalent
from pytest_onnxaccel.preprocessing.inputs.model_outputs import generated
from pytest_onnxaccel.preprocessing.report import Report
from pytest_onnxaccel.preprocessing.side import Function


def postprocessing_parity(
    reference: Function,
    candidate: Function,
    *,
    outputs: Any = None,
    samples: Iterable[Any] | None = None,
    unordered: bool | Sequence[str] = True,
    seed: int = 0,
    **arguments: Any,
) -> Report:
    """Compare two functions of a model's outputs: box decoding, suppression of overlaps, maps of labels.

    Args:
        reference: what evaluation used.
        candidate: what is deployed.
        outputs: what the model gives, ``(content, shape)`` each: ``[("boxes", (1, 4420, 4)), ("probabilities",
            (1, 4420, 2))]`` for functions of two arguments, a dict for functions of one dict. Contents are ``boxes``,
            ``centres``, ``deltas``, ``probabilities``, ``sigmoids``, ``logits``, ``labels`` and ``(low, high)``.
        samples: outputs that a model really gave, tried first; a tuple is several arguments.
        unordered: rows of the results may come in any order: True, or the paths of those parts; False for maps.
        seed: of the outputs that are made up.
        arguments: further arguments of :func:`~pytest_onnxaccel.preprocessing.compare`, such as ``atol=1e-4``.

    Returns:
        The report of a comparison that passed.

    Raises:
        CheckFailure: the two differ, or nothing could be compared. ``.report`` is the report.
        ConfigError: neither *outputs* nor *samples*, or an argument cannot be used.
    """
    if outputs is None and samples is None:
        raise ConfigError(
            "postprocessing_parity has no outputs to compare on",
            remedy='give outputs=[("boxes", (1, 100, 4)), ("sigmoids", (1, 100))], or samples= of a model',
        )
    own = list(samples) if samples is not None else []
    made = generated(outputs, seed) if outputs is not None else []
    # A single array is one argument; wrapped, it is not taken for an image
    handed = [sample if isinstance(sample, (tuple, dict)) else (sample,) for sample in own]
    return assert_equivalent(
        reference, candidate, images=[*handed, *made], inputs="array", unordered=unordered, seed=seed, **arguments
    )
