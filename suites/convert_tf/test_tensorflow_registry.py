"""Every operator of the TensorFlow that is installed has been judged; a new release's are named here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_onnxaccel.backends.tensorflow.safety.allowed import ALLOWED
from pytest_onnxaccel.backends.tensorflow.safety.graph_scan import CONDITIONAL, TENSORRT
from pytest_onnxaccel.backends.tensorflow.safety.refused import REFUSED, TRUSTABLE
from pytest_onnxaccel.backends.tensorflow.saving import RESTORES, SAVES


@pytest.fixture(scope="module")
def registry() -> dict[str, Any]:
    """Operators by name, as TensorFlow declares them."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session as native

    found = op_def_pb2.OpList.FromString(native.TF_GetBuffer(native.TF_GetAllOpList()))
    return {op.name: op for op in found.op}


def test_every_operator_is_allowed_or_refused_for_a_reason(registry: dict[str, Any]) -> None:
    judged = ALLOWED | set(REFUSED) | {*SAVES, *RESTORES, *TENSORRT}
    assert registry.keys() - judged == set(), "not judged yet: put each into one of the two lists"


def test_no_operator_is_on_two_lists() -> None:
    lists = [ALLOWED, set(REFUSED), {*SAVES, *RESTORES}, set(TENSORRT)]
    for at, one in enumerate(lists):
        for other in lists[at + 1 :]:
            assert one & other == set()
    assert CONDITIONAL.keys() <= ALLOWED


def test_no_name_is_a_typing_error(registry: dict[str, Any]) -> None:
    # What only older releases, or builds with other parts, have
    other = {
        "RemoteFusedGraphExecute", "Rpc", "TryRpc", "BigtableClient", "BigtableTable", "BigQueryReader", "KafkaDataset",
    }  # fmt: skip
    assert ALLOWED - registry.keys() <= {
        "TFLite_Detection_PostProcess", "UnidirectionalSequenceLstm", "UnidirectionalSequenceRnn",
    }  # fmt: skip
    assert REFUSED.keys() - registry.keys() <= other


def suspicious(op: Any) -> Iterator[str]:
    """What in the declaration of *op* points at files, hosts, code or programs."""
    title = (
        r"File|PyFunc|SummaryWriter|SummaryDb|^Write|Remote|Rpc|LMDB|Sql|Reader|Dataset|Iterator|Snapshot|DumpTensor"
        r"|DebugIdentity|ImmutableConst|Mlir|CustomCall|CallModule|Launch|TPU|Collective|Send|Recv|Nccl"
    )
    argument = (
        r"file|path$|^path|address|url|^dir$|directory|descriptor_source|memory_region|server|output_stream|database"
        r"|mlir|module|hostname|program"
    )
    if re.search(title, op.name):
        yield op.name
    yield from (item.name for item in (*op.input_arg, *op.attr) if re.search(argument, item.name))


def test_what_looks_like_input_or_output_and_is_allowed_has_been_looked_at(registry: dict[str, Any]) -> None:
    looked_at = {"Snapshot", "ShardedFilename", "ShardedFilespec"}  # the identity of a value; names, only joined
    found = {name for name in ALLOWED & registry.keys() if any(suspicious(registry[name]))}
    assert found - CONDITIONAL.keys() == looked_at & registry.keys()
    # The same eye finds most of what is refused
    assert sum(any(suspicious(registry[name])) for name in REFUSED.keys() & registry.keys()) > 300


def test_what_may_be_trusted_names_no_file_and_no_host(registry: dict[str, Any]) -> None:
    trustable = [name for name, why in REFUSED.items() if why in TRUSTABLE]
    # Whether elements are names of files is a hint for a cluster; nothing opens them
    argument = re.compile(r"(?<!is_)file|path|address|url|dir|server|database|graph_def|module")
    assert trustable
    for name in trustable:
        op = registry[name]
        assert [item.name for item in (*op.input_arg, *op.attr) if argument.search(item.name)] == [], name
