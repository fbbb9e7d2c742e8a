"""Maps of the predictions: made, stored, and worked on in the background."""
