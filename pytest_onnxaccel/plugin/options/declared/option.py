"""What an option is: a command-line option and an ini key of the same name. Imported on every pytest run."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: The manifest that is read when it lies in pytest's rootdir.
MANIFEST_NAME = "onnxaccel.toml"

#: What ``[tool.pytest]`` may hold for each kind of ini key, in words.
IniType = Literal["string", "linelist", "bool"]


class Option(NamedTuple):
    """One row of the table.

    Attributes:
        name: ``model`` for ``--onnx-model`` and the ini key ``onnx_model``.
        field: the attribute of ``Settings`` that holds the value.
        metavar: what stands for the value in ``--help``; empty for a switch.
        default: what holds when nothing is given, in words.
        help: one sentence for ``--help`` and docs/options.md.
        example: a value as written in ``[tool.pytest]`` of pyproject.toml.
        ini: type of the ini key.
        repeat: the option may be given several times.
        bare: the value of the option without one; empty where it must have one. With one it is written behind ``=``.
    """

    name: str
    field: str
    metavar: str
    default: str
    help: str
    example: str
    ini: IniType = "string"
    repeat: bool = False
    bare: str = ""

    @property
    def flag(self) -> str:
        return "--onnx-" + self.name

    @property
    def key(self) -> str:
        return "onnx_" + self.name.replace("-", "_")
