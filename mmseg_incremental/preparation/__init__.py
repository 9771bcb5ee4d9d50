"""What is made ready before a training: data sets, masks, backbone weights."""
