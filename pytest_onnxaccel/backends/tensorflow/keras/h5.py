"""Looks through an HDF5 file of Keras: nothing in it may be in another file, or need a library of others."""

from __future__ import annotations

from typing import Any

from pytest_onnxaccel.core.errors import BackendUnavailable, ModelError, printable

_MOST = 1_000_000
#: Filters that HDF5 and h5py have themselves: deflate, shuffle, checksum, szip, n-bit, scale-offset, LZF.
_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})


def look_through(file: Any) -> dict[str, Any]:
    """Return the configurations of an HDF5 file, a path or open for reading, once its data are known to be in it.

    Returns:
        ``model_config`` and ``training_config`` where the file has them.

    Raises:
        ModelError: ``E_UNSAFE`` for data that are elsewhere; ``E_PARSE``; ``E_SIZE``.
        BackendUnavailable: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise BackendUnavailable(
            f"an HDF5 file cannot be looked through: {error}", remedy="python -m pip install h5py"
        ) from error
    try:
        with h5py.File(file, "r") as opened:
            _refuse_links(opened, h5py)
            return {key: opened.attrs[key] for key in ("model_config", "training_config") if key in opened.attrs}
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise ModelError(
            f"is truncated or not a Keras model: {printable(str(error), 100)}",
            code="E_PARSE",
            remedy="save the model again",
        ) from None


def _refuse_links(group: Any, h5py: Any) -> None:
    """Refuse links to other files: their data would be read from there."""
    waiting, seen, known = [group], 0, set()
    while waiting:
        inside = waiting.pop()
        for name in inside:
            seen += 1
            if seen > _MOST:
                raise ModelError("has over a million entries", code="E_SIZE")
            link = inside.get(name, getlink=True)
            where = printable(f"{inside.name}/{name}", 80)
            if isinstance(link, h5py.SoftLink):
                continue  # what it leads to is met under its own name
            if not isinstance(link, h5py.HardLink):
                raise _unsafe(f"holds a link to another file: {where}")
            item = inside[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in known:
                continue
            known.add(address)
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                _refuse_data(item, where)


def _refuse_data(item: Any, where: str) -> None:
    if item.external or item.is_virtual:
        raise _unsafe(f"keeps data in another file: {where}")
    plan = item.id.get_create_plist()
    for at in range(plan.get_nfilters()):
        number = plan.get_filter(at)[0]
        if number not in _FILTERS:
            raise _unsafe(f"keeps data that only the HDF5 filter {number}, a library of others, can read: {where}")


def _unsafe(cause: str) -> ModelError:
    return ModelError(cause, code="E_UNSAFE", remedy="save the model again, as one file")
