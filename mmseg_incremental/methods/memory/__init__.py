"""Which pictures of earlier steps are kept, to be learnt from again."""
