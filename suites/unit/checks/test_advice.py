"""What is tried, what counts as help, how winners are combined: no model, no clock."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from pytest_onnxaccel.checks.advice.candidates import Setup, Surroundings, Trial, trials
from pytest_onnxaccel.checks.advice.recommend import Advice, combined, judged, winners
from pytest_onnxaccel.checks.advice.speedup import Finding, Gain, Outcome
from suites.unit.fakes import info_of, tensor

INFO = info_of([tensor("x", 1, 4)], [tensor("y", 1, 4)], 1)
ALL = ("level", "threads", "spin", "arena", "binding")
AROUND = Surroundings(INFO, ALL, None, 4, ("ort-cuda",))

REAL, NONE = Gain(2.0, 1.8, 2.2), Gain(1.01, 0.97, 1.04)


def kinds(around: Surroundings) -> set[str]:
    return {trial.kind for trial in trials(around)[0]}


def test_everything_is_tried_where_everything_applies() -> None:
    listed, without = trials(AROUND)
    assert {t.kind for t in listed} == {
        "initializers", "simplify", "float16", "int8", "level", "threads", "spin", "arena", "binding", "provider",
    }  # fmt: skip
    assert not without
    assert [t.setup.options for t in listed if t.kind == "threads"] == [{"threads": n} for n in (1, 2, 4)]
    assert [t.setup.backend for t in listed if t.kind == "provider"] == ["ort-cuda"]


def test_precisions_of_providers_hold_for_their_own_backend() -> None:
    own, theirs = (("TF32", (("use_tf32", "1"),)),), (("FP16", (("precision", "FP16"),)),)
    around = replace(AROUND, others=("ort-openvino",), tries={"": own, "ort-openvino": theirs})
    found = {t.title: t for t in trials(around)[0] if t.kind == "provider"}
    assert list(found) == ["TF32", "backend ort-openvino", "backend ort-openvino, FP16"]
    tf32, fp16 = found["TF32"].setup, found["backend ort-openvino, FP16"].setup
    threads = Setup(options={"threads": 1})
    assert threads.with_(tf32).options == {"threads": 1, "provider": (("use_tf32", "1"),)}
    for both in (tf32.with_(threads).with_(fp16), fp16.with_(threads).with_(tf32)):
        assert both == Setup(options={"threads": 1, "provider": (("precision", "FP16"),)}, backend="ort-openvino")


@pytest.mark.parametrize(
    ("changes", "kind", "why"),
    [
        ({"tunes": ()}, "level", "no such option"),
        ({"tunes": ()}, "arena", "no such option"),
        ({"tunes": ()}, "binding", "no such option"),
        ({"tunes": ("level",)}, "spin", "no such option"),
        ({"threads": 2}, "threads", "pins the threads"),
        ({"cores": 1}, "threads", "one core"),
        ({"threads": 1}, "spin", "none to wait for"),
        ({"cores": 1}, "spin", "none to wait for"),
        ({"others": ()}, "provider", "no other one"),
    ],
)
def test_what_does_not_apply_is_named_with_its_reason(changes: dict, kind: str, why: str) -> None:
    around = replace(AROUND, **changes)
    assert kind not in kinds(around)
    (finding,) = [f for f in trials(around)[1] if f.kind == kind]
    assert finding.outcome is Outcome.NOT_APPLICABLE
    assert why in finding.line()


@pytest.mark.parametrize(
    ("gain", "outcome"),
    [
        (Gain(2.0, 1.8, 2.2), Outcome.HELPS),
        (Gain(1.2, 0.99, 1.4), Outcome.NO_GAIN),  # the interval includes no gain
        (Gain(1.2, 1.0, 1.4), Outcome.NO_GAIN),
        (Gain(1.02, 1.01, 1.03), Outcome.NO_GAIN),  # certain, and too small to tell from luck
        (Gain(0.8, 0.7, 0.9), Outcome.NO_GAIN),
        (Gain(1.3, 1.1, 1.5, control=1.15), Outcome.UNDECIDED),  # the machine shows as much where there is none
        (Gain(2.0, 1.8, 2.2, control=1.15), Outcome.HELPS),
        (Gain(0.7, 0.5, 0.9, control=1.15), Outcome.NO_GAIN),  # slower in any case
        (Gain(2.0, 0.0, math.inf), Outcome.UNDECIDED),  # too few pairs to say anything
    ],
)
def test_a_gain_is_only_claimed_where_all_of_its_interval_is_one(gain: Gain, outcome: Outcome) -> None:
    finding = judged(trials(AROUND)[0][0], gain, 0.0)
    assert finding.outcome is outcome
    assert gain.real is (outcome is Outcome.HELPS)


def tried(**gains: Gain) -> list[tuple[Trial, Finding]]:
    """The trials of these kinds with their gains; of a kind with several, all the same."""
    return [(t, judged(t, gains[t.kind], 0.0)) for t in trials(AROUND)[0] if t.kind in gains]


def test_winners_are_the_best_of_each_kind_by_what_is_certain() -> None:
    listed = [t for t in trials(AROUND)[0] if t.kind in ("threads", "spin")]
    lows = {1: 1.2, 2: 1.7, 4: 1.5}
    found = [(t, judged(t, Gain(2.0, lows.get(t.setup.options.get("threads", 0), 1.9), 3.0), 0.0)) for t in listed]
    assert [t.title for t in winners(found)] == ["no spinning between calls", "2 intra-op threads"]


def test_what_others_build_on_comes_first() -> None:
    order = winners(tried(simplify=Gain(2.6, 2.5, 2.7), initializers=Gain(2.5, 2.4, 2.6), arena=Gain(9, 8, 9)))
    assert [t.kind for t in order] == ["arena", "initializers", "simplify"]


def test_nothing_without_a_gain_wins() -> None:
    assert winners(tried(initializers=NONE, arena=Gain(1.3, 1.1, 1.5, control=1.2))) == []
    assert combined([], lambda before, after: REAL) == (Setup(), (), {})


def test_winners_are_taken_where_they_add_something() -> None:
    asked: list[tuple[Setup, Setup]] = []

    def further(before: Setup, after: Setup) -> Gain | None:
        asked.append((before, after))
        return {"arena": REAL, "binding": NONE, "spin": None}[next(k for k in after.options if k not in before.options)]

    won = winners(
        tried(initializers=Gain(3, 2.9, 3.1), arena=REAL, binding=Gain(1.5, 1.4, 1.6), spin=Gain(1.2, 1.1, 1.3))
    )
    setup, titles, left = combined(won, further)
    assert setup == Setup(("initializers",), {"arena": False})
    assert titles == ("initializers out of the inputs", "no memory arena")
    assert left["I/O binding"].startswith("no gain on top of the others: 1.01")
    assert "not the model" in left["no spinning between calls"]
    assert [before.options for before, _ in asked] == [{}, {"arena": False}, {"arena": False}]


def test_simplification_contains_the_initializers() -> None:
    won = winners(tried(simplify=REAL))
    setup, titles, _ = combined(won, lambda before, after: REAL)
    assert setup.steps == ("initializers", "simplify")
    assert titles == ("graph simplification",)


def test_float16_and_int8_exclude_each_other() -> None:
    won = winners(tried(float16=Gain(3, 2.9, 3.1), int8=REAL))
    setup, _, left = combined(won, lambda before, after: REAL)
    assert setup.steps == ("initializers", "float16")
    assert "exclude each other" in left["int8 weights (dynamic quantisation)"]


def test_the_whole_must_be_confirmed() -> None:
    found = Advice((), Setup(("initializers",)), ("initializers out of the inputs",))
    assert found.confirmed(REAL).advised
    for whole in (NONE, None, Gain(1.3, 1.1, 1.5, control=1.2)):
        refused = found.confirmed(whole)
        assert not refused.advised
        assert refused.setup == Setup()
        assert refused.titles == ()
        assert "not confirmed as a whole" in refused.left["initializers out of the inputs"]
        assert refused.lines()[0].startswith("advised: nothing")


def test_lines_and_json_say_the_same() -> None:
    arena, binding = (f for _, f in tried(arena=REAL, binding=NONE))
    refused = Finding("float16", "float16", Outcome.REFUSED, why="output 'y' differs")
    absent = Finding("provider", "another backend", Outcome.NOT_APPLICABLE, why="no other one runs here")
    throughput = Finding("batch", "throughput at batch 4", Outcome.HELPS, REAL)
    found = Advice(
        (arena, binding, refused, absent), Setup(options={"arena": False}), ("no memory arena",), REAL,
        throughput=throughput, files=("d/m.onnx",),
    )  # fmt: skip
    assert found.lines() == [
        "advised: no memory arena: 2.00 times as fast (1.80 to 2.20)",
        "no memory arena: 2.00 times as fast (1.80 to 2.20)",
        "throughput at batch 4: 2.00 times as fast (1.80 to 2.20)",
        "float16: refused: output 'y' differs",
        "no gain: I/O binding (0.97 to 1.04)",
        "not applicable: another backend (no other one runs here)",
        "written: d/m.onnx",
    ]
    data = json.loads(json.dumps(found.to_json()))
    assert data["advised"] == ["no memory arena"]
    assert data["gain"] == {"ratio": 2.0, "low": 1.8, "high": 2.2, "control": 1.0}
    assert data["setup"] == {"steps": [], "options": {"arena": False}, "backend": ""}
    assert [item["outcome"] for item in data["tried"]] == ["helps", "no gain", "refused", "not applicable"]
    assert data["lines"] == found.lines()


def test_an_undecided_trial_names_the_machine() -> None:
    few = judged(trials(AROUND)[0][0], Gain(1.3, 0.0, math.inf), 0.0)
    assert few.line().endswith("undecided: 1.30 times as fast (no bounds: too few pairs in the time)")
    finding = judged(trials(AROUND)[0][0], Gain(1.3, 1.1, 1.5, control=1.2), 0.0)
    assert finding.line().endswith(
        "undecided: 1.30 times as fast (1.10 to 1.50), on a machine that shows 1.20 between equal sessions"
    )
