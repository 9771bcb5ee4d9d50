"""What of the model learns in a step, and which layers stay in evaluation mode."""
