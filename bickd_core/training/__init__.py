"""Training: the configuration, the loop, and the process that runs it."""
