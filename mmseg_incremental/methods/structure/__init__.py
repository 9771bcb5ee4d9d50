"""Layers of the network that a method changes."""
