# The control grids of the documentation. `snakemake` alone does not make them. They show the images of
# images/samples: `snakemake --cores all --configfile demo.yaml -- docs_images`.


include: "docs_inputs.smk"


rule docs_images:
    input:
        lambda wildcards: [f"docs/pictures/controls/{name}.jpg" for name in control_grids()],
    localrule: True


# One job makes all tiles of a grid: they are small, and torch is loaded once for them.
rule control_grid:
    input:
        lambda wildcards: control_grids()[wildcards.control].files,
    output:
        "docs/pictures/controls/{control}.jpg",
    log:
        "logs/docs_images/{control}.log",
    localrule: True
    threads: stylize_threads
    resources:
        gpu=gpu_count,
    params:
        script=Path(os.path.relpath(WORKFLOW.parent / "docs" / "tools" / "control_grids.py")),
        grids=CONTROLS,
        folder=Path("results/docs_images"),
        # Not in the command: if either changes, the grid is made again.
        grid=lambda wildcards: repr(control_grids()[wildcards.control]),
        engine=ENGINE_VERSION,
    shell:
        "python {params.script:q} --grids {params.grids:q} --name {wildcards.control:q}"
        " --folder {params.folder:q} --output {output:q} --threads {threads} 2>&1 | tee {log:q}"
