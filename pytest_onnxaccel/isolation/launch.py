"""How a worker is started: the command, a cleaned environment, inherited descriptors, its own process group."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence

from pytest_onnxaccel.core.frozen import record
from pytest_onnxaccel.isolation.confinement.confine import VARIABLE, Wall

#: What a worker sees of the environment, each by its exact name: a pattern lets the next secret through.
_NAMES = """
    PATH HOME USER LOGNAME LANG LANGUAGE TZ TMPDIR PYTHONPATH VIRTUAL_ENV CONDA_PREFIX
    LC_ALL LC_COLLATE LC_CTYPE LC_MESSAGES LC_MONETARY LC_NUMERIC LC_TIME
    LD_LIBRARY_PATH DYLD_LIBRARY_PATH DYLD_FALLBACK_LIBRARY_PATH DYLD_FRAMEWORK_PATH

    CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER CUDA_DEVICE_MAX_CONNECTIONS CUDA_HOME CUDA_PATH CUDA_ROOT CUDNN_PATH
    CUDA_CACHE_PATH CUDA_CACHE_DISABLE CUDA_CACHE_MAXSIZE CUDA_LAUNCH_BLOCKING CUDA_MODULE_LOADING CUDA_FORCE_PTX_JIT
    CUDA_DISABLE_PTX_JIT CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY CUDA_MPS_ACTIVE_THREAD_PERCENTAGE
    CUBLAS_WORKSPACE_CONFIG CUDNN_LOGLEVEL_DBG CUDNN_LOGDEST_DBG
    NVIDIA_VISIBLE_DEVICES NVIDIA_DRIVER_CAPABILITIES NVIDIA_TF32_OVERRIDE

    OMP_NUM_THREADS OMP_DYNAMIC OMP_MAX_ACTIVE_LEVELS OMP_PLACES OMP_PROC_BIND OMP_SCHEDULE OMP_STACKSIZE
    OMP_THREAD_LIMIT OMP_WAIT_POLICY GOMP_CPU_AFFINITY GOMP_SPINCOUNT
    KMP_AFFINITY KMP_BLOCKTIME KMP_DUPLICATE_LIB_OK KMP_HW_SUBSET KMP_INIT_AT_FORK KMP_SETTINGS KMP_WARNINGS
    MKL_NUM_THREADS MKL_DYNAMIC MKL_CBWR MKL_ENABLE_INSTRUCTIONS MKL_DEBUG_CPU_TYPE MKL_THREADING_LAYER
    MKL_INTERFACE_LAYER MKL_VERBOSE
    OPENBLAS_NUM_THREADS OPENBLAS_CORETYPE OPENBLAS_L2_SIZE OPENBLAS_MAIN_FREE OPENBLAS_THREAD_TIMEOUT
    OPENBLAS_VERBOSE GOTO_NUM_THREADS BLIS_NUM_THREADS VECLIB_MAXIMUM_THREADS NUMEXPR_NUM_THREADS
    NPY_DISABLE_CPU_FEATURES ATEN_CPU_CAPABILITY ONEDNN_MAX_CPU_ISA DNNL_MAX_CPU_ISA ONEDNN_VERBOSE
    ONEDNN_DEFAULT_FPMATH_MODE

    TF_CPP_MIN_LOG_LEVEL TF_CPP_MIN_VLOG_LEVEL TF_CPP_MAX_VLOG_LEVEL TF_ENABLE_ONEDNN_OPTS
    TF_FORCE_GPU_ALLOW_GROWTH TF_GPU_ALLOCATOR TF_GPU_THREAD_MODE TF_GPU_THREAD_COUNT TF_NUM_INTEROP_THREADS
    TF_NUM_INTRAOP_THREADS TF_DETERMINISTIC_OPS TF_CUDNN_DETERMINISTIC TF_CUDNN_USE_AUTOTUNE TF_USE_LEGACY_KERAS
    TF_XLA_FLAGS XLA_FLAGS TF_ENABLE_XLA TF_DISABLE_MKL TF_DISABLE_SEGMENT_REDUCTION_OP_DETERMINISM_EXCEPTIONS
    KERAS_BACKEND
    PYTORCH_ALLOC_CONF PYTORCH_CUDA_ALLOC_CONF TORCH_CUDNN_V8_API_DISABLED TORCH_ALLOW_TF32_CUBLAS_OVERRIDE
    TORCH_LOGS TORCH_CPP_LOG_LEVEL

    XDG_CACHE_HOME ONNXACCEL_CACHE ONNXACCEL_PYTHON_ONNX_TF
"""
KEPT = frozenset(_NAMES.split())


def worker_environment(legacy: bool = False, more: Iterable[str] = ()) -> dict[str, str]:
    """Return the environment of a worker.

    Args:
        legacy: without what would show it this interpreter's packages.
        more: names that the owner lets it see.
    """
    wanted = KEPT.union(more)
    kept = {name: value for name, value in os.environ.items() if name in wanted}
    if legacy:
        kept.pop("PYTHONPATH", None)
        kept.pop("VIRTUAL_ENV", None)
    kept["PYTHONDONTWRITEBYTECODE"] = "1" if legacy else os.environ.get("PYTHONDONTWRITEBYTECODE", "")
    # A runtime that asks its vendor for news from a merge gate is a leak
    kept["ORT_DISABLE_TELEMETRY"] = "1"
    kept["PYTHONUTF8"] = "1"
    return kept


def own_command() -> list[str]:
    """Return the command of a worker in this interpreter; ``-P`` keeps a folder ``onnx`` from shadowing onnx."""
    return [sys.executable, "-P", "-c", "from pytest_onnxaccel.isolation.worker import main; main()"]


@record(frozen=True)
class Launch:
    """How one worker is started.

    Attributes:
        command: argv up to the descriptors.
        folder: its working folder, the private staging folder.
        preload: modules that it imports at once, while the parent does something else.
        legacy: it runs in another interpreter, and sees nothing of this one's packages.
        wall: what it confines itself to, before anything else; None for nothing.
        variables: names of variables of the environment that it may see in addition to the usual ones.
    """

    command: Sequence[str]
    folder: str
    preload: Sequence[str] = ()
    legacy: bool = False
    wall: Wall | None = None
    variables: Iterable[str] = ()


def spawn(launch: Launch, descriptors: Sequence[int], log: int) -> subprocess.Popen[bytes]:
    """Start a worker with *descriptors* (channel, inbox, outbox) inherited and its output in *log*."""
    wall = {} if launch.wall is None else {VARIABLE: json.dumps(launch.wall.to_json())}
    return subprocess.Popen(
        [*launch.command, *map(str, descriptors), *launch.preload],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=tuple(descriptors),
        start_new_session=True,
        cwd=launch.folder,
        env=worker_environment(launch.legacy, launch.variables) | wall,
    )
