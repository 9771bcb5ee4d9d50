"""How logits become decisions."""
