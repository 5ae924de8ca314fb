"""The report as one HTML file, which opens offline."""

from __future__ import annotations
