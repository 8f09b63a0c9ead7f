"""The optimization of pixels: L-BFGS, Adam, the parameterization and the loop."""
