"""Conversion of downloaded weights to safetensors and ONNX, without PyTorch."""
