"""Optimization-based neural style transfer (Gatys, Ecker and Bethge, 2015).

The mathematics of the pipeline and nothing else: no command lines, no Snakemake, no printing.
"""
