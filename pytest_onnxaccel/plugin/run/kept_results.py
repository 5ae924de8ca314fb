"""Results of a run until its end: as packed text, for those of thousands of models would fill the memory as objects."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from pytest_onnxaccel.core.results import CheckResult

#: So many results are packed as one: those of other models differ in a few figures, and take little more together.
_TOGETHER = 64


class KeptResults:
    """What each test gave, in the order of their ends; read as a whole when the run is over."""

    def __init__(self) -> None:
        #: Number of each result of a test, by its id
        self._numbers: dict[str, tuple[int, ...]] = {}
        self._packed: list[bytes] = []
        #: Those that are not packed yet
        self._latest: list[str] = []
        self._read: list[CheckResult] | None = None

    def keep(self, test: str, texts: Sequence[str]) -> None:
        """Keep the results of *test*, each as :meth:`CheckResult.dumps` wrote it; its last run counts."""
        if not texts:
            return
        self._numbers.pop(test, None)
        self._numbers[test] = tuple(self._added(text) for text in texts)
        self._read = None

    def _added(self, text: str) -> int:
        number = len(self._packed) * _TOGETHER + len(self._latest)
        self._latest.append(text)
        if len(self._latest) == _TOGETHER:
            self._packed.append(zlib.compress("\n".join(self._latest).encode(), 1))
            self._latest.clear()
        return number

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def all(self) -> list[CheckResult]:
        """Return every result; a list that is shared by all who ask."""
        if self._read is None:
            self._read = list(self._unpacked())
        return self._read

    def _unpacked(self) -> Iterator[CheckResult]:
        unpacked, lines = -1, self._latest
        for numbers in self._numbers.values():
            for number in numbers:
                pack, place = divmod(number, _TOGETHER)
                if pack != unpacked:
                    last = pack == len(self._packed)
                    lines = self._latest if last else zlib.decompress(self._packed[pack]).decode().split("\n")
                    unpacked = pack
                yield CheckResult.loads(lines[place])
