"""The worker that serves graph functions alone."""

from __future__ import annotations

#: Its name among the engines.
TOOLS = "tools"
