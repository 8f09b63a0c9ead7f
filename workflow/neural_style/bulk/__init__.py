"""A whole data set: thousands to millions of photographs in shards, each with its own manifest.

A frozen listing names the photographs; a shard is a contiguous range of it. The worker of a shard
writes the pictures and a journal, row by row, and at the end the manifest, which is all that
Snakemake keeps track of. Only `engine` imports torch.
"""
