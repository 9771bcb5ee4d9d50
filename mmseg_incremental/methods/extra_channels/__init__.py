"""Channels that a model has beside its classes."""
