"""A list of results to text: terminal table, failures, JSON, JUnit properties. Knows no pytest, no arrays."""

from __future__ import annotations
