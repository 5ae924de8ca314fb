"""What the walk over a graph costs beside the quick checks of the same model; a ratio, both in one run.

    python benchmarks/input_walk.py [--nodes N] [--rounds N]

The model is a chain of blocks of eight nodes behind an embedding. The walk is timed in this process, as a worker runs
it; the quick checks are all built-in checks but latency, on ort-cpu alone, as a user starts them, less pytest's own
start-up. Wall time and the processor time of all processes are both told: a full machine spoils the first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).parent))
from quick_checks import taken

from pytest_onnxaccel.graph.inputs.facts import input_facts


def chain(nodes: int) -> onnx.ModelProto:
    """A model of about *nodes* nodes, of the kinds that exporters write."""
    width = 16
    rng = np.random.default_rng(0)
    made = [helper.make_node("Gather", ["table", "ids"], ["x0"])]
    tensors = [numpy_helper.from_array(rng.standard_normal((100, width)).astype(np.float32), "table")]
    for block in range(nodes // 8):
        x = f"x{block}"
        weights = (rng.standard_normal((width, width)) / width**0.5).astype(np.float32)
        tensors += [
            numpy_helper.from_array(weights, f"w{block}"),
            numpy_helper.from_array(weights[0] * 0.1, f"b{block}"),
        ]
        made += [
            helper.make_node("MatMul", [x, f"w{block}"], [f"m{block}"]),
            helper.make_node("Add", [f"m{block}", f"b{block}"], [f"a{block}"]),
            helper.make_node("Tanh", [f"a{block}"], [f"t{block}"]),
            helper.make_node("Shape", [f"t{block}"], [f"s{block}"]),
            helper.make_node("Reshape", [f"t{block}", f"s{block}"], [f"r{block}"]),
            helper.make_node("Transpose", [f"r{block}"], [f"p{block}"], perm=[0, 2, 1]),
            helper.make_node("Transpose", [f"p{block}"], [f"q{block}"], perm=[0, 2, 1]),
            helper.make_node("Add", [f"q{block}", x], [f"x{block + 1}"]),
        ]
    made.append(helper.make_node("ReduceMean", [f"x{nodes // 8}"], ["y"], axes=[1], keepdims=0))
    graph = helper.make_graph(
        made, "chain", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", width])], tensors,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "chain.onnx")
        onnx.save(chain(asked.nodes), path)
        (Path(folder) / "test_empty.py").write_text("def test_empty(): pass\n")
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        bare = [*pytest, "-p", "no:onnxaccel", "test_empty.py"]
        quick = [
            *pytest,
            f"--onnx-model={path}",
            "--onnx-backend=ort-cpu",
            "-k",
            "not latency",
            "-W",
            "ignore",
            "test_empty.py",
        ]
        walks, checks = [], []
        for _ in range(asked.rounds):
            start = time.perf_counter(), time.process_time()
            input_facts(path)
            walks.append((time.perf_counter() - start[0], time.process_time() - start[1]))
            both = zip(taken(quick, folder), taken(bare, folder), strict=True)
            checks.append(tuple(one - other for one, other in both))
    for place, kind in enumerate(("wall time", "processor time")):
        walk, whole = (min(times[place] for times in found) for found in (walks, checks))
        print(f"{kind}: walk {walk * 1e3:.0f} ms, quick checks {whole * 1e3:.0f} ms, both at best: {walk / whole:.1%}")
    print(f"under 5 % is asked, at {asked.nodes} nodes")


if __name__ == "__main__":
    main()
