"""Classes added to models of stock mmseg, over seeds."""
