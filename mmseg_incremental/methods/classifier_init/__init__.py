"""New classifiers that are made by looking at data, before a step trains."""
