"""The execution providers that are known here. Another distribution adds a row by an entry point of its own."""

from __future__ import annotations

from pytest_onnxaccel.backends.onnxruntime.providers.row import ProviderRow

_REPLACE = "python -m pip uninstall -y onnxruntime && python -m pip install "
_NVIDIA = "pytest_onnxaccel.backends.onnxruntime.providers.nvidia:devices"
_NVIDIA_MEMORY = "pytest_onnxaccel.backends.onnxruntime.providers.nvidia_memory:used"
_GPU_LIBRARIES = 'python -m pip install "onnxruntime-gpu[cuda,cudnn]"'

CPU = ProviderRow(
    "cpu", "CPUExecutionProvider", "CPU", ("onnxruntime",), 'python -m pip install "pytest-onnxaccel[cpu]"',
    options={"arena_extend_strategy": "kNextPowerOfTwo|kSameAsRequested"},
)  # fmt: skip

CUDA = ProviderRow(
    "cuda",
    "CUDAExecutionProvider",
    "CUDA",
    ("onnxruntime-gpu",),
    _REPLACE + '"pytest-onnxaccel[gpu]"',
    libraries=_GPU_LIBRARIES,
    device="0",
    device_option="device_id",
    options={
        "use_tf32": "bool",
        "cudnn_conv_algo_search": "EXHAUSTIVE|HEURISTIC|DEFAULT",
        "cudnn_conv_use_max_workspace": "bool",
        "cudnn_conv1d_pad_to_nc1d": "bool",
        "enable_cuda_graph": "bool",
        "prefer_nhwc": "bool",
        "gpu_mem_limit": "int",
        "arena_extend_strategy": "kNextPowerOfTwo|kSameAsRequested",
        "do_copy_in_default_stream": "bool",
        "enable_skip_layer_norm_strict_mode": "bool",
        "tunable_op_enable": "bool",
        "fuse_conv_bias": "bool",
        "sdpa_kernel": "int",
    },
    devices=_NVIDIA,
    memory_used=_NVIDIA_MEMORY,
    memory="cuda",
    needs="nvidia",
    lacks="shape computations are placed on the CPU; TF32 rounds float32 products to 10 bits by default",
    variants=(
        ("TF32 off", (("use_tf32", "0"),)),
        ("cuDNN default algorithms", (("cudnn_conv_algo_search", "DEFAULT"),)),
        ("cuDNN heuristic algorithms", (("cudnn_conv_algo_search", "HEURISTIC"),)),
    ),
    tries=(
        ("TF32 products", (("use_tf32", "1"),)),
        ("channels last (prefer_nhwc)", (("prefer_nhwc", "1"),)),
        ("CUDA graph", (("enable_cuda_graph", "1"),)),
    ),
)

TENSORRT = ProviderRow(
    "tensorrt",
    "TensorrtExecutionProvider",
    "TensorRT",
    ("onnxruntime-gpu",),
    _REPLACE + '"pytest-onnxaccel[gpu]" tensorrt',
    libraries=_GPU_LIBRARIES + " tensorrt",
    device="0",
    device_option="device_id",
    options={
        "trt_fp16_enable": "bool",
        "trt_bf16_enable": "bool",
        "trt_int8_enable": "bool",
        "trt_int8_calibration_table_name": "text",
        "trt_engine_cache_enable": "bool",
        "trt_engine_cache_path": "text",
        "trt_timing_cache_enable": "bool",
        "trt_timing_cache_path": "text",
        "trt_max_workspace_size": "int",
        "trt_max_partition_iterations": "int",
        "trt_min_subgraph_size": "int",
        "trt_builder_optimization_level": "int",
        "trt_cuda_graph_enable": "bool",
        "trt_layer_norm_fp32_fallback": "bool",
        "trt_profile_min_shapes": "text",
        "trt_profile_max_shapes": "text",
        "trt_profile_opt_shapes": "text",
        "trt_op_types_to_exclude": "text",
    },
    devices=_NVIDIA,
    memory_used=_NVIDIA_MEMORY,
    memory="cuda",
    needs="nvidia",
    lacks="float64 and strings; int64 is narrowed to int32 before TensorRT 10",
    variants=(("builder optimization level 0", (("trt_builder_optimization_level", "0"),)),),
    tries=(
        ("TensorRT FP16", (("trt_fp16_enable", "1"),)),
        ("CUDA graph", (("trt_cuda_graph_enable", "1"),)),
    ),
)

OPENVINO = ProviderRow(
    "openvino",
    "OpenVINOExecutionProvider",
    "OpenVINO",
    ("onnxruntime-openvino",),
    "python -m pytest_onnxaccel env ort-openvino",
    device="CPU",
    device_option="device_type",
    threads_option="num_of_threads",
    options={
        "precision": "FP32|FP16|ACCURACY",
        "num_of_threads": "int",
        "num_streams": "int",
        "cache_dir": "text",
        "load_config": "text",
        "context": "text",
        "model_priority": "DEFAULT|LOW|MEDIUM|HIGH",
        "enable_opencl_throttling": "bool",
        "enable_qdq_optimizer": "bool",
        "enable_causallm": "bool",
        "disable_dynamic_shapes": "bool",
        "reshape_input": "text",
        "layout": "text",
    },
    environment=True,
    lacks="int64 is narrowed to int32, float64 runs on the CPU provider, and what an initializer is fed is ignored",
    variants=(
        ("threads=1", (("num_of_threads", "1"),)),
        ("threads=3", (("num_of_threads", "3"),)),
        ("precision ACCURACY", (("precision", "ACCURACY"),)),
    ),
    tries=(
        ("OpenVINO FP16", (("precision", "FP16"),)),
        ("OpenVINO bfloat16", (("load_config", '{"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}'),)),
        ("OpenVINO float16", (("load_config", '{"CPU": {"INFERENCE_PRECISION_HINT": "f16"}}'),)),
    ),
)

COREML = ProviderRow(
    "coreml",
    "CoreMLExecutionProvider",
    "CoreML",
    ("onnxruntime",),
    'python -m pip install "pytest-onnxaccel[cpu]"',
    device="ALL",
    device_option="MLComputeUnits",
    options={
        "MLComputeUnits": "ALL|CPUOnly|CPUAndGPU|CPUAndNeuralEngine",
        "ModelFormat": "MLProgram|NeuralNetwork",
        "RequireStaticInputShapes": "bool",
        "EnableOnSubgraphs": "bool",
        "SpecializationStrategy": "Default|FastPrediction",
        "AllowLowPrecisionAccumulationOnGPU": "bool",
        "ModelCacheDirectory": "text",
    },
    needs="darwin",
    lacks="computes in float16 on the Neural Engine; no float64",
    variants=(("CPU units", (("MLComputeUnits", "CPUOnly"),)),),
)

DML = ProviderRow(
    "dml",
    "DmlExecutionProvider",
    "DirectML",
    ("onnxruntime-directml",),
    "python -m pip uninstall -y onnxruntime && python -m pip install onnxruntime-directml",
    device="0",
    device_option="device_id",
    options={
        "performance_preference": "default|high_performance|minimum_power",
        "device_filter": "gpu|npu|any",
        "disable_metacommands": "bool",
        "enable_graph_capture": "bool",
    },
    memory="dml",
    needs="windows",
    variants=(("metacommands off", (("disable_metacommands", "true"),)),),
)

MIGRAPHX = ProviderRow(
    "migraphx",
    "MIGraphXExecutionProvider",
    "MIGraphX",
    ("onnxruntime-migraphx",),
    "python -m pip uninstall -y onnxruntime && python -m pip install onnxruntime-migraphx",
    device="0",
    device_option="device_id",
    options={
        "migraphx_fp16_enable": "bool",
        "migraphx_bf16_enable": "bool",
        "migraphx_fp8_enable": "bool",
        "migraphx_int8_enable": "bool",
        "migraphx_exhaustive_tune": "bool",
        "migraphx_model_cache_dir": "text",
        "migraphx_mem_limit": "int",
    },
    tries=(("MIGraphX FP16", (("migraphx_fp16_enable", "1"),)),),
)

QNN = ProviderRow(
    "qnn",
    "QNNExecutionProvider",
    "QNN",
    install="python -m pip install onnxruntime onnxruntime-qnn",
    plugin="onnxruntime-qnn",
    device="first",
    options={
        "backend_path": "text",
        "profiling_level": "off|basic|detailed|optrace",
        "htp_performance_mode": "text",
        "htp_graph_finalization_optimization_mode": "0|1|2|3",
        "enable_htp_fp16_precision": "bool",
        "offload_graph_io_quantization": "bool",
        "soc_model": "text",
        "vtcm_mb": "int",
    },
    lacks="needs fixed shapes; the HTP computes in 8 or 16 bits",
)

WEBGPU = ProviderRow(
    "webgpu",
    "WebGpuExecutionProvider",
    "WebGPU",
    ("onnxruntime-webgpu",),
    "python -m pip uninstall -y onnxruntime && python -m pip install onnxruntime-webgpu",
    options={
        "preferredLayout": "NHWC|NCHW",
        "enableGraphCapture": "bool",
        "powerPreference": "high-performance|low-power",
        "dawnBackendType": "text",
        "deviceId": "int",
    },
    device_option="deviceId",
    lacks="float64 and most of int64",
)

#: By name, in the order of documents.
ROWS = {row.name: row for row in (CPU, CUDA, TENSORRT, OPENVINO, COREML, DML, MIGRAPHX, QNN, WEBGPU)}
