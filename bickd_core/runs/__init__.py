"""Run folders: their files, their state, and the library of them."""
