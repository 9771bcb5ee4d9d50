"""How fast the package is, side by side with plain references."""
