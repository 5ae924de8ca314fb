"""The table of markers. Every pytest run imports it, so it loads nothing; parsers are given by name."""

from __future__ import annotations

from typing import NamedTuple

import pytest


class Argument(NamedTuple):
    """One keyword of a marker.

    Attributes:
        type: what it takes, in words.
        parser: name of its parser in :mod:`~pytest_onnxaccel.plugin.markers.arguments`.
    """

    name: str
    type: str
    parser: str
    help: str


class Marker(NamedTuple):
    """One row of the table.

    Attributes:
        signature: the arguments as pytest shows them in ``--markers``.
        help: one sentence.
        example: a use, as written above a test.
        fixtures: what the test of the example asks for.
        arguments: by keyword; empty for a marker that takes positional sizes.
    """

    name: str
    signature: str
    help: str
    example: str
    fixtures: str
    arguments: tuple[Argument, ...] = ()

    @property
    def line(self) -> str:
        return f"{self.name}({self.signature}): {self.help}"


#: Every built-in check bears it, beside the name of its check.
ONNX = "onnx"

MARKERS: tuple[Marker, ...] = (
    Marker(
        "conversion_parity",
        "*, source=None, loader=None, reference=None, rtol=None, atol=None, seeds=None, decision=None, compare=None",
        "after the test's body, the model's outputs must agree with the source, the reference, or the "
        "default reference.",
        '@pytest.mark.conversion_parity(reference="onnx-tf", rtol=1e-3)',
        "onnx_model, backend",
        (
            Argument(
                "source",
                "path",
                "source",
                "Converted from: .onnx, .pth, .pt, .pt2, .pb, .meta, .keras, .h5, .tflite, a SavedModel.",
            ),
            Argument(
                "loader",
                "MODULE:CALLABLE",
                "loader",
                "Builds the module of a source that holds only weights; called without arguments.",
            ),
            Argument(
                "reference",
                "backend, path or MODULE:FUNCTION",
                "reference",
                "Backend, other .onnx file, source or function (parity.md) to agree with.",
            ),
            Argument("rtol", "number", "tolerance", "Relative tolerance."),
            Argument("atol", "number", "tolerance", "Absolute tolerance."),
            Argument("seeds", "whole numbers", "seeds", "Seeds of the inputs to try, such as range(3)."),
            Argument(
                "decision", "text or dict", "decision", "Decisions that must be the same on both sides, see parity.md."
            ),
            Argument(
                "compare",
                "text, or dict by output",
                "compare",
                'How outputs are compared, such as {"at": "ranked"}, see comparisons.md.',
            ),
        ),
    ),
    Marker(
        "batch_size",
        "*sizes",
        "run the test at these batch sizes; after its body, a batch must give what its samples give alone.",
        "@pytest.mark.batch_size(1, 3, 10)",
        "onnx_model, backend, frozen_batch",
    ),
    Marker(
        "latency_budget",
        "*, p50=None, p95=None, p99=None, speedup_over=None, regression=None, scenario=None, threads=None, "
        "advise=None, inconclusive=None",
        "after the test's body, one run of the model must stay within the budget.",
        '@pytest.mark.latency_budget(p95="12ms", speedup_over="onnx-tf:3")',
        "onnx_model, backend, frozen_batch",
        (
            Argument("p50", "duration", "duration", 'Upper limit of the median, such as "8ms".'),
            Argument("p95", "duration", "duration", "Upper limit of the 95th percentile."),
            Argument("p99", "duration", "duration", "Upper limit of the 99th percentile."),
            Argument("speedup_over", "BACKEND:FACTOR", "speedup", "Minimum speed-up over another backend."),
            Argument(
                "regression",
                "PERCENT or PERCENT git:REVISION",
                "regression",
                "Most that the model may be slower than the reference model, or than its own file at a revision.",
            ),
            Argument(
                "scenario",
                "single-stream, offline, server:RATE, server:TARGET or idle-gap:PAUSE",
                "scenario",
                'How the model is called, such as "server:100/s" or "idle-gap:50ms"; single-stream by default.',
            ),
            Argument(
                "threads",
                "whole number",
                "threads",
                "Intra-op threads; the runtime's own by default.",
            ),
            Argument("advise", "boolean", "advise", "Print what would make the model faster."),
            Argument(
                "inconclusive",
                "warn, fail or skip",
                "inconclusive",
                "What happens to the test when a measurement cannot decide; --onnx-inconclusive by default.",
            ),
        ),
    ),
    Marker(
        "preprocessing_parity",
        "*, reference, candidate, faster=None, shape=None, shapes=None, images=None, tolerance=None, atol=None, "
        "rtol=None, ulp=None, levels=None, inputs=None, range=None, dtype=None, arguments=None, "
        "reference_arguments=None, candidate_arguments=None, unordered=None, layout=None, examples=None, seed=None",
        "after the test's body, both functions must give the same result for every image.",
        '@pytest.mark.preprocessing_parity(reference="train.data:normalise", candidate="deploy.fast:normalise")',
        "",
        (
            Argument(
                "reference",
                "MODULE:FUNCTION or function",
                "function",
                "The function used in training: takes an image and returns an array.",
            ),
            Argument("candidate", "MODULE:FUNCTION or function", "function", "The deployed function."),
            Argument("faster", "number", "factor", "Minimum factor by which the candidate must be faster."),
            Argument("shape", "whole numbers", "image_shape", "Shape as deployed; (240, 320, 3) by default."),
            Argument("shapes", '"any" or sizes', "image_sizes", "Legal (height, width) sizes; any by default."),
            Argument(
                "images",
                "list, strategy, glob or MODULE:FUNCTION",
                "pair_images",
                "Own samples, tried first; or a hypothesis strategy, in place of the image programs.",
            ),
            Argument(
                "tolerance",
                "number or dict",
                "pair_tolerance",
                "Largest difference of floats, in units in the last place of the largest value; 4 by default.",
            ),
            Argument("atol", "number", "tolerance", "Absolute tolerance, for every type."),
            Argument("rtol", "number", "tolerance", "Relative tolerance, for every type."),
            Argument("ulp", "number", "tolerance", "The same as tolerance with a number."),
            Argument("levels", "number", "tolerance", "Largest difference of integers; 0 by default."),
            Argument(
                "inputs",
                "text or function",
                "pair_inputs",
                "What the functions are given: array, pil, bytes, jpeg, path, batch, list, table, signal, yuv420, "
                "text, or a function that makes it of an array.",
            ),
            Argument("range", "two numbers", "span", "Lowest and highest legal value."),
            Argument("dtype", "text", "element", "Element type of the images; uint8 by default."),
            Argument("arguments", "dict", "keywords", "Keywords that both functions get."),
            Argument("reference_arguments", "dict", "keywords", "Keywords of the reference alone."),
            Argument("candidate_arguments", "dict", "keywords", "Keywords of the candidate alone."),
            Argument(
                "unordered",
                "boolean or paths",
                "unordered",
                "Rows of the result may come in any order, such as detections.",
            ),
            Argument("layout", "text", "layout", "Memory layout of the result: any, same as the reference's, or C."),
            Argument("examples", "whole number", "examples", "Random images to try; --onnx-fuzz-examples wins."),
            Argument("seed", "whole number", "seed", "Seed of the random images; --onnx-seed by default."),
        ),
    ),
    Marker(
        "fold_in",
        "*, model, preprocess, mean, scale, target=None, method=None, layout=None, channel_order=None, images=None, "
        "backend=None, rtol=None, atol=None",
        "after the test's body, the model with the preprocessing in its graph must give what both give apart.",
        '@pytest.mark.fold_in(model="model.onnx", preprocess="train.data:normalise", mean=127, scale=1 / 128)',
        "",
        (
            Argument("model", "path", "fold_model", "The .onnx file, from the rootdir."),
            Argument(
                "preprocess",
                "MODULE:FUNCTION or function",
                "function",
                "The reference: takes an image (uint8, height x width x channels), gives what the model takes.",
            ),
            Argument("mean", "number or numbers", "numbers", "In levels of the image, for all channels or for each."),
            Argument("scale", "number or numbers", "numbers", "Factor after the mean is subtracted."),
            Argument("target", "path", "fold_target", "The .onnx file to write once it is proven; none by default."),
            Argument("method", "prepend or conv", "fold_method", "In front of the graph, or in its first convolution."),
            Argument("layout", "NHWC, HWC or NCHW", "fold_layout", "Layout of the new input; NHWC by default."),
            Argument(
                "channel_order", "same or reversed", "fold_order", "Whether the preprocessing exchanges RGB and BGR."
            ),
            Argument(
                "images",
                "list, glob or MODULE:FUNCTION",
                "pair_images",
                "Images of the model's size; random ones by default.",
            ),
            Argument("backend", "backend", "backend", "Backend that runs both models; ort-cpu by default."),
            Argument("rtol", "number", "tolerance", "Relative tolerance."),
            Argument("atol", "number", "tolerance", "Absolute tolerance."),
        ),
    ),
)

#: Markers whose check needs no model.
WITHOUT_MODEL = frozenset(("preprocessing_parity", "fold_in"))

BY_NAME = {marker.name: marker for marker in MARKERS}

#: Names of the marks that somebody registered, read once: a run may have ten thousand tests with marks of its own.
_REGISTERED = pytest.StashKey[frozenset[str]]()

#: Marks of pytest itself.
_USUAL = frozenset(("filterwarnings", "parametrize", "skip", "skipif", "usefixtures", "xfail"))


def marked(node: pytest.Item, of_models: bool = False) -> bool:
    """Return whether *node* carries one of our marks; with *of_models*, one whose check needs a model."""
    names = BY_NAME.keys() - WITHOUT_MODEL if of_models else BY_NAME
    return any(node.get_closest_marker(name) is not None for name in names)


def strange(node: pytest.Item) -> list[pytest.Mark]:
    """Return the marks of *node* that nobody registered."""
    marks = [mark for mark in node.iter_markers() if mark.name not in _USUAL and mark.name not in BY_NAME]
    if not marks:
        return []
    registered = node.config.stash.get(_REGISTERED, None)
    if registered is None:
        lines = node.config.getini("markers")
        registered = frozenset(line.partition(":")[0].partition("(")[0].strip() for line in lines)
        node.config.stash[_REGISTERED] = registered
    return [mark for mark in marks if mark.name not in registered]


def register(config: pytest.Config) -> None:
    """Declare the markers of the table; part of ``pytest_configure``."""
    config.addinivalue_line("markers", f"{ONNX}: every built-in check of a model, as -m onnx selects them.")
    for marker in MARKERS:
        config.addinivalue_line("markers", marker.line)
