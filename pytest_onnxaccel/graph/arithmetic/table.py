"""Which operators are computed here by their definition, and which are left to NumPy's own functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_onnxaccel.graph.arithmetic import linear, norms, pools, quantised, recurrent

#: (inputs with None for those left out, attributes) -> outputs. Floats come and go as float64. Attributes hold
#: ``since`` (the opset that the operator is defined by) and ``outputs`` (how many the node has), too.
Kernel = Callable[[Sequence[Any], Mapping[str, Any]], Any]

#: By operator of the default domain.
KERNELS: dict[str, Kernel] = {
    "AveragePool": pools.average_pool,
    "BatchNormalization": norms.batch_normalization,
    "Conv": linear.conv,
    "ConvInteger": quantised.conv_integer,
    "ConvTranspose": linear.conv_transpose,
    "DequantizeLinear": quantised.dequantize,
    "Div": linear.div,
    "Dropout": norms.dropout,
    "DynamicQuantizeLinear": quantised.dynamic_quantize,
    "GRU": recurrent.gru,
    "Gemm": linear.gemm,
    "GlobalAveragePool": pools.global_average,
    "GlobalLpPool": pools.global_lp,
    "GlobalMaxPool": pools.global_max,
    "GroupNormalization": norms.group_normalization,
    "Hardmax": norms.hardmax,
    "InstanceNormalization": norms.instance_normalization,
    "LRN": norms.lrn,
    "LSTM": recurrent.lstm,
    "LayerNormalization": norms.layer_normalization,
    "LogSoftmax": norms.log_softmax,
    "LpNormalization": norms.lp_normalization,
    "LpPool": pools.lp_pool,
    "MatMulInteger": quantised.matmul_integer,
    "MaxPool": pools.max_pool,
    "QLinearConv": quantised.qlinear_conv,
    "QLinearMatMul": quantised.qlinear_matmul,
    "QuantizeLinear": quantised.quantize,
    "RMSNormalization": norms.rms_normalization,
    "RNN": recurrent.rnn,
    "Softmax": norms.softmax,
}

#: Those that onnx's evaluator hands to one function of NumPy, in whatever type it is fed: nothing to get wrong.
PLAIN = frozenset({
    "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "Cast", "CastLike",
    "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "Cos", "Cosh", "CumSum", "DepthToSpace", "Einsum", "Elu",
    "Equal", "Erf", "Exp", "Expand", "EyeLike", "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Greater",
    "GreaterOrEqual", "HardSigmoid", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Log",
    "MatMul", "Max", "Mean", "Min", "Mul", "Neg", "Not", "Or", "PRelu", "Pad", "Pow", "Range", "Reciprocal",
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Round", "Selu", "Shape", "Sigmoid", "Sign", "Sin", "Sinh",
    "Size", "Slice", "Softplus", "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tan", "Tanh",
    "Tile", "Transpose", "Trilu", "Unsqueeze", "Where", "Xor",
})  # fmt: skip
