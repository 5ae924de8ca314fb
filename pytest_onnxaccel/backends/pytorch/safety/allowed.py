"""What a source of PyTorch may call: operators that compute on tensors, by list; the rest needs the owner's trust.

Operators of PyTorch's own namespaces are judged by their schemas: the types and the texts that they may take are listed
here, which are tensors, numbers, and texts that choose an algorithm. One that takes the name of a file, a host or an
object of C++ is not allowed, and neither is one of that kind that a later PyTorch adds.
"""

from __future__ import annotations

import fnmatch
import importlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pytest_onnxaccel.backends.name_lists import listed

#: Namespaces whose operators are judged by their schemas.
_BY_SCHEMA = frozenset({"aten", "prims", "quantized", "_quantized", "quantized_decomposed", "sparse", "onednn"})

_WRAPPERS = frozenset({"Optional", "List", "Dict", "Tuple", "Union", "Future", "None", "NoneType"})
_VALUES = listed(
    """
    Tensor int bool float number complex Scalar SymInt SymBool SymFloat Device Layout MemoryFormat ScalarType QScheme
    Generator Storage Any AnyEnumType t t1 t2 tVal
    """
)
#: Names of text arguments that choose how something is computed, or are texts to compute with.
_TEXTS = listed(
    """
    UPLO activation algorithm api_name approximate assert_msg attr binary_attr binary_post_op device_type driver
    equation indexing interpolation message mode norm ord p pad_mode padding padding_side post_op_algorithm
    post_op_name reduce rounding_mode side type unary_algorithm unary_attr unary_post_op unary_post_op_algorithm a b
    chars dict el fillchar idx input inputs item key l new old s self separator string substr t to_add values
    """
)
#: Classes of C++ that hold packed weights, or name a part of a profile.
CLASSES = frozenset(
    {
        *(f"quantized.{kind}PackedParamsBase" for kind in ("Linear", "Conv2d", "Conv3d", "Embedding")),
        "sparse.LinearPackedParamsBase", "rnn.CellParamsBase", "mkldnn.ConvOpContext", "profiler._RecordFunction",
    }
)  # fmt: skip
#: Operators of other namespaces, each known to compute, to control the flow or to mark a part of a profile.
_NAMED = {
    "prim": listed(
        """
        AutogradAdd ConstantChunk EnumName EnumValue NumToTensor Print RaiseException StringIndex TupleConstruct
        TupleIndex TupleSlice TupleUnpack Uninitialized abs awaitable_nowait awaitable_wait data device dtype grad id
        index is_cpu is_cuda is_ipu is_maia is_meta is_mkldnn is_mps is_mtia is_nested is_quantized is_sparse
        is_sparse_csr is_vulkan is_xla is_xpu itemsize layout max min name nbytes rangelist requires_grad shape tolist
        type unchecked_cast unchecked_unwrap_optional ModuleContainerIndex
        """
    ),
    "profiler": frozenset({"_record_function_enter", "_record_function_enter_new", "_record_function_exit"}),
    "torchvision": frozenset({"nms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"}),
    "rngprims": frozenset({"philox_rand"}),
}
#: What else the graph of a loaded TorchScript archive is made of.
_GRAPH = listed(
    """
    Constant If Loop ListConstruct ListUnpack DictConstruct GetAttr SetAttr HasAttr CallMethod CallFunction
    CreateObject isinstance Enter Exit fork forkClosure awaitable Closure Param Return Load Store Drop unchecked_cast
    range MakeTestTensor Guard annotate TypeCheck ChunkSizes ReductionSizes BroadcastSizes tolist
    """
)
#: Operators that take whole graphs; the graphs are walked.
_HIGHER_ORDER = listed(
    """
    associative_scan auto_functionalized auto_functionalized_v2 cond flex_attention hints_wrapper invoke_subgraph
    map_impl out_dtype scan strict_mode tag_activation_checkpoint while_loop wrap wrap_activation_checkpoint
    wrap_with_autocast wrap_with_set_grad_enabled
    """
)
_ARITHMETIC = (
    "add and_ eq floordiv ge getitem gt invert le lshift lt mod mul ne neg not_ or_ pos pow rshift sub truediv xor abs"
)
_VMAP = "_add_batch_dim _remove_batch_dim _vmap_decrement_nesting _vmap_increment_nesting lazy_load_decompositions"
_MATH = "acos asin atan ceil cos cosh exp floor isinf isnan log log2 log10 pow sin sinh sqrt tan tanh trunc"
#: Functions of Python that an exported program may name, in full.
_FUNCTIONS = frozenset(
    {
        *(f"_operator.{name}" for name in listed(_ARITHMETIC)),
        *(f"math.{name}" for name in listed(_MATH)),
        *(f"torch.sym_{name}" for name in listed("float int ite max min not sqrt sum")),
        *(f"torch._sym_{name}" for name in listed("sqrt log2 acos asin atan cos cosh exp log sin sinh tan tanh")),
        *(f"torch._functorch.predispatch.{name}" for name in listed(_VMAP)),
    }
)
#: Namespaces that PyTorch and its companions bring: what is not listed of them is never trusted, nor offered to be.
_OURS = listed(
    """
    _c10d_functional _c10d_functional_autograd _dtensor _native _test aten aoti bundled c10d caffe2 cuda
    debug_mode_ops debugprims export fsdp higher_order image inductor inductor_prims io libtorch_agnostic mkl mkldnn
    mkldnn_prepacked nvprims onednn onnx onnx_symbolic ops prepacked prim prims profiler quantization quantized
    quantized_decomposed rngprims rpc sparse static_runtime symm_mem tensorexpr torch torchaudio torchcodec torchtext
    torchvision torch_ipex torchrec triton video_reader vulkan_prepack xnnpack _quantized _caffe2 _inductor_test
    """
)
#: Modules that register a namespace's operators, of the packages that are allowed.
_REGISTERED_BY = {"torchvision": "torchvision", "quantized_decomposed": "torch.ao.quantization.fx._decomposed"}
_OPERATOR = re.compile(r"torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?", re.ASCII)


def operator_computes(namespace: str, name: str, overload: str | None = None, trusted: Sequence[str] = ()) -> bool:
    """Return whether a model may call ``torch.ops.<namespace>.<name>``.

    Args:
        namespace: that of the operator, such as ``aten``.
        name: that of the operator, such as ``relu``.
        overload: the one that is called (``default`` for the nameless one); None: any of them may be.
        trusted: patterns of names that the owner trusts.
    """
    if namespace in _NAMED:
        return name in _NAMED[namespace]
    if namespace == "higher_order":
        return overload is None and name in _HIGHER_ORDER
    if namespace not in _BY_SCHEMA:
        return may_trust_operator(namespace) and _matches(f"torch.ops.{namespace}.{name}", trusted)
    found = _schemas(namespace, name)
    if overload is not None:
        found = [schema for schema in found if (schema.overload_name or "default") == overload]
    return bool(found) and all(_computes(schema) for schema in found)


def attribute_computes(name: str) -> bool:
    """Return whether ``.name`` may stand in TorchScript.

    An operator that computes, or none, so that it is a model's own.
    """
    found = _schemas("aten", name)
    return all(_computes(schema) for schema in found)


def node_computes(kind: str, trusted: Sequence[str] = ()) -> bool:
    """Return whether a node of a loaded TorchScript graph may be there, by its kind such as ``aten::relu``."""
    namespace, _, name = kind.partition("::")
    if namespace == "prim" and name in _GRAPH:
        return True
    if namespace == "aten" and not _schemas(namespace, name):
        return True  # a function of TorchScript's own library, which the graph holds inlined
    return operator_computes(namespace, name, None, trusted)


def target_computes(target: str, trusted: Sequence[str] = ()) -> bool:
    """Return whether a node of an exported program may call *target*, such as ``torch.ops.aten.add.Tensor``."""
    match = _OPERATOR.fullmatch(target)
    if match is None:
        return target in _FUNCTIONS
    return operator_computes(match[1], match[2], match[3], trusted)


def how_to_allow(target: str) -> str:
    """Return the remedy for an operator that is not on the list; only own namespaces are offered for trust."""
    match = _OPERATOR.fullmatch(target)
    if match is None or not may_trust_operator(match[1]):
        return "export the model without it"
    return f"trust it, with a loader whose module registers it: --onnx-trust=torch.ops.{match[1]}.{match[2]}"


def may_trust_operator(namespace: str) -> bool:
    """Return whether the owner's word makes operators of *namespace* allowed.

    Not where PyTorch or a companion brings it.
    """
    return namespace not in _OURS


def register_operators(namespaces: Iterable[str]) -> None:
    """Import what registers the operators of *namespaces*, where it is allowed and installed."""
    for namespace in namespaces:
        if namespace in _REGISTERED_BY:
            try:
                importlib.import_module(_REGISTERED_BY[namespace])
            except ImportError:  # the loader says which operator it does not know
                continue


def _schemas(namespace: str, name: str) -> list[Any]:
    import torch

    return list(torch._C._jit_get_schemas_for_operator(f"{namespace}::{name}"))


def _computes(schema: Any) -> bool:
    return all(_fits(argument.name, str(argument.type)) for argument in schema.arguments)


def _fits(name: str, kind: str) -> bool:
    for word in re.findall(r"[\w.]+", kind):
        if word == "str":
            if name not in _TEXTS:
                return False
        elif (
            word not in _VALUES
            and word not in _WRAPPERS
            and word.removeprefix("__torch__.torch.classes.") not in CLASSES
        ):
            return False
    return True


def _matches(name: str, trusted: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in trusted)
