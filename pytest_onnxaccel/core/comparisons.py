"""How an output is compared, what a graph says of its outputs, and faults that the user accepts by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any, ClassVar

from pytest_onnxaccel.core.frozen import record


@record(frozen=True)
class Comparison:
    """How one output is compared.

    Attributes:
        kind: one of :attr:`KINDS`.
        limit: of ``cosine``, ``psnr``, ``sqnr``: the least that passes (psnr and sqnr in dB); of ``steps``: the largest
            difference that passes.
        function: of ``function``: ``package.module:function``.
        scores: of ``ranked`` and ``rows``: the output, or the value inside the model, that the order comes from.
        axis: of ``ranked`` and ``rows``: along which the order runs, as of the output with the scores.
        origin: where the user said so; empty where the graph did.
    """

    #: By name, what each is for, as messages and docs say.
    KINDS: ClassVar[Mapping[str, str]] = {
        "elementwise": "each element",
        "ranked": "indices, by the scores they point at",
        "rows": "rows sorted by a score, where near ties may swap",
        "decision": "the largest element along the last axis",
        "steps": "whole numbers, one step apart at most",
        "cosine": "cosine, at least the limit",
        "psnr": "peak signal to noise in dB, at least the limit",
        "sqnr": "signal to quantization noise in dB, at least the limit",
        "function": "a function of one's own",
    }
    #: Kinds whose limit must be given: none is right for every model.
    LIMITED: ClassVar[tuple[str, ...]] = ("cosine", "psnr", "sqnr")

    kind: str = "elementwise"
    limit: float | None = None
    function: str = ""
    scores: str = ""
    axis: int | None = None
    origin: str = ""

    def __str__(self) -> str:
        return self.function or (self.kind if self.limit is None else f"{self.kind}:{self.limit:g}")


@record(frozen=True)
class Ranking:
    """An output that holds the indices of an operator that ranks.

    Attributes:
        operator, node: which operator gives them.
        scores: the value that it ranks.
        axis: along which it ranks, of *scores*.
        sorted: the indices come in the order of their scores.
        several: it gives several along the axis (TopK), each of them once.
        values: the output that holds the scores of these indices; empty without one.
        labels: what stands for each index in the output; empty where it holds the indices themselves.
    """

    operator: str
    node: str
    scores: str
    axis: int
    sorted: bool = True
    several: bool = False
    values: str = ""
    labels: tuple[int | float | str, ...] = ()


@record(frozen=True)
class Suppression:
    """What a NonMaxSuppression reads and gives.

    Attributes:
        boxes, scores, chosen: names of the values.
        limits: most boxes of a class, the overlap, the least score; the name of the value where one is computed.
        center: boxes are given by center and size.
    """

    boxes: str
    scores: str
    chosen: str
    limits: tuple[float | str, float | str, float | str]
    center: bool = False


@record(frozen=True)
class Ordering:
    """An output whose order along an axis comes from an operator that sorts by score.

    Attributes:
        operator, node: which operator sorts.
        axis: along which the order runs, of the output, counted from its end (-1 for the last).
        values: the value that holds the sorted scores; empty where there is none.
        sorted: it gives them in the order of their scores.
        suppression: of NonMaxSuppression.
    """

    operator: str
    node: str
    axis: int
    values: str = ""
    sorted: bool = True
    suppression: Suppression | None = None


@record(frozen=True)
class OutputFacts:
    """What a graph says of its outputs, by their names.

    Attributes:
        rankings: those that hold indices into scores.
        orderings: those whose rows are sorted by a score.
        steps: those that hold what QuantizeLinear or its like rounds: ``QuantizeLinear 'to_bytes'``.
        random: those that operators have a part in which draw numbers: ``RandomNormalLike 'eps'``.
    """

    rankings: Mapping[str, Ranking] = field(default_factory=dict)
    orderings: Mapping[str, Ordering] = field(default_factory=dict)
    steps: Mapping[str, str] = field(default_factory=dict)
    random: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    #: Operators without which there is nothing of the kind in a graph, so that nobody needs to look.
    OPERATORS: ClassVar[frozenset[str]] = frozenset({
        "TopK", "NonMaxSuppression", "ArgMax", "ArgMin", "TreeEnsembleClassifier", "LinearClassifier",
        "SVMClassifier", "QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv",
        "QLinearMatMul", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearSoftmax", "QLinearConcat",
        "QLinearLeakyRelu", "QLinearGlobalAveragePool", "QLinearAveragePool", "QGemm", "RandomNormal",
        "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout",
    })  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OutputFacts:
        return cls(
            {name: Ranking(**{**item, "labels": tuple(item["labels"])}) for name, item in data["rankings"].items()},
            {name: _ordering(item) for name, item in data["orderings"].items()},
            dict(data["steps"]),
            {name: tuple(nodes) for name, nodes in data["random"].items()},
        )


def _ordering(item: Mapping[str, Any]) -> Ordering:
    known = item["suppression"]
    found = Suppression(**{**known, "limits": tuple(known["limits"])}) if known else None
    return Ordering(**{**item, "suppression": found})


@record(frozen=True)
class KnownFault:
    """A fault that the user accepts in one check.

    Attributes:
        check: the check as ids name it: ``parity[ort-cpu~reference]``, ``structure``.
        code: that it fails with.
        reason: why that is accepted.
        outputs: the only outputs that may be at fault; empty for any.
    """

    check: str
    code: str
    reason: str
    outputs: tuple[str, ...] = ()
    origin: str = ""
