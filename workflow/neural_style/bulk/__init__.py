"""Data sets: thousands to millions of content images in shards, each shard with a manifest.

The listing fixes the order of the content images; a shard is a contiguous range of it. The worker
of a shard writes the outputs and a journal, one row for each output, and at the end the manifest,
which is the only file of the shard that Snakemake tracks. Only `batches` imports torch.
"""
