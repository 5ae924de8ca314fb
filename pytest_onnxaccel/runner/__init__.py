"""The only orchestrator: stages models, opens engines and sessions, keeps them for their scope, runs checks."""

from __future__ import annotations

from pytest_onnxaccel.runner.request import Request, RunOptions
from pytest_onnxaccel.runner.runner import Runner

__all__ = ["Request", "RunOptions", "Runner"]
