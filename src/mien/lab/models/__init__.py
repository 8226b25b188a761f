"""Networks in torch, and how they become ONNX files."""
