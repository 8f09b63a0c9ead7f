"""From a loss to a picture: steps, the way back from a bad one, the loop, stages."""
