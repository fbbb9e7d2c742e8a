"""Compare predictions in Python: figures as data frames, charts as on the pages."""
