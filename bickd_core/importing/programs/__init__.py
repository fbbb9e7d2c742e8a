"""ONNX and torch.export files: networks that only predict, run by a process with limits."""
