"""The options in groups, as ``--help`` and docs/options.md show them: first what most runs need.

Imported on every pytest run, so it loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_onnxaccel.plugin.options.declared.table import Option

#: Title by group, in the order shown, with the names of its options. An option without a group is in the last one.
GROUPS: dict[str, tuple[str, ...]] = {
    "basic": (
        "model", "manifest", "backend", "reference", "loader", "batch", "require", "strict", "report", "baseline",
        "only",
    ),
    "tolerances and verdicts": ("rtol", "atol", "lock", "golden", "inconclusive", "hygiene", "localise", "seed"),
    "latency and speed": ("budget", "advise"),
    "execution providers": ("provider-option", "allow-cpu-nodes"),
    "preprocessing": ("fuzz-examples", "fuzz-profile", "fuzz-corpus"),
    "workers, safety and environments": (
        "timeout", "memory", "sandbox", "readable", "trust", "ort-library", "env", "python", "in-process",
    ),
}  # fmt: skip


def grouped(options: Iterable[Option]) -> Iterator[tuple[str, list[Option]]]:
    """Yield each group's title and its *options*, in the order of :data:`GROUPS`."""
    found: dict[str, list[Option]] = {title: [] for title in GROUPS}
    titles = {name: title for title, names in GROUPS.items() for name in names}
    last = next(reversed(GROUPS))
    for option in options:
        found[titles.get(option.name, last)].append(option)
    for title, several in found.items():
        places = {name: place for place, name in enumerate(GROUPS[title])}
        yield title, sorted(several, key=lambda option: places.get(option.name, len(places)))
