"""Two runs compared: what grew worse, never raw milliseconds of another machine."""

from __future__ import annotations
