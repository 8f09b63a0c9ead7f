"""Finished runs side by side: grids, plots, the gallery, the layer study figure."""
