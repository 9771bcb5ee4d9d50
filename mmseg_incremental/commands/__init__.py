"""The commands, one module each; what is heavy is imported once their arguments are read."""
