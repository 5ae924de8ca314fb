"""What holds for all nodes of one operator, looked up once for a walk."""

from __future__ import annotations

from pytest_onnxaccel.graph.inputs.backward import ELEMENTWISE, SAME_SHAPE
from pytest_onnxaccel.graph.inputs.columns import COLUMN_MAKERS
from pytest_onnxaccel.graph.inputs.flow.constants import FOLDABLE
from pytest_onnxaccel.graph.inputs.flow.curves import CURVES
from pytest_onnxaccel.graph.inputs.flow.makers import KEEPS_ORDER, MAKERS, MOVES
from pytest_onnxaccel.graph.inputs.flow.shapes import LAYERS
from pytest_onnxaccel.graph.inputs.infinities import infinities
from pytest_onnxaccel.graph.inputs.sizing import SIZING

#: Operators whose results are shares where an operand is.
_KEEPS_SHARES = KEEPS_ORDER | MOVES | {"Concat", "ReduceMean", "Where", "Max", "Min"}


class Operator:
    """One operator of one domain.

    Attributes:
        name: of the operator.
        domain: as the file has it.
        standard: it is of the default domain.
        maker: what makes its results of what its operands hold; None where nothing is known of it.
        columns: the same for columns of a table.
        curved: its result may be a curve of an input.
        sizing: places of operands whose values decide how large a result is.
        same_shape: its result has the shape of its first operand.
        elementwise: of two operands, element by element.
        layer: of a layer, what gives the shape of its result by those of its data and weights.
        foldable: the function that computes it of small constants.
        adds_up: its result is the sum of its first operand.
        keeps_sums: what was added up to give its first operand was added up to give its result.
        share: its result is a share by itself.
        keeps_shares: its result is a share where an operand is.
        infinities: says whether an output may hold infinities; None where it does not.
    """

    __slots__ = (
        "adds_up",
        "columns",
        "curved",
        "domain",
        "elementwise",
        "foldable",
        "infinities",
        "keeps_shares",
        "keeps_sums",
        "layer",
        "maker",
        "name",
        "same_shape",
        "share",
        "sizing",
        "standard",
    )

    def __init__(self, domain: str, name: str) -> None:
        self.name = name
        self.domain = domain
        self.standard = domain in ("", "ai.onnx")
        self.maker = MAKERS.get(name) if self.standard else None
        self.columns = COLUMN_MAKERS.get((domain, name))
        self.curved = self.standard and name in CURVES
        self.sizing = SIZING.get(name, ())
        self.same_shape = name in SAME_SHAPE
        self.elementwise = name in ELEMENTWISE
        self.layer = LAYERS.get(name) if self.standard else None
        self.foldable = FOLDABLE.get(name)
        self.adds_up = name in ("ReduceSum", "ReduceMean")
        self.keeps_sums = not self.adds_up and (self.same_shape or name in KEEPS_ORDER)
        self.share = self.standard and name == "Sigmoid"
        self.keeps_shares = self.standard and name in _KEEPS_SHARES
        self.infinities = infinities(name) if self.standard else None
