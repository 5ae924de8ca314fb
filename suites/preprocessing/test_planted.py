"""Every planted fault is found with its kind and a small image; no equivalent pair is called different."""

from __future__ import annotations

import time

import numpy as np
import pytest

from pytest_onnxaccel.preprocessing import KINDS, compare
from suites.preprocessing.field.run import PAIRS as FIELD
from suites.preprocessing.functions.equivalents import PAIRS
from suites.preprocessing.functions.fault import Fault
from suites.preprocessing.planted import FAULTS


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_found_with_its_kind(fault: Fault) -> None:
    report = compare(fault.reference, fault.candidate, **fault.arguments)
    assert not report.equivalent
    assert report.kind == fault.kind, str(report)
    assert report.minimal is not None
    assert report.minimal.shape[0] * report.minimal.shape[1] <= fault.pixels, str(report)
    assert report.sentence
    assert report.sentence in str(report)


@pytest.mark.parametrize(("name", "reference", "candidate", "arguments"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_no_false_alarm(name, reference, candidate, arguments) -> None:
    report = compare(reference, candidate, **arguments)
    assert report.equivalent, str(report)
    assert report.proof.standard > 40
    assert report.proof.fuzzed >= 40


def test_the_set_covers_the_vocabulary() -> None:
    further = {kind for one in FIELD for kind in one.kinds}
    assert {fault.kind for fault in FAULTS} | further == set(KINDS)
    assert len(FAULTS) >= 20
    assert len(PAIRS) >= 10


def test_the_whole_set_within_its_budget() -> None:
    compare(PAIRS[0][1], PAIRS[0][2])
    start = time.process_time()
    for fault in FAULTS:
        compare(fault.reference, fault.candidate, **fault.arguments)
    assert time.process_time() - start < 20


def test_a_fast_pair_is_decided_within_seconds() -> None:
    _, reference, candidate, arguments = next(pair for pair in PAIRS if pair[0] == "tiled_mean")
    compare(reference, candidate, **arguments)
    start = time.process_time()
    report = compare(reference, candidate, **arguments)
    assert report.proof.exhaustive == "per-channel 256 values"
    assert time.process_time() - start < 3


AT_ONE_SIZE = [fault for fault in FAULTS if fault.kind != "shape-tail"]


@pytest.mark.parametrize("fault", AT_ONE_SIZE, ids=[fault.name for fault in AT_ONE_SIZE])
def test_found_where_one_size_is_legal(fault: Fault) -> None:
    report = compare(fault.reference, fault.candidate, shape=(48, 64, 3), shapes=[(48, 64)], **fault.arguments)
    assert report.kind == fault.kind, str(report)
    assert report.minimal is not None
    assert report.minimal.shape == (48, 64, 3)


def test_a_seed_changes_the_images_not_the_finding() -> None:
    fault = next(fault for fault in FAULTS if fault.name == "with_antialias")
    kinds = {compare(fault.reference, fault.candidate, seed=seed).kind for seed in range(3)}
    assert kinds == {fault.kind}


def test_only_fuzzing_and_proof_find_what_the_standard_images_miss() -> None:
    def off_for_one_colour(image):
        out = image.astype(np.float32) @ np.array([0.25, 0.5, 0.25], np.float32)
        return np.where((image == (12, 34, 56)).all(-1), out + 1, out)

    def grey(image):
        return image.astype(np.float32) @ np.array([0.25, 0.5, 0.25], np.float32)

    report = compare(grey, off_for_one_colour)
    assert report.found_on == "all colours", str(report)
    assert report.minimal is not None
    assert report.minimal.tolist() == [[[12, 34, 56]]]
