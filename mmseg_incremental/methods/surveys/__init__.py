"""One pass of the old model over the pictures of a step before it trains."""
