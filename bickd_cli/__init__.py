"""The command `bickd`."""
