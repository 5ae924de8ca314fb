"""The report as one HTML file, which opens offline and asks nobody for anything."""

from __future__ import annotations
