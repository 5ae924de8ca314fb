"""The report as Markdown: for pull requests and job summaries."""

from __future__ import annotations
