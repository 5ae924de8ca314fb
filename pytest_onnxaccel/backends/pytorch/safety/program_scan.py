"""Exported programs (``.pt2``), judged before PyTorch loads them: which members they have, and what each says.

The JSON is walked by the very classes that PyTorch reads it into, so that nothing of what it reads is left out: values
have the declared types, and each text is judged by what PyTorch does with it (see :mod:`.program_fields`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

from pytest_onnxaccel.backends.pytorch.safety.allowed import register_operators
from pytest_onnxaccel.backends.pytorch.safety.archive import Archive, has_new_layout, parse_json
from pytest_onnxaccel.backends.pytorch.safety.program_walk import Walk
from pytest_onnxaccel.core.errors import ModelError, printable

_NAME = r"[\w.\- ]+"
#: Members of the layout of PyTorch 2.8 and later, below the archive's one folder; others are code, or not read.
_MEMBERS = re.compile(
    rf"archive_format|archive_version|byteorder|version|\.data/\w+|models/{_NAME}\.json|extra/.*"
    rf"|data/weights/(weight_\d+|{_NAME}_weights_config\.json|{_NAME}\.pt)"
    rf"|data/constants/(tensor_\d+|{_NAME}_constants_config\.json|{_NAME}\.pt)"
    rf"|data/sample_inputs/{_NAME}\.pt",
    re.ASCII,
)
#: And of the layout before it, in no folder.
_OLD_MEMBERS = re.compile(
    r"version|serialized_exported_program\.json|serialized_(state_dict|constants|example_inputs)\.(pt|json)|extra_files/.*",
    re.ASCII,
)
_NAMESPACE = re.compile(r"torch\.ops\.(\w+)\.", re.ASCII)


def check_program(path: str, trusted: Sequence[str] = ()) -> None:
    """Refuse the exported program at *path* unless all that it holds are tensors and what computes on them.

    Args:
        path: the file; it is not loaded.
        trusted: patterns of operators (``torch.ops.mylib.*``) and of structures that the owner trusts.

    Raises:
        ModelError: ``E_UNSAFE``, naming the operator, size, structure or member; ``E_PARSE``; ``E_SIZE``.
    """
    flat = not has_new_layout(path)
    archive = Archive(path, flat)
    legal = _OLD_MEMBERS if flat else _MEMBERS
    for name in archive.names:
        if not legal.fullmatch(name):
            cause = f"holds {printable(name, 80)}, which is not part of an exported program's tensors or graph"
            raise ModelError(
                cause, code="E_UNSAFE", remedy="export it with torch.export.save, and without compiled code"
            )
    for name in archive.names:
        if name.startswith("models/") or name == "serialized_exported_program.json":
            _check_graphs(archive.read(name), name, trusted)
        elif name.endswith("_config.json"):
            _check_config(archive, name, trusted)
        elif name.endswith(".pt") or name.startswith("serialized_"):
            _check_tensors(archive.read(name), name)


def _check_graphs(content: bytes, where: str, trusted: Sequence[str]) -> None:
    from torch._export.serde import schema

    walk = Walk(where, trusted)
    value = parse_json(content, f"its {where}")
    register_operators(set(_NAMESPACE.findall(content.decode("utf-8"))))
    walk.check(schema.ExportedProgram, value)


def _check_config(archive: Archive, where: str, trusted: Sequence[str]) -> None:
    from torch._export.serde import schema

    value = parse_json(archive.read(where), f"its {where}")
    Walk(where, trusted).check(schema.PayloadConfig, value)
    folder = where.rpartition("/")[0]
    for one in value["config"].values():
        name = f"{folder}/{one['path_name']}"
        if name not in archive.names:
            raise ModelError(f"lacks {name}", code="E_PARSE", remedy="export it again")
        if one["use_pickle"]:
            _check_tensors(archive.read(name), name)


def _check_tensors(content: bytes, where: str) -> None:
    """Refuse what ``torch.save`` wrote into a member, if it is more than tensors."""
    import torch

    if not content:
        return
    try:
        names = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content)))
    except Exception as error:  # the format of before 1.6, TorchScript, or garbage: none of them written by an export
        cause = f"its {where} is not as PyTorch writes it: {printable(str(error).partition(chr(10))[0], 80)}"
        raise ModelError(cause, code="E_UNSAFE", remedy="export it again") from None
    if names:
        cause = f"its {where} holds more than tensors, it refers to {printable(', '.join(names[:3]), 120)}"
        raise ModelError(cause, code="E_UNSAFE", remedy="export it with tensors alone")
