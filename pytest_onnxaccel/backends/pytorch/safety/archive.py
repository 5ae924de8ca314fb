"""A PyTorch archive as PyTorch reads it: its own reader and Python's must tell the same members with the same bytes.

They look for the directory at the end of the file in different ways, PyTorch's takes names that differ in case for one,
and of two members with one name each may take the other. What is judged must be what is loaded.
"""

from __future__ import annotations

import json
import zipfile
from typing import Any

from pytest_onnxaccel.core.errors import ModelError, printable

#: Most members that an archive may have: one per tensor, and few others.
MEMBERS = 100_000
#: Largest member that is read here, in bytes: code, pickles and JSON, never weights.
MEMBER = 256 << 20
_COPY = "copy it again, or save it again with this PyTorch"


class Archive:
    """The members of the archive at *path*, by their names below its one folder (or, *flat*, by their own).

    Raises:
        ModelError: ``E_PARSE``: it is none; ``E_SIZE``: too many members; ``E_UNSAFE``: readers see different things.
    """

    def __init__(self, path: str, flat: bool = False) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            cause = f"is not a complete archive: {printable(str(error), 100)}"
            raise ModelError(cause, code="E_PARSE", remedy="copy it again") from None
        infos = self._zip.infolist()
        if len(infos) > MEMBERS:
            cause = f"holds {len(infos)} members, more than the {MEMBERS} that are read"
            raise ModelError(cause, code="E_SIZE", remedy="save fewer tensors in one file")
        self._infos = {}
        seen: set[str] = set()
        for info in infos:
            name = info.orig_filename if flat else info.orig_filename.partition("/")[2]
            if name.casefold() in seen:
                raise _ambiguous(f"holds {printable(repr(name), 80)} twice, and loaders differ in which one they take")
            if not name.isascii() or not name.isprintable() or "\\" in name:
                raise _ambiguous(f"holds a member with the name {printable(ascii(name), 60)}")
            seen.add(name.casefold())
            self._infos[name] = info
        self._reader: Any = None
        if flat:
            return
        roots = {info.orig_filename.partition("/")[0] for info in infos}
        if len(roots) > 1:
            raise _ambiguous(f"holds {len(roots)} folders where PyTorch writes one")
        self._reader = _reader(path)
        if set(self._reader.get_all_records()) != set(self._infos):
            raise _ambiguous("has two directories, and PyTorch reads another one than other programs")

    @property
    def names(self) -> list[str]:
        return list(self._infos)

    def read(self, name: str) -> bytes:
        """Return the bytes of one member, small ones only.

        Raises:
            ModelError: ``E_SIZE``; ``E_UNSAFE``: readers see different bytes.
        """
        info = self._infos[name]
        if info.file_size > MEMBER:
            cause = f"its {name} has {info.file_size >> 20} MB, more than the {MEMBER >> 20} that are read"
            raise ModelError(cause, code="E_SIZE", remedy="save the model in parts")
        try:
            content = self._zip.read(info)
            loaded = content if self._reader is None else bytes(self._reader.get_record(name))
        except Exception as error:
            cause = f"its {printable(name, 80)} cannot be read: {printable(str(error), 100)}"
            raise ModelError(cause, code="E_PARSE", remedy=_COPY) from None
        if content != loaded:
            raise _ambiguous(f"has two contents for {name!r}, and PyTorch reads another one than other programs")
        return content


def has_new_layout(path: str) -> bool:
    """Return whether PyTorch takes the exported program at *path* for one of the layout that it writes since 2.8."""
    import torch

    try:
        return bool(torch._C.PyTorchFileReader(path).has_record("archive_format"))
    except Exception:  # not below one folder: the older layout, or garbage
        return False


def parse_json(content: bytes | str, what: str) -> Any:
    """Parse *content* as Python's json does (which PyTorch uses), and refuse what other parsers read differently.

    Raises:
        ModelError: ``E_PARSE``; ``E_SIZE``: nested too deeply; ``E_UNSAFE``: a key stands twice.
    """
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except ModelError:
        raise
    except RecursionError:
        raise ModelError(f"{what} is nested too deeply", code="E_SIZE", remedy="export it again") from None
    except ValueError as error:
        cause = f"{what} is not JSON: {printable(str(error), 100)}"
        raise ModelError(cause, code="E_PARSE", remedy="export it again") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _ambiguous(f"its JSON has the key {printable(twice, 60)!r} twice")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number in JSON")


def _reader(path: str) -> Any:
    import torch

    try:
        return torch._C.PyTorchFileReader(path)
    except Exception as error:
        cause = f"is not an archive of PyTorch: {printable(str(error).partition(chr(10))[0], 100)}"
        raise ModelError(cause, code="E_PARSE", remedy=_COPY) from None


def _ambiguous(cause: str) -> ModelError:
    return ModelError(cause, code="E_UNSAFE", remedy=_COPY)
