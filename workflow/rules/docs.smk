# The pictures of docs/controls.md: `snakemake docs_pictures`. No part of what `snakemake` makes.
# They show the samples, see workflow/scripts/make_samples.py.
rule docs_pictures:
    input:
        lambda wildcards: [f"docs/pictures/controls/{name}.jpg" for name in control_sheets()],
    localrule: True


# All tiles of a sheet in one job: they are small, and torch is loaded once for them.
rule control_sheet:
    input:
        lambda wildcards: control_sheets()[wildcards.control].files,
    output:
        "docs/pictures/controls/{control}.jpg",
    log:
        "logs/docs_pictures/{control}.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    threads: stylize_threads
    resources:
        gpu=gpu_count,
    params:
        script=SCRIPTS / "control_sheet.py",
        sheets=CONTROLS,
        folder=Path("results/docs_pictures"),
        # Not in the command: a change of either makes the sheet again.
        sheet=lambda wildcards: repr(control_sheets()[wildcards.control]),
        engine=ENGINE,
    shell:
        "python {params.script:q} --sheets {params.sheets:q} --name {wildcards.control:q}"
        " --folder {params.folder:q} --output {output:q} --threads {threads} 2>&1 | tee {log:q}"
