"""Many runs: methods x seeds x pairs of teacher and student, their order of work, and one line of
results each."""
