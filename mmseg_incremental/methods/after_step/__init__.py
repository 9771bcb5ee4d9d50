"""What happens to the trained weights before a step's checkpoint is written."""
