"""Helpers that know nothing of tasks and networks: files, the terminal, colours, distances."""
