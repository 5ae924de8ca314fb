"""The table of options: each is a command-line option and an ini key of the same name.

Imported on every pytest run, so it loads nothing; :mod:`~pytest_onnxaccel.plugin.options.parsers` parses what is given.
"""

from __future__ import annotations

from pytest_onnxaccel.plugin.options.declared.judged import JUDGED
from pytest_onnxaccel.plugin.options.declared.option import MANIFEST_NAME as MANIFEST_NAME
from pytest_onnxaccel.plugin.options.declared.option import Option as Option
from pytest_onnxaccel.plugin.options.declared.run import RUN

OPTIONS: tuple[Option, ...] = (*JUDGED, *RUN)

BY_NAME = {option.name: option for option in OPTIONS}
