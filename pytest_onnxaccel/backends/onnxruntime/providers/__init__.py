"""Execution providers of ONNX Runtime as one family: a row for each, one backend class for all."""
