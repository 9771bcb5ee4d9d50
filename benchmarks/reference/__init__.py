"""The same results the plain way, written from the formulas, to compare with."""
