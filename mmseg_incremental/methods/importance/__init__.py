"""How much each weight mattered to what was learnt, and a pull back to it."""
