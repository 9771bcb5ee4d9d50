"""What is measured: a module per row, each with ``measure(rounds)``."""
