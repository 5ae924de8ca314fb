"""TorchScript archives, judged before PyTorch loads them: every name in their code, and every name in their pickles.

PyTorch compiles the code while it loads an archive, and runs its ``__setstate__`` methods. So the code is cut into
tokens as PyTorch's lexer cuts it, and only those that PyTorch itself writes are taken: no comments, tabs, continued
lines or text outside of ASCII, on which two lexers can differ. Then each name is judged. After ``ops`` stands an
operator that computes, and ``ops`` alone cannot be handed on. No attribute of anything has the name of an operator that
does not compute, because ``torch``, under whatever alias, and every value have operators as their attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_onnxaccel.backends.name_lists import listed
from pytest_onnxaccel.backends.pytorch.safety.allowed import (
    CLASSES,
    attribute_computes,
    how_to_allow,
    operator_computes,
    register_operators,
)
from pytest_onnxaccel.backends.pytorch.safety.archive import Archive
from pytest_onnxaccel.backends.pytorch.safety.script_pickles import check_pickle
from pytest_onnxaccel.core.errors import ModelError, printable

_TOKEN = re.compile(
    r'(?P<space>[ \n]+)|(?P<text>"(?:[^"\\\n]|\\[ -~])*")|(?P<name>[A-Za-z_][A-Za-z0-9_]*)'
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j?)(?![A-Za-z_])"
    r"|(?P<sign>->|\*\*|//|[<>=!]=|<<|>>|\.\.\.|[-+*/%()\[\]{}<>=.,:;@&|^~!$?])"
)
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Functions without a name before them that code calls; locals that hold functions are called ``_0``, ``_1`` and so on.
_BUILTIN = listed(
    """
    abs all annotate any awaitable bin bool chr complex dict divmod enumerate float fork getattr hasattr hex int
    isinstance len list max min oct ord pow print range rangelist round sorted str sum tuple unchecked_cast
    uninitialized zip
    """
)
_KEYWORDS = listed(
    """
    and assert break class continue def del elif else for if in is not or pass return while with
    """
)
_WITHOUT = "export the model without it, or rename its part of that name"
_LOCAL = re.compile(r"_\d+")


def check_script(path: str, trusted: Sequence[str] = ()) -> None:
    """Refuse the TorchScript archive at *path* unless its code and its pickles name only what computes.

    Args:
        path: the file; it is not loaded.
        trusted: patterns of operators that the owner trusts, such as ``torch.ops.mylib.*``.

    Raises:
        ModelError: ``E_UNSAFE``, naming the call, its file and line; ``E_PARSE``: it is not an archive; ``E_SIZE``.
    """
    with open(path, "rb") as file:
        head = file.read(8)
    if head[4:] == b"PTMF":
        cause = "is both a zip archive and a flatbuffer, and PyTorch reads the flatbuffer"
        raise ModelError(cause, code="E_UNSAFE", remedy="save it again with torch.jit.save")
    archive = Archive(path)
    codes = {}
    for name in archive.names:
        low = name.casefold()  # PyTorch's reader takes no notice of case
        if low == "model.json":
            cause = "is in TorchScript's format of before PyTorch 1.4"
            raise ModelError(cause, code="E_UNSAFE", remedy="load and save it with a PyTorch that you trust it to")
        if low.startswith("code/") and low.endswith(".py"):
            codes[name] = list(tokens(archive.read(name), name))
        elif low.endswith("pkl") and not low.startswith("extra/"):
            check_pickle(archive.read(name), name)
    found = [code[i + 2][1] for code in codes.values() for i in range(len(code) - 2) if code[i][1] == "ops"]
    register_operators(set(found))
    for name, code in codes.items():
        _Code(code, name, trusted).check()


Token = tuple[str, str, int]


def tokens(content: bytes, where: str) -> Iterator[Token]:
    """Yield (kind, text, line) of each token of TorchScript's code, white space left out.

    Raises:
        ModelError: ``E_UNSAFE``: something that PyTorch does not write, on which lexers can differ.
    """
    text = content.decode("latin-1")
    place, line = 0, 1
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or text.startswith('"""', place):
            shown = printable(ascii(text[place : place + 12])[1:-1], 40)
            cause = f"its TorchScript code is not as PyTorch writes it: {shown} ({where}, line {line})"
            raise ModelError(cause, code="E_UNSAFE", remedy="save it again with torch.jit.save")
        kind, found = str(match.lastgroup), match.group()
        if kind != "space":
            yield kind, found, line
        line += found.count("\n")
        place = match.end()


class _Code:
    """One file of code, as tokens."""

    def __init__(self, code: Sequence[Token], where: str, trusted: Sequence[str]) -> None:
        self._code, self._where, self._trusted = [*code, ("end", "", 0), ("end", "", 0)], where, trusted

    def check(self) -> None:
        place = 0
        while place < len(self._code) - 2:
            kind, text, _ = self._code[place]
            if kind == "name":
                chain = self._chain(place)
                self._judge(chain, place)
                place += 2 * len(chain) - 1
            elif kind == "sign" and text == "." and self._code[place + 1][0] == "name":
                chain = self._chain(place + 1)
                self._attributes(chain, place)
                place += 2 * len(chain)
            else:
                place += 1

    def _chain(self, place: int) -> list[str]:
        """Return the dotted name that begins at *place*."""
        chain = [self._code[place][1]]
        while self._code[place + 1][1] == "." and self._code[place + 2][0] == "name":
            place += 2
            chain.append(self._code[place][1])
        return chain

    def _judge(self, chain: Sequence[str], place: int) -> None:
        """Judge a chain of names that stands by itself."""
        head, after = chain[0], self._code[place + 2 * len(chain) - 1][1]
        if head == "ops":
            # As the name of a part of the model it is declared, and only called by self.ops
            if len(chain) == 1 and after == ":" and self._starts_line(place):
                return
            if len(chain) < 3 or not operator_computes(chain[1], chain[2], None, self._trusted):
                raise self._refused(".".join(chain), place)
            self._attributes(chain[3:], place)
        elif head == "__torch__":
            if list(chain[1:]) in ([], ["torch"]):  # a namespace that could be handed on to reach classes of C++
                raise self._refused(".".join(chain), place)
            if chain[1:3] == ["torch", "classes"] and ".".join(chain[3:5]) not in CLASSES:
                raise self._refused(".".join(chain[1:]), place)
            self._attributes(chain[-1:], place)
        elif head in ("getattr", "hasattr") and len(chain) == 1:
            self._named_attribute(place)
        elif len(chain) > 1:
            self._attributes(chain[1:], place, chain[0])
        elif after == "(" and self._code[place - 1][1] not in ("def", "class") and not _is_plain_call(head):
            raise self._refused(head, place)

    def _attributes(self, names: Sequence[str], place: int, owner: str = "") -> None:
        for name in names:
            if not attribute_computes(name):
                raise self._refused(f"{owner}.{name}".lstrip("."), place)

    def _named_attribute(self, place: int) -> None:
        """Judge ``getattr(x, "name")``, whose name is one literal."""
        depth, end = 0, place + 1
        while end < len(self._code) - 2:
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(self._code[end][1], 0)
            if depth == 0:
                break
            end += 1
        last, comma = self._code[end - 1], self._code[end - 2]
        if self._code[place + 1][1] != "(" or last[0] != "text" or comma[1] != "," or "\\" in last[1]:
            raise self._refused(f"{self._code[place][1]} of a name that is not plain", place)
        name = last[1][1:-1]
        if _ATTRIBUTE.fullmatch(name) and not attribute_computes(name):
            raise self._refused(name, place)

    def _starts_line(self, place: int) -> bool:
        return place == 0 or self._code[place - 1][2] < self._code[place][2]

    def _refused(self, name: str, place: int) -> ModelError:
        cause = f"its TorchScript code calls {printable(name, 80)} ({self._where}, line {self._code[place][2]})"
        remedy = how_to_allow(f"torch.{name}") if name.startswith("ops.") else _WITHOUT
        return ModelError(cause, code="E_UNSAFE", remedy=remedy)


def _is_plain_call(name: str) -> bool:
    return name in _KEYWORDS or name in _BUILTIN or _LOCAL.fullmatch(name) is not None
