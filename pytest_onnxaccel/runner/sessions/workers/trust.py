"""What a worker that is kept was trusted with: it serves no source that is trusted with anything else."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_onnxaccel.core.specs import SourceSpec


def trust_of(source: SourceSpec | None) -> tuple[str, ...]:
    """Return what a worker that runs *source* may execute for it: its loader, and the names that it may refer to."""
    return () if source is None else trust(source.loader, source.trusted)


def trust(loader: str | None, trusted: Iterable[str]) -> tuple[str, ...]:
    """Return the same of a *loader* and *trusted* names; empty where there are none."""
    return (loader or "", *sorted(trusted)) if loader or trusted else ()
