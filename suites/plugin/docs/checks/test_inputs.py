"""The example of docs/inputs.md does what the page says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import onnx

from fixtures import graphs

PAGE = (Path(__file__).parents[4] / "docs" / "inputs.md").read_text(encoding="utf-8")


def test_sizes_by_name_are_what_runs(gate: Callable, tmp_path: Path) -> None:
    found = re.search(r"<!-- example: manifest -->\n```toml\n(.*?)\n```", PAGE, re.DOTALL)
    assert found
    (tmp_path / "onnxaccel.toml").write_text(found[1])
    onnx.save(graphs.int_tokens(), tmp_path / "tagger.onnx")
    run = gate("-k", "contract or parity")
    assert run.status == 0, run.out
    row = run.row("contract")
    assert row["figures"]["dims"] == {"T": 5}
    assert any("also T=12" in note for note in row["notes"])
    assert not row["figures"]["guessed_sizes"]
    told = row["figures"]["inputs"]["ids"]
    assert told["origin"] == "graph"
    assert told["domain"]["kind"] == "index"
