"""What belongs to one paper: its tables, its figures and its largest batches."""
