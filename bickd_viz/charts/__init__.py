"""One module for each chart. Every function returns a figure with an explicit height."""
