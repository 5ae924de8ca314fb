"""The batch check on the corpus of exported modules: nothing wrong accepted, nothing right refused, no mixing missed.

Torch is the yardstick: whether it keeps the samples of a batch apart, and whether the exported file does as it does.
The tables at the end (see them with ``-s``) say what became of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from suites.batch.judge import SIZES, Judged, check, errors_against_torch, export_dynamic, keeps_apart
from suites.rebatch.cases import Case, export
from suites.rebatch.corpus import BAKED, CASES, MIXING

#: Exported by the other exporter as well: recurrent and attention models, and what a detector ends in.
BOTH = ("detector_heads_new", "lstm_last", "lstm_states", "gru_sequence_first", "vit", "mha", "causal_mask")
FROZEN = [*CASES, *(replace(c, dynamo=not c.dynamo) for c in CASES if c.name in BOTH)]


def title(item: Case) -> str:
    return f"{item.name} ({'dynamo' if item.dynamo else 'script'})"


def kind(item: Case) -> str:
    return "mixes" if item.name in MIXING else "baked" if item.name in BAKED else "good"


class Table:
    """Lines by module, printed once the tests of this file are through."""

    def __init__(self) -> None:
        self.frozen: dict[str, tuple[str, str, Judged]] = {}
        self.dynamic: dict[str, tuple[str, str]] = {}

    def show(self) -> None:
        print(f"\n\nfrozen at 1, asked for {', '.join(map(str, SIZES))}")
        print(f"{'model':30}{'kind':7}{'verdict':9}max abs   method")
        for name, (what, torch_says, judged) in self.frozen.items():
            figures = judged.result.figures
            methods = " ".join(m for m in dict.fromkeys(figures["method"].values()) if m != "as is")
            error = f"{figures.get('max_abs', 0):.1e}"
            print(f"{name:30}{what:7}{judged.result.verdict:9}{error:10}{methods}  {torch_says}")
        print(f"\ndynamic batch\n{'model':30}{'kind':7}{'check':26}the exported file, by torch at batch 5")
        for name, (verdict, truth) in self.dynamic.items():
            print(f"{name:37}{verdict:26}{truth}")
        passed = sum(judged.result.verdict == "passed" for _, _, judged in self.frozen.values())
        exact = sum(judged.result.figures.get("max_abs") == 0 for _, _, judged in self.frozen.values())
        print(f"\nfrozen: {passed} of {len(self.frozen)} proven at every size, {exact} of them bit for bit")


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    found = Table()
    yield found
    found.show()


def integers(item: Case, path: Path) -> tuple[str, ...]:
    """Inputs that hold indices, of which a file says nothing."""
    from suites.rebatch.proof import session

    return tuple(value.name for value in session(path).get_inputs()) if item.integers else ()


@pytest.mark.parametrize("item", FROZEN, ids=title)
def test_frozen_at_one_is_proven_at_every_size(item: Case, table: Table, tmp_path: Path) -> None:
    path = export(item, tmp_path)
    judged = check(path, integers=integers(item, path), freeze=True)
    result = judged.result
    assert result.verdict == "passed", result
    assert result.figures["sizes"] == list(SIZES)
    assert result.figures["shuffled"] == [3, 10, 16]
    wrong = ""
    if kind(item) == "good":
        # A yardstick of its own: what was accepted is what torch gives for the whole batch
        for size in (3, 10):
            wrong = wrong or errors_against_torch(item, judged.files[size], size)
    table.frozen[title(item)] = (kind(item), wrong or ("as torch" if kind(item) == "good" else ""), judged)
    assert not wrong
    methods = set(result.figures["method"].values()) - {"as is"}
    assert len(methods) == 1
    # Samples of a batch of 1 see no other: only copies of the model keep them apart
    assert (kind(item) != "mixes") or methods <= {"scan", "unroll"}
    if methods == {"dims"}:
        # Where only dimensions are edited, another result is another kernel's rounding
        assert result.figures["max_ulp"] is None or result.figures["max_ulp"] <= 64


@pytest.mark.parametrize("item", CASES, ids=title)
def test_a_dynamic_batch_is_judged_as_torch_does(item: Case, table: Table, tmp_path: Path) -> None:
    path = export_dynamic(item, tmp_path)
    if isinstance(path, str):
        table.dynamic[title(item)] = (f"{kind(item):7}-", path)
        assert kind(item) == "baked", path
        return
    result = check(path, sizes=(), integers=integers(item, path)).result
    wrong = errors_against_torch(item, path, 5)
    apart = kind(item) == "good" or keeps_apart(item)
    truth = wrong or ("right" if apart else "as torch, which mixes samples")
    table.dynamic[title(item)] = (f"{kind(item):7}{result.verdict} {result.code}", truth)
    if item.name == "scalar_loss":  # one number for a batch by its nature: no sample has a result of its own
        assert (result.verdict, result.code) == ("not_applicable", "V_BATCH")
        return
    assert result.verdict == ("passed" if truth == "right" else "failed"), result


def test_the_corpus_is_large_enough() -> None:
    assert len(CASES) >= 30
    assert len(MIXING) >= 5
