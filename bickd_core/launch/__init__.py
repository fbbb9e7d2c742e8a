"""Places where runs train: this machine or a Ray cluster."""
