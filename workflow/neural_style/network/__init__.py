"""VGG19: its layers, weights, features, and the parts of a picture that it sees; no loss."""
