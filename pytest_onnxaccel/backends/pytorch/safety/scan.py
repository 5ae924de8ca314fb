"""What holds for every source of PyTorch: no damaged archive is opened, and nothing but weights is unpickled.

PyTorch ignores a wrong checksum and loads altered weights; an exported program falls back to pickles that run code.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytest_onnxaccel.core.errors import ModelError, printable


def check_archive(path: str) -> None:
    """Read the whole archive at *path*, if it is one, by its checksums.

    Raises:
        ModelError: ``E_PARSE``: a part is damaged, named.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        damaged = printable(str(error), 100)
    except Exception as error:  # zlib.error, lzma's, and others: whatever a decompressor makes of garbage
        damaged = f"{type(error).__name__}: {printable(str(error), 100)}"
    if damaged:
        cause = f"the archive is damaged at {printable(damaged, 120)!r}: its checksum is wrong"
        raise ModelError(cause, code="E_PARSE", remedy="copy it again: PyTorch would load altered weights in silence")


@contextmanager
def only_weights() -> Iterator[None]:
    """Restrict every unpickling in the block to weights, by any function of PyTorch or Python.

    Raises:
        ModelError: ``E_UNSAFE``: somebody asked for more.
    """
    import torch

    load = torch.load
    custom: Any = torch._C._pickle_load_obj
    plain = pickle.load, pickle.loads

    def guarded(*arguments: Any, **options: Any) -> Any:
        if options.get("weights_only") is False:
            raise _more("pickled objects")
        return load(*arguments, **{**options, "weights_only": True})

    def refused(*arguments: Any, **options: Any) -> Any:
        raise _more("custom objects")

    torch.load = guarded
    torch._C._pickle_load_obj = pickle.load = pickle.loads = refused
    try:
        yield
    finally:
        torch.load = load
        torch._C._pickle_load_obj = custom
        pickle.load, pickle.loads = plain


def _more(what: str) -> ModelError:
    return ModelError(f"holds {what}, which can run code", code="E_UNSAFE", remedy="export it with tensors alone")
