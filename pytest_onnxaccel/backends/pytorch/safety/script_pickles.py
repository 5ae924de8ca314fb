"""The pickles of a TorchScript archive: the names that they refer to, read opcode by opcode before PyTorch does."""

from __future__ import annotations

import pickletools
import re

from pytest_onnxaccel.backends.name_lists import listed
from pytest_onnxaccel.backends.pytorch.safety.allowed import CLASSES
from pytest_onnxaccel.core.errors import ModelError, printable

#: Opcodes that PyTorch writes into its archives.
_OPCODES = listed(
    """
    APPEND APPENDS BINFLOAT BINGET BININT BININT1 BININT2 BINPERSID BINPUT BINSTRING BINUNICODE BINUNICODE8 BUILD
    EMPTY_DICT EMPTY_LIST EMPTY_TUPLE GLOBAL LONG1 LONG_BINGET LONG_BINPUT MARK NEWFALSE NEWOBJ NEWTRUE NONE PROTO
    REDUCE SETITEM SETITEMS SHORT_BINSTRING STOP TUPLE TUPLE1 TUPLE2 TUPLE3
    """
)
_BUILDERS = "boollist complexlist doublelist intlist tensor_from_id tensorlist"
_REBUILT = (
    "qtensor parameter sparse_tensor sparse_csr_tensor sparse_compressed_tensor tensor tensor_v2 meta_tensor_no_storage"
)
_SCHEMES = "channel_affine channel_affine_float_qparams channel_symmetric tensor_affine tensor_symmetric"
_GLOBALS = frozenset(
    {
        "collections OrderedDict", "torch.jit._pickle restore_type_tag", "builtins complex", "torch device",
        "torch._C Generator", "_codecs encode", "torch Size",
        *(f"torch.jit._pickle build_{name}" for name in listed(_BUILDERS)),
        *(f"torch._utils _rebuild_{name}" for name in listed(_REBUILT)),
        *(f"torch per_{scheme}" for scheme in listed(_SCHEMES)),
    }
)  # fmt: skip
_STORAGE = re.compile(r"torch(\.cuda|\.storage)? [A-Z][A-Za-z0-9]*Storage")
_OWN = re.compile(r"__torch__(\.[A-Za-z_]\w*)* [A-Za-z_]\w*", re.ASCII)
_CLASSES = "__torch__.torch.classes."


def check_pickle(content: bytes, where: str) -> None:
    """Refuse the pickle *content* of the member *where* if it refers to more than tensors and the model's own classes.

    Raises:
        ModelError: ``E_UNSAFE``, with the name; ``E_PARSE``: it is not a pickle that PyTorch writes.
    """
    try:
        found = [(op.name, argument) for op, argument, _ in pickletools.genops(content)]
    except Exception as error:  # of any type, from whatever stands there instead
        cause = f"its {where} is not a pickle: {printable(str(error), 100)}"
        raise ModelError(cause, code="E_PARSE", remedy="save it again with torch.jit.save") from None
    for name, argument in found:
        if name not in _OPCODES:
            raise _refused(f"has the opcode {name}", where)
        if name == "GLOBAL" and not _computes(str(argument)):
            raise _refused(f"refers to {printable(str(argument).replace(' ', '.'), 80)}", where)


def _computes(name: str) -> bool:
    if _OWN.fullmatch(name):
        whole = name.replace(" ", ".")
        return not whole.startswith(_CLASSES) or whole.removeprefix(_CLASSES) in CLASSES
    return name in _GLOBALS or _STORAGE.fullmatch(name) is not None


def _refused(what: str, where: str) -> ModelError:
    cause = f"its {where} {what}, which no TorchScript archive needs"
    return ModelError(cause, code="E_UNSAFE", remedy="save it again with torch.jit.save")
