"""Results of a run until its end: as packed text, for those of thousands of models would fill the memory as objects."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from pytest_onnxaccel.core.results import CheckResult


class KeptResults:
    """What each test gave, in the order of their ends; read as a whole when the run is over."""

    def __init__(self) -> None:
        self._packed: dict[str, tuple[bytes, ...]] = {}
        self._read: list[CheckResult] | None = None

    def keep(self, test: str, texts: Sequence[str]) -> None:
        """Keep the results of *test*, each as :meth:`CheckResult.dumps` wrote it; its last run counts."""
        if texts:
            self._packed.pop(test, None)
            self._packed[test] = tuple(zlib.compress(text.encode(), 1) for text in texts)
            self._read = None

    def __bool__(self) -> bool:
        return bool(self._packed)

    def all(self) -> list[CheckResult]:
        """Return every result; a list that is shared by all who ask."""
        if self._read is None:
            self._read = list(self._unpacked())
        return self._read

    def _unpacked(self) -> Iterator[CheckResult]:
        for packed in self._packed.values():
            for one in packed:
                yield CheckResult.loads(zlib.decompress(one).decode())
