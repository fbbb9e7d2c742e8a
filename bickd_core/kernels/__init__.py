"""Our own kernels for training on a CPU, where torch has none that does several passes at once."""
