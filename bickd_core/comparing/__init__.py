"""One comparison of a teacher and its students: figures, seeds, selections, lessons."""
