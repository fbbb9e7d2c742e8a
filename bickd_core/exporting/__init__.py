"""Write a run in formats of other programs: weights for PyTorch, ONNX, torch.export, a folder for a
model hub, TensorBoard."""
