"""What is looked at before PyTorch opens a source: damaged archives, code beyond the model's own, hidden pickles.

PyTorch ignores a wrong checksum and loads altered weights; an exported program falls back to pickles that run code,
and evaluates its symbolic sizes as Python.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytest_onnxaccel.errors import ModelError, printable

#: TorchScript that reaches files: what no model needs.
_FILES = re.compile(rb"\b(?:torch\.(?:save|from_file|load)|ops\.aten\.(?:save|from_file))\(")
_EXPRESSION = re.compile(rb'"expr_str"\s*:\s*"((?:[^"\\]|\\.)*)"')
_SYMBOL = re.compile(r"Symbol\('\w+'(?:, \w+=(?:True|False))*\)")
_PLAIN = re.compile(r"[\w\s+\-*/%(),.<>=&|~!]*")
#: Symbols (``s77``, ``u0``) and functions of sympy's kind (``Max``, ``FloorDiv``); a builtin of Python is neither.
_WORD = re.compile(r"(?:[a-z]{1,2}\d*|[A-Z]\w*|floor|ceiling|sqrt|log|exp|zoo)$")


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


def check_script(path: str) -> None:
    """Refuse TorchScript code that saves or maps files.

    Raises:
        ModelError: ``E_UNSAFE``, naming the call and its file; ``E_PARSE``: it is no archive.
    """
    with _archive(path) as archive:
        for name in archive.namelist():
            if "/code/" in name and name.endswith(".py"):
                found = _FILES.search(archive.read(name))
                if found:
                    call = found[0].decode().rstrip("(")
                    cause = f"its TorchScript code calls {call} ({name.partition('/code/')[2]})"
                    raise ModelError(cause, code="E_UNSAFE", remedy="script the model without access to files")


def check_program(path: str) -> None:
    """Refuse an exported program whose symbolic sizes are more than arithmetic.

    Raises:
        ModelError: ``E_UNSAFE``, with the expression; ``E_PARSE``: it is no archive.
    """
    with _archive(path) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                for match in _EXPRESSION.finditer(archive.read(name)):
                    text = match[1].decode("utf-8", "replace")
                    if not _arithmetic(text):
                        cause = f"one of its sizes is no arithmetic: {printable(text, 80)!r}"
                        raise ModelError(cause, code="E_UNSAFE", remedy="export the program again")


def _archive(path: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        cause = f"is no whole archive: {printable(str(error), 100)}"
        raise ModelError(cause, code="E_PARSE", remedy="copy it again") from None


def _arithmetic(text: str) -> bool:
    text = _SYMBOL.sub("s0", text)
    if not _PLAIN.fullmatch(text) or re.search(r"\.\s*[^\W\d]|__", text):
        return False
    return all(_WORD.match(word) for word in re.findall(r"[^\W\d]\w*", text))


@contextmanager
def only_weights() -> Iterator[None]:
    """Within, ``torch.load`` refuses to unpickle anything but weights, whoever asks for it.

    Raises:
        ModelError: ``E_UNSAFE``: somebody asked for more.
    """
    import torch

    load = torch.load
    custom: Any = torch._C._pickle_load_obj

    def guarded(*arguments: Any, **options: Any) -> Any:
        if options.get("weights_only") is False:
            raise _more("pickled objects")
        return load(*arguments, **{**options, "weights_only": True})

    def refused(*arguments: Any) -> Any:
        raise _more("custom objects")

    torch.load = guarded
    torch._C._pickle_load_obj = refused
    try:
        yield
    finally:
        torch.load = load
        torch._C._pickle_load_obj = custom


def _more(what: str) -> ModelError:
    return ModelError(f"holds {what}, which can run code", code="E_UNSAFE", remedy="export it with tensors alone")
