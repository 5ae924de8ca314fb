"""Which names of a pickle an owner may trust, and which are offered to be: never what runs whatever it is given."""

from __future__ import annotations

import fnmatch
import os
import sys
from collections.abc import Sequence

from pytest_onnxaccel.backends.name_lists import listed

#: Plain data of the standard library that checkpoints refer to; the rest of it is never trusted.
_STANDARD = (
    "argparse.Namespace", "collections.Counter", "collections.OrderedDict", "collections.defaultdict",
    "collections.deque", "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta",
    "datetime.timezone", "decimal.Decimal", "fractions.Fraction", "pathlib.*Path", "types.SimpleNamespace", "uuid.UUID",
)  # fmt: skip
_NUMPY = (
    "numpy.dtype", "numpy.ndarray", "numpy.dtypes.*DType", "numpy.bool_", "numpy.float??", "numpy.int?", "numpy.int??",
    "numpy.uint?", "numpy.uint??", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
)  # fmt: skip
_ACTIVATIONS = listed(
    """
    celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_softmax mish relu relu6 selu sigmoid silu
    softmax softplus softsign tanh tanhshrink
    """
)
#: Classes of layers and optimizers, and the functions that layers keep as their activation.
_LAYERS = ("torch.nn.", "torch.ao.nn.", "torch.optim.")
_FUNCTIONS = frozenset(
    f"{module}.{name}" for module in ("torch.nn.functional", "torch._C._nn", "torch") for name in _ACTIVATIONS
)
#: Modules of Python 2 that pickles name, and packages that are made to run or to load code.
_RUNNING = listed(
    """
    __builtin__ __main__ copy_reg commands cPickle exceptions IPython _pytest cloudpickle conda dill distutils fire
    hypothesis jax joblib keras numba onnx onnxruntime pandas pip pkg_resources pluggy pytest pytest_onnxaccel scipy
    setuptools sympy tensorflow torchvision triton wheel xdist
    """
)


def may_trust(name: str) -> bool:
    """Return whether *name*, such as ``models.net.Net``, can be trusted at all; ``os.system`` cannot."""
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names:
        return _any(name, _STANDARD)
    if root == "numpy":
        return _any(name, _NUMPY)
    if root == "torch":
        return name in _FUNCTIONS or (name.startswith(_LAYERS) and name.rpartition(".")[2][:1].isupper())
    return root not in _RUNNING


def trusted_of(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return those of *names* that the owner's *patterns* trust and that can be trusted."""
    return [name for name in names if may_trust(name) and _any(name, patterns)]


def may_offer(name: str, import_paths: Sequence[str]) -> bool:
    """Return whether a message may offer to trust *name*.

    PyTorch's layers, plain data, and modules of the repository.
    """
    root = name.partition(".")[0]
    if not may_trust(name):
        return False
    if root == "torch" or root == "numpy" or root in sys.stdlib_module_names:
        return True
    places = [os.path.join(path, root) for path in import_paths]
    return any(os.path.isfile(place + ".py") or os.path.isdir(place) for place in places)


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
