"""How much of a model an accelerator may leave to the CPU, and what is said of more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_onnxaccel.core.errors import ConfigError, ModelError
from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.core.printing import printable

#: ONNX Runtime's name of its own CPU.
CPU = "CPUExecutionProvider"
_OPTION = "--onnx-allow-cpu-nodes"
#: What would pass for the name of an operator, and is meant otherwise.
_WORDS = ("all", "any", "none", "no", "yes", "true", "false")
#: Nodes that a message names.
_NAMED = 5


@record(frozen=True)
class CpuNodes:
    """Nodes that may run on the CPU although the model is asked for on an accelerator.

    Attributes:
        most: how many, of whatever operator.
        operators: those of these operators may in addition.
    """

    most: int = 0
    operators: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> CpuNodes:
        """Read ``3``, ``Shape,Gather`` or ``2,Shape``.

        Raises:
            ConfigError: it is none of these.
        """
        most, operators = 0, []
        for part in (part.strip() for part in text.split(",")):
            if part.isdecimal() and part.isascii():
                most = int(part)
            elif part.lower() not in _WORDS and part and all(piece.isidentifier() for piece in part.split(".")):
                operators.append(part)
            else:
                raise ConfigError(f"{part!r} is neither a number nor an operator", remedy="write 2 or Shape,Gather")
        return cls(most, tuple(dict.fromkeys(operators)))


def told(facts: Mapping[str, Any], nodes: int) -> Mapping[str, Any] | None:
    """Return where the nodes run by what a session says of itself; None where it does not tell.

    Args:
        facts: of the session. ONNX Runtime's CPU has nobody to leave a node to, so that it need not record.
        nodes: how many the file has.
    """
    placement: Mapping[str, Any] | None = facts.get("placement")
    if placement is None and facts.get("provider") == CPU:
        return {"nodes": {CPU: nodes}, "cpu": [], "cpu_operators": {}}
    return placement


def breach(placement: Mapping[str, Any] | None, allowed: CpuNodes, backend: str) -> ModelError | None:
    """Return the failure of a session that leaves more to the CPU than is allowed; None where it does not.

    Args:
        placement: as the session tells it; None where it cannot.
        allowed: nodes that may be there.
        backend: name of the accelerator.
    """
    if not placement or set(placement["nodes"]) <= {CPU}:
        return None  # it is the CPU that was asked for
    over = {name: n for name, n in placement["cpu_operators"].items() if name not in allowed.operators}
    if sum(over.values()) <= allowed.most:
        return None
    named = [f"{operator} {printable(name, 40)!r}" if name else operator
             for name, operator in placement["cpu"] if operator in over]  # fmt: skip
    more = sum(over.values()) - len(named[:_NAMED])
    listed = ", ".join(named[:_NAMED]) + (f" and {more} more" if more else "")
    count, total = sum(over.values()), sum(placement["nodes"].values())
    limit = f"{allowed.most} may" if allowed.most else "none may"
    return ModelError(
        f"{backend} leaves {count} of {total} nodes to the CPU, and {limit} be there: {listed}",
        code="V_PLACEMENT",
        remedy=f"change the operator, or allow it: {_OPTION}={','.join(list(over)[:4])}",
    )


def figures(placement: Mapping[str, Any] | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what results say of a session: where it runs, and with which options of its provider.

    Args:
        placement: as :func:`told`.
        facts: of the session.

    Returns:
        ``placement``, nodes by provider; ``cpu_nodes``, those on the CPU by name; ``device`` and ``provider_options``.
    """
    found: dict[str, Any] = {}
    if facts.get("provider_options") is not None:
        found = {"device": facts.get("device"), "provider_options": dict(facts["provider_options"])}
    if not placement:
        return found
    found["placement"] = dict(placement["nodes"])
    if set(placement["nodes"]) - {CPU}:
        found["cpu_nodes"] = [f"{operator} {name!r}" if name else operator for name, operator in placement["cpu"]]
    return found
