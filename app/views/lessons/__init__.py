"""The five lessons of Learn, one module each."""
