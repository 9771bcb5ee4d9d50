"""Many trainings for one question: sweeps, the tables of the paper, what fits a machine."""
