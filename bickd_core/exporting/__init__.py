"""Write a run as files that other programs read: weights for PyTorch, ONNX, torch.export, a hub's
folder, TensorBoard."""
