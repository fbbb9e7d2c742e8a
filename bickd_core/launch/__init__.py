"""Where a run works: submit, stop, poll."""
