"""How :class:`LoadOptions` are said to ONNX Runtime: one table for sessions that are opened and for scripts written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_onnxaccel.backends.protocol import LoadOptions

#: Members of ``GraphOptimizationLevel`` by the name that :class:`LoadOptions` has for them.
LEVELS = {
    "disabled": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT", "all": "ORT_ENABLE_ALL",
}  # fmt: skip


@dataclass
class OrtOptions:
    """What differs from ``SessionOptions()``.

    Attributes:
        level: member of ``GraphOptimizationLevel``; empty for the default.
        attributes: of ``SessionOptions``.
        entries: for ``add_session_config_entry``.
    """

    level: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)


def ort_options(options: LoadOptions) -> OrtOptions:
    """Return *options* in ONNX Runtime's words."""
    made = OrtOptions()
    level = options.level if options.optimize else "disabled"
    if level is not None:
        made.level = LEVELS[level]
    if options.threads is not None:
        made.attributes["intra_op_num_threads"] = options.threads
    if not options.arena:
        made.attributes["enable_cpu_mem_arena"] = False
    if not options.spin:
        made.entries["session.intra_op.allow_spinning"] = "0"
    return made
