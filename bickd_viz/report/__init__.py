"""Reports: one file with charts and tables."""
