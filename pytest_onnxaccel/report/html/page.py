"""The report as one HTML file: overview, a page for each model and each failure, comparison, environment."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pytest_onnxaccel.core.errors import ConfigError
from pytest_onnxaccel.core.results import Json
from pytest_onnxaccel.report.counts import counts, subjects, words
from pytest_onnxaccel.report.run_report import objects

if TYPE_CHECKING:
    from jinja2 import Template

    from pytest_onnxaccel.report.run_report import RunReport

_TEMPLATES = "pytest_onnxaccel.report.html"


def render(report: RunReport) -> str:
    """Return *report* as HTML.

    Raises:
        ConfigError: a library of the extra ``report`` is missing.
    """
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"an HTML report needs {error.name}, which is not installed",
            remedy="python -m pip install 'pytest-onnxaccel[report]'",
        ) from error
    from markupsafe import Markup

    from pytest_onnxaccel.report.html.charts import Charts
    from pytest_onnxaccel.report.html.failures import failure_pages
    from pytest_onnxaccel.report.html.view import model_pages, overview

    charts = Charts()
    models = model_pages(report, charts)
    numbers = {page.name: page.number for page in models}
    failures = failure_pages(report, numbers, charts)
    style, script = _file("page.css"), _file("page.js")
    return _template().render(
        report=report,
        counts=counts(report.results),
        words=words,
        subjects=subjects(report.results),
        overview=overview(report, numbers, failures),
        models=models,
        failures=failures,
        asked=objects(report.run.get("asked")),
        changes=_changes(report),
        environment=_environment(report),
        style=Markup(style),  # of this package: nothing of a model is in it
        script=Markup(script),
        # Whatever slips through: nothing is loaded, and no other script runs
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _file(name: str) -> str:
    return files(_TEMPLATES).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, FunctionLoader

    environment = Environment(loader=FunctionLoader(_file), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("page.html")


def _changes(report: RunReport) -> list[dict[str, Any]]:
    return [
        {"worse": one.get("worse") is True, "kind": str(one.get("kind", "")), "text": str(one.get("text", ""))}
        for one in objects(report.comparison.get("changes"))
    ]


def _environment(report: RunReport) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return tables of the run: facts, versions, sandbox, settings that somebody gave."""
    run = report.run
    facts = [(key.replace("_", " "), str(run[key])) for key in _FACTS if run.get(key) not in (None, "")]
    tables = [("run", facts)]
    for key in ("versions", "sandbox"):
        found = run.get(key)
        if isinstance(found, dict):
            tables.append((key, [(str(name), _text(value)) for name, value in found.items()]))
    settings = run.get("settings")
    given = [
        (str(name), f"{_text(one.get('value'))} ({_origin(one)})")
        for name, one in (settings.items() if isinstance(settings, dict) else ())
        if isinstance(one, dict) and one.get("origin") != "default"
    ]
    tables.append(("settings that were given", given))
    return [(title, table) for title, table in tables if table]


_FACTS = ("plugin", "python", "platform", "started", "duration_s", "exit_status", "interrupted")


def _text(value: Json) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _origin(one: dict[str, Json]) -> str:
    """Return where a setting was given: an option by its name, all else in words."""
    origin = str(one.get("origin"))
    return f"by {origin}" if origin.startswith("-") else origin
