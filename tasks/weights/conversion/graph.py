"""Builder of ONNX graphs: nodes in order, weights as initializers, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_OPSET = 17
"""The first with LayerNormalization; onnxruntime runs it since 1.12."""
_IR_VERSION = 8
"""The one of opset 17 (ONNX 1.12)."""
Dimensions = Sequence[str | int]


class OnnxGraph:
    """An ONNX graph under construction.

    Args:
        name: of the graph
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Any] = []
        self._weights: dict[str, NDArray[Any]] = {}

    def weight(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """Add an initializer, and return its name. A name that exists keeps its values.

        Args:
            name: of the tensor
            values: an array
            dtype: of the stored tensor
        """
        self._weights.setdefault(name, np.ascontiguousarray(values, dtype=dtype))
        return name

    def add(self, operator: str, inputs: Sequence[str], outputs: str | Sequence[str], **attributes: Any) -> str:
        """Add a node, and return the name of its first output that has one.

        Args:
            operator: of ONNX
            inputs: names of tensors; "" for an optional input that is left out
            outputs: names of tensors; "" likewise
            attributes: of the operator
        """
        from onnx import helper

        names = [outputs] if isinstance(outputs, str) else list(outputs)
        self._nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return next(name for name in names if name)

    def linear(self, states: str, weight: NDArray[Any], bias: NDArray[Any] | None, name: str) -> str:
        """Add a linear layer, and return the name of its output.

        Args:
            states: name of a tensor, shape (…, n_in)
            weight: shape (n_out, n_in), as PyTorch stores it
            bias: shape (n_out,), or None
            name: of the layer
        """
        product = self.add("MatMul", [states, self.weight(f"{name}.weight", weight.T)], f"{name}.product")
        if bias is None:
            return product
        return self.add("Add", [product, self.weight(f"{name}.bias", bias)], f"{name}.output")

    def gelu(self, states: str, name: str) -> str:
        """Add x · (1 + erf(x / √2)) / 2, in the form that onnxruntime joins to one operator.

        Args:
            states: name of a tensor
            name: of the layer
        """
        root, one, half = (
            self.weight(key, value) for key, value in (("root_two", 2**0.5), ("one_float", 1.0), ("half", 0.5))
        )
        ratio = self.add("Div", [states, root], f"{name}.gelu_ratio")
        error = self.add("Erf", [ratio], f"{name}.gelu_erf")
        shifted = self.add("Add", [error, one], f"{name}.gelu_shifted")
        product = self.add("Mul", [states, shifted], f"{name}.gelu_product")
        return self.add("Mul", [product, half], f"{name}.gelu")

    def serialized(
        self,
        inputs: Mapping[str, Dimensions],
        outputs: Mapping[str, Dimensions],
        properties: Mapping[str, str],
        integers: Sequence[str] = (),
    ) -> bytes:
        """Return the model as bytes; inputs and outputs are float32 unless they are listed as integers.

        Args:
            inputs: name → dimensions; a text is a size that may vary
            outputs: likewise
            properties: metadata of the model
            integers: names of inputs and outputs of type int64

        Raises:
            onnx.checker.ValidationError: if the graph is not valid
        """
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        def described(values: Mapping[str, Dimensions]) -> list[Any]:
            return [
                helper.make_tensor_value_info(
                    name, TensorProto.INT64 if name in integers else TensorProto.FLOAT, list(size)
                )
                for name, size in values.items()
            ]

        initializers = [numpy_helper.from_array(values, name) for name, values in self._weights.items()]
        graph = helper.make_graph(self._nodes, self._name, described(inputs), described(outputs), initializers)
        model = helper.make_model(
            graph,
            producer_name="undertone",
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        helper.set_model_props(model, dict(properties))
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString(deterministic=True)
        return content
