"""The loss: the transfer problem, its terms, their targets, and the objective."""
