"""Labels of a batch, given what the old model says of it."""
