"""Helpers that know nothing of segmentation: files, downloads, the terminal, colours."""
