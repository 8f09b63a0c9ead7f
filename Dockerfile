# An image with the program and all that it needs, for CPUs or for Nvidia GPUs:
#   docker build --tag neural-style .
#   docker build --tag neural-style --build-arg TORCH_INDEX=URL .
# docs/clusters.md says how to run it with Docker and Apptainer. A test checks the pins in this file;
# the image itself has never been built or run.
FROM python:3.12-slim-bookworm

# URL of the package index that torch comes from. By default, that is PyPI, whose torch has CUDA and
# runs on CPUs, too. PyTorch's own index for CPUs has one that is smaller by 5 GB; the installation
# page of PyTorch names it.
ARG TORCH_INDEX=
# As in the Makefile.
ARG TORCH=2.14.1
ARG TORCHVISION=0.29.1

WORKDIR /opt/neural-style
COPY pyproject.toml requirements.txt README.md LICENSE Snakefile config.yaml demo.yaml ./
COPY profiles profiles
COPY images/samples images/samples
COPY workflow workflow

RUN if [ -n "$TORCH_INDEX" ]; then \
      pip install --no-cache-dir --index-url "$TORCH_INDEX" \
        "torch==$TORCH" "torchvision==$TORCHVISION"; \
    fi \
    && pip install --no-cache-dir --constraint requirements.txt ".[torchvision,slurm]"

# Programs that cache files find a folder for them, whoever runs the container.
ENV HOME=/tmp

WORKDIR /work
CMD ["snakemake", "--snakefile", "/opt/neural-style/Snakefile", "--cores", "all", "--resources", "gpu=1"]
