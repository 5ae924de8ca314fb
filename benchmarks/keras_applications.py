"""Models of ``keras.applications`` through ``convert``: which ones are converted and proven, and how exactly.

    python benchmarks/keras_applications.py [NAME ...] [--all] [--limit SECONDS]

By default one of each family. Weights are random, and the statistics of batch normalizations are those of random images
and of values near 0, as a conversion draws them: values neither vanish nor grow. Outputs are logits. Each model is
built at the smallest size that it takes, saved as ``.keras``, and converted by the command line. The result is then
run in ONNX Runtime next to the Keras model, on images that the conversion did not see: the worst difference over the
largest output. It needs TensorFlow, tf2onnx and ONNX Runtime, and prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

#: One of each family, the smallest.
FAMILIES = (
    "ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionResNetV2", "InceptionV3",
    "MobileNet", "MobileNetV2", "MobileNetV3Small", "NASNetMobile", "ResNet50", "ResNet50V2", "VGG16", "Xception",
)  # fmt: skip
#: Sides of the input that are tried, pixels; a model takes none below its smallest.
SIZES = (32, 48, 64, 71, 75, 96, 128, 224, 331)
CLASSES = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="such as VGG16; default: one of each family")
    parser.add_argument("--all", action="store_true", help="every model of keras.applications")
    parser.add_argument("--limit", default="600s", help="of each stage of a conversion; default: %(default)s")
    arguments = parser.parse_args()
    packages = ("keras", "tensorflow-cpu", "tensorflow", "tf2onnx", "onnxruntime")
    print(", ".join(f"{name} {found}" for name in packages if (found := _version(name))))
    print("\n| model | input | parameters | nodes | worst difference | size of outputs | conversion |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    names = arguments.names or (every() if arguments.all else FAMILIES)
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(name, Path(folder), arguments.limit) for name in names]
    return int(not all(rows))


def every() -> list[str]:
    """Names of all models of ``keras.applications``."""
    from keras import applications

    return [name for name in dir(applications) if name[0].isupper() and callable(getattr(applications, name))]


def row(name: str, folder: Path, limit: str) -> bool:
    """Print the line of one model; True if it was converted and proven."""
    import numpy as np

    model, size = built(name)
    source, target = folder / f"{name}.keras", folder / f"{name}.onnx"
    model.save(source)
    begun = time.monotonic()
    command = [sys.executable, "-m", "pytest_onnxaccel", "convert", str(source), "-o", str(target)]
    done = subprocess.run([*command, f"--timeout={limit}"], capture_output=True, text=True, check=False)
    took = time.monotonic() - begun
    begins = f"| {name} | {size}x{size} | {model.count_params() / 1e6:.1f} M"
    proof = re.search(r"^proven on .*$", done.stdout, re.MULTILINE)
    if done.returncode or not proof or "nothing is proven" in done.stdout:
        print(f"{begins} | | | | {(done.stdout + done.stderr).strip().splitlines()[-1]} |", flush=True)
        return False
    images = images_for(model, 7, 4)
    expected = np.asarray(model(images, training=False))
    import onnx
    import onnxruntime

    session = onnxruntime.InferenceSession(str(target))
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    worst = np.abs(found - expected).max() / np.abs(expected).max()
    nodes = len(onnx.load(target).graph.node)
    shown = f"{begins} | {nodes} | {worst:.1e} | {np.abs(expected).max():.2g} | {took:.0f} s |"
    print(shown, flush=True)
    source.unlink()
    target.unlink()
    return bool(worst < 1e-3)


def built(name: str) -> tuple[Any, int]:
    """Return the model *name* with random weights, and the side of its input."""
    import keras
    import numpy as np

    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    make = getattr(keras.applications, name)
    for size in SIZES:
        try:
            model = make(weights=None, input_shape=(size, size, 3), classes=CLASSES, classifier_activation=None)
            break
        except ValueError as error:  # below its smallest input
            cause = error
    else:
        raise cause
    generator = np.random.default_rng(0)
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "BatchNormalization":
            layer.momentum = 0.0  # statistics are those of the images below
        for weight in layer.weights:
            if kind == "LayerScale":  # begins at 1e-6, where a block does nothing
                weight.assign(generator.uniform(0.3, 0.7, weight.shape))
            elif weight.name == "bias":
                weight.assign(generator.normal(0, 0.05, weight.shape))
            elif weight.name in ("gamma", "beta"):
                weight.assign((weight.name == "gamma") + generator.normal(0, 0.1, weight.shape))
    small = generator.normal(size=(64, size, size, 3)).astype(np.float32)  # as a conversion draws them
    model(np.concatenate([images_for(model, 0, 64), small]), training=True)
    return model, size


def images_for(model: Any, seed: int, count: int) -> Any:
    """Return *count* random images: 0 to 255 for a model that scales them itself, else around 0."""
    import numpy as np

    values = np.random.default_rng(seed).normal(size=(count, *model.input_shape[1:]))
    scales = any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in model.layers)
    return (np.clip(values * 60 + 127, 0, 255) if scales else values).astype(np.float32)


def _version(name: str) -> str:
    try:
        return version(name)
    except ModuleNotFoundError:
        return ""


if __name__ == "__main__":
    raise SystemExit(main())
