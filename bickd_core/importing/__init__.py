"""Turn files made elsewhere into run folders: `weights` for checkpoints, `predictions` for saved
predictions."""
