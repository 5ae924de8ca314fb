"""The table of fixtures; docs/fixtures.md is generated from here."""

from __future__ import annotations

from typing import NamedTuple


class Fixture(NamedTuple):
    """One fixture.

    Attributes:
        parametrized: what it is parametrized over.
        attributes: name (with arguments for a method) and one sentence for each.
    """

    name: str
    scope: str
    parametrized: str
    help: str
    attributes: tuple[tuple[str, str], ...]


FIXTURES: tuple[Fixture, ...] = (
    Fixture(
        "onnx_model",
        "session",
        "the models of `--onnx-model` and of the manifest",
        "A model under test. Without any model, tests that use it are skipped with the reason.",
        (
            ("name", "Its name in reports and test ids."),
            ("path", "Absolute path of the file as given; what runs is a private copy."),
            ("inputs", "The inputs to feed: name, dtype and shape of each."),
            ("outputs", "The outputs in the declared order: name, dtype and shape of each."),
            ("opset", "Version of the default operator domain."),
            ("producer", "Name of the tool that wrote the file."),
            (
                "info",
                "Everything that inspection found: operators, number of nodes, batch dimension and more.",
            ),
            (
                "sample(seed=0, batch=None)",
                "Legal inputs by name, the same for the same seed; at the model's own batch by default.",
            ),
        ),
    ),
    Fixture(
        "backend",
        "session",
        "the backends of `--onnx-backend` and of the manifest (else every runtime) and of `--onnx-require`",
        "A backend. One that does not run here is skipped with the reason, or fails when `--onnx-require` names it.",
        (
            ("name", "Its registered name, such as `ort-cpu`."),
            ("run(model, inputs)", "The outputs, in the declared order, of `onnx_model` or `frozen_batch`."),
        ),
    ),
    Fixture(
        "frozen_batch",
        "session",
        "the sizes of the marker `batch_size`, else of `--onnx-batch` or the manifest, else the model's own",
        "`onnx_model` frozen to one batch size, as a file that is proven to give what the original gives.",
        (
            ("name", "Name of the model it was made from."),
            ("path", "Absolute path of the file `{stem}-batch-{n}.onnx`."),
            ("batch_size", "The batch size."),
            (
                "method",
                "How it was obtained, the cheapest way that could be proven: `re-export` from the source where one is "
                "declared, `fixed`, `dims`, `rewrite`, `scan`, `unroll`; `as is` when the model already has this "
                "batch size.",
            ),
            ("edited", "What was changed in the model, a line each."),
            (
                "proof",
                "Figures of the proof: `samples` distinct ones at once against the model's own runs, `max_abs` and "
                "the other figures of a parity check; empty when the method is `as is`.",
            ),
            ("inputs", "The inputs to feed, with the batch size in place."),
            ("outputs", "The outputs in the declared order, with the batch size in place."),
            ("sample(seed=0)", "Legal inputs by name at this batch size, each sample distinct."),
        ),
    ),
    Fixture(
        "convert",
        "session",
        "nothing",
        'A function: `convert(source, loader=None, batch=None, inputs=(), outputs=(), exporter="", opset=None, '
        'rtol=None, atol=None, gives="onnx")` converts a source (a path relative to pytest\'s rootdir), proves that '
        "the result gives what the source gives, and returns it. What was converted once is taken from a cache. Where "
        "the framework is not installed the test is skipped with the reason, or fails when `--onnx-require` names it. "
        "What it returns has:",
        (
            ("path", "Absolute path of the converted file; it goes when the run ends."),
            ("kind", 'What it is: `onnx`, `saved_model` or `graphdef` (a `.pb`; `gives="pb"`).'),
            ("inputs", "What it takes: name, dtype and shape of each."),
            ("outputs", "What it gives: name, dtype and shape of each."),
            ("opset", "Version of the default operator domain; 0 for a result that is no ONNX."),
            ("cached", "It was taken from the cache."),
            ("notes", "Facts that qualify it, such as a module that was in training mode."),
            (
                "proof",
                "Figures of the comparison with the source; empty where TensorFlow must run it and is not here.",
            ),
            ('run(inputs, backend="ort-cpu")', "The outputs of an ONNX result by name."),
            ("copy(target)", "Saves it at a path."),
        ),
    ),
    Fixture(
        "round_trip",
        "session",
        "nothing",
        'A function: `round_trip(source, through=("onnx", "pb", "onnx"), loader=None, inputs=(), outputs=(), '
        "rtol=None, atol=None, required=False)` converts a source (a path relative to pytest's rootdir) leg by leg, "
        "runs every stop beside the one before it, and fails the test with the first leg that changes the model. A leg "
        "that cannot be taken skips the test, or fails it with `required=True`. What it returns has:",
        (
            ("message", "What was compared, in one line."),
            ("figures", "Worst error by leg, and of the whole trip."),
            ("notes", "Facts that qualify the stops."),
        ),
    ),
)
