"""Ways to write an affine normalisation, each as source code; what is shown is what is run and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.preprocessing.diagnosis.affine_fit import Affine


@record(frozen=True)
class Rewrite:
    """One rung: *source* defines ``preprocess(image)``.

    Attributes:
        needs: modules that it imports in addition to NumPy.
    """

    name: str
    source: str
    needs: tuple[str, ...] = ()

    def function(self) -> Callable[[Any], Any]:
        """Return the function that the source defines."""
        space: dict[str, Any] = {}
        exec(compile(self.source, f"<{self.name}>", "exec"), space)
        found: Callable[[Any], Any] = space["preprocess"]
        return found

    def comparable(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return *function* of this rewrite with its result arranged as the user's function arranges it."""
        return function


def rewrites(affine: Affine) -> Iterator[Rewrite]:
    """Yield the rewrites that can be *affine*, the plainest first."""
    if affine.uniform:
        yield Rewrite("scalar constants", _scalars(affine))
    yield Rewrite("float32 with out=", _in_place(affine))
    if not affine.uniform:
        yield Rewrite("tiled mean", _tiled(affine))
    yield Rewrite("one channel at a time", _channels(affine))
    yield Rewrite("table of 256", _table(affine))
    yield Rewrite("cv2.LUT", _opencv(affine), ("cv2",))


def _number(value: float) -> str:
    """Return the shortest text of *value* that reads as a float."""
    return repr(float(value))


def _listed(values: tuple[float, ...], shape: str = "") -> str:
    if len(set(values)) == 1:
        return f"np.float32({_number(values[0])})"
    return f"np.array([{', '.join(map(_number, values))}], np.float32){shape}"


def _picked(affine: Affine) -> str:
    """Return the image with its channels in the order of the result."""
    return {"same": "image", "reversed": "image[..., ::-1]"}.get(affine.order, f"image[..., {list(affine.source)}]")


def _constants(affine: Affine, shape: str = "") -> str:
    """Return ``MEAN`` and ``SCALE`` as scalars, or as arrays with *shape* behind them."""
    scale = tuple(1 / std for std in affine.std)
    return f"MEAN = {_listed(affine.mean, shape)}\nSCALE = {_listed(scale, shape)}\n"


def _returned(affine: Affine, name: str = "out") -> str:
    """Return the return of *name*, which is H x W x C."""
    if affine.planes:
        name = f"np.ascontiguousarray({name}.transpose(2, 0, 1))"
    return f"    return {name}[None]\n" if affine.batched else f"    return {name}\n"


def _scalars(affine: Affine) -> str:
    image = _picked(affine) + (".transpose(2, 0, 1)" if affine.planes else "")
    value = f"({image} - MEAN) * SCALE"
    if affine.planes:
        value = f"np.ascontiguousarray({value})"
    elif affine.batched:
        value = f"({value})"
    batch = "[None]" if affine.batched else ""
    return f"import numpy as np\n\n{_constants(affine)}\n\ndef preprocess(image):\n    return {value}{batch}\n"


def _in_place(affine: Affine) -> str:
    image = _picked(affine) + (".transpose(2, 0, 1)" if affine.planes else "")
    constants = _constants(affine, "[:, None, None]" if affine.planes else "")
    batch = "[None]" if affine.batched else ""
    return (
        f"import numpy as np\n\n{constants}\n\ndef preprocess(image):\n"
        f"    image = {image}\n"
        "    out = np.empty(image.shape, np.float32)\n"
        "    np.subtract(image, MEAN, out=out)\n"
        "    np.multiply(out, SCALE, out=out)\n"
        f"    return out{batch}\n"
    )


def _tiled(affine: Affine) -> str:
    names = (("MEAN", affine.mean), ("SCALE", affine.std))
    mean, scale = (name if len(set(values)) == 1 else f"np.tile({name}, width)" for name, values in names)
    return (
        f"from functools import lru_cache\n\nimport numpy as np\n\n{_constants(affine)}\n\n"
        "@lru_cache(maxsize=8)\ndef rows(width):\n"
        f"    return {mean}, {scale}\n\n\n"
        "def preprocess(image):\n"
        "    height, width, channels = image.shape\n"
        "    mean, scale = rows(width)\n"
        "    out = np.empty((height, width * channels), np.float32)\n"
        f"    np.subtract({_picked(affine)}.reshape(out.shape), mean, out=out)\n"
        "    np.multiply(out, scale, out=out)\n"
        "    out = out.reshape(height, width, channels)\n" + _returned(affine)
    )


def _channels(affine: Affine) -> str:
    rows = "".join(
        f"    ({source}, np.float32({_number(mean)}), np.float32({_number(1 / std)})),\n"
        for source, mean, std in zip(affine.source, affine.mean, affine.std, strict=True)
    )
    sizes, plane = ("channels, height, width", "out[channel]")
    if not affine.planes:
        sizes, plane = ("height, width, channels", "out[..., channel]")
    batch = "[None]" if affine.batched else ""
    return (
        f"import numpy as np\n\nCHANNELS = (\n{rows})\n\n\ndef preprocess(image):\n"
        "    height, width, channels = image.shape\n"
        f"    out = np.empty(({sizes}), np.float32)\n"
        "    for channel, (source, mean, scale) in enumerate(CHANNELS):\n"
        f"        plane = {plane}\n"
        "        np.subtract(image[..., source], mean, out=plane)\n"
        "        np.multiply(plane, scale, out=plane)\n"
        f"    return out{batch}\n"
    )


def _tables(affine: Affine) -> str:
    """Return ``TABLES``: what each of the 256 values becomes, one row for each channel of the result."""
    mean, std = ([_number(v) for v in vs] for vs in (affine.mean, affine.std))
    return (
        f"MEAN = np.array([{', '.join(mean)}])\nSTD = np.array([{', '.join(std)}])\n"
        "TABLES = ((np.arange(256) - MEAN[:, None]) / STD[:, None]).astype(np.float32)\n"
    )


def _table(affine: Affine) -> str:
    batch = "[None]" if affine.batched else ""
    head = f"import numpy as np\n\n{_tables(affine)}"
    if affine.uniform:
        image = _picked(affine) + (".transpose(2, 0, 1)" if affine.planes else "")
        make = f"    image = {image}\n    return np.take(TABLES[0], np.ascontiguousarray(image)){batch}\n"
        return f"{head}\n\ndef preprocess(image):\n{make}"
    sizes, plane = ("channels, height, width", "out[channel]")
    if not affine.planes:
        sizes, plane = ("height, width, channels", "out[..., channel]")
    return (
        f"{head}SOURCE = {affine.source}\n\n\ndef preprocess(image):\n"
        "    height, width, channels = image.shape\n"
        f"    out = np.empty(({sizes}), np.float32)\n"
        "    for channel, source in enumerate(SOURCE):\n"
        f"        {plane} = TABLES[channel][image[..., source]]\n"
        f"    return out{batch}\n"
    )


def _opencv(affine: Affine) -> str:
    head = f"import cv2\nimport numpy as np\n\n{_tables(affine)}"
    batch = "[None]" if affine.batched else ""
    if affine.planes and affine.uniform:
        return (
            f"{head}\n\ndef preprocess(image):\n"
            f"    planes = np.ascontiguousarray({_picked(affine)}.transpose(2, 0, 1))\n"
            "    flat = planes.reshape(planes.shape[0], -1)\n"
            f"    return cv2.LUT(flat, TABLES[0]).reshape(planes.shape){batch}\n"
        )
    if affine.planes:
        return (
            f"{head}SOURCE = {affine.source}\n\n\ndef preprocess(image):\n"
            "    height, width, channels = image.shape\n"
            "    out = np.empty((channels, height, width), np.float32)\n"
            "    for channel, source in enumerate(SOURCE):\n"
            "        out[channel] = cv2.LUT(np.ascontiguousarray(image[..., source]), TABLES[channel])\n"
            f"    return out{batch}\n"
        )
    table = "TABLES[0]" if affine.uniform else "TABLE"
    rows = "" if affine.uniform else "TABLE = np.ascontiguousarray(TABLES.T)[None]\n"
    return (
        f"{head}{rows}\n\ndef preprocess(image):\n"
        f"    out = cv2.LUT(np.ascontiguousarray({_picked(affine)}), {table}).reshape(image.shape)\n"
        f"    return out{batch}\n"
    )
