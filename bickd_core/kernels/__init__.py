"""Our own CPU kernels for training. They do several passes of torch's kernels at once."""
