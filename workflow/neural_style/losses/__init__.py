"""The loss: the transfer problem, the terms and their targets, and the objective."""
