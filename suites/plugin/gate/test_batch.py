"""The batch check and ``frozen_batch`` in a run of pytest: enforcement in each backend, the sweep, who is to blame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fixtures import graphs


def test_a_frozen_batch_is_enforced_in_every_backend_with_a_sentence(gate: Callable, save: Callable) -> None:
    run = gate(
        f"--onnx-model={save(graphs.small_cnn())}", "--onnx-backend=ort-cpu", "--onnx-backend=reference", "-k", "batch["
    )
    assert run.status == 0, run.out
    for backend in ("ort-cpu", "reference"):
        row = run.row("batch", backend)
        assert row["figures"]["refuses"].startswith("the model is frozen to batch 1 and was fed batch 2")
        assert row["message"] == "frozen at batch 1 and refuses others; proven at batch 3 (dims)"


def test_named_sizes_of_a_dynamic_model_are_swept(gate: Callable, save: Callable) -> None:
    model = save(graphs.small_cnn(batch="N"))
    run = gate(f"--onnx-model={model}", "--onnx-backend=ort-cpu", "--onnx-batch=5", "-k", "batch[")
    figures = run.row("batch")["figures"]
    assert figures["sizes"] == [1, 2, 3, 5, 7, 10, 16]
    assert figures["shuffled"] == [2, 3, 5, 7, 10, 16]
    assert figures["samples"] == 16


def test_a_batch_that_is_mixed_is_refused_with_its_node(gate: Callable, save: Callable, tmp_path: Path) -> None:
    (tmp_path / "test_ours.py").write_text(
        "import pytest\n\n@pytest.mark.batch_size(8)\ndef test_ours(onnx_model, backend, frozen_batch): ...\n"
    )
    model = save(graphs.mixes_samples(batch=4))
    run = gate("test_ours.py", f"--onnx-model={model}", "--onnx-backend=ort-cpu", "--onnx-batch=8")
    assert run.status == 1
    assert run.failed().count(("batch", "V_BATCH")) == 1
    assert "its samples depend on each other" in run.row("batch")["message"]
    assert "Softmax 'softmax' (it works along axis 0" in run.row("batch")["message"]
    (line,) = [line for line in run.out.splitlines() if line.startswith("onnxaccel[V_BATCH]")][:1]
    assert "Softmax 'softmax'" in line


def test_the_proof_and_the_edits_are_on_the_fixture(gate: Callable, save: Callable, tmp_path: Path) -> None:
    (tmp_path / "test_ours.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.batch_size(1, 3)\n"
        "def test_ours(onnx_model, backend, frozen_batch):\n"
        "    if frozen_batch.batch_size == 1:\n"
        "        assert (frozen_batch.method, frozen_batch.edited, frozen_batch.proof) == ('as is', (), {})\n"
        "    else:\n"
        "        assert frozen_batch.method == 'dims'\n"
        "        assert \"input 'image': 1x3x8x8 -> 3x3x8x8\" in frozen_batch.edited\n"
        "        assert frozen_batch.proof['samples'] == 3\n"
        "        assert frozen_batch.proof['max_abs'] < 1e-6\n"
    )
    run = gate("test_ours.py", f"--onnx-model={save(graphs.small_cnn())}", "--onnx-backend=ort-cpu")
    assert (run.status, "8 passed" in run.out) == (0, True), run.out
