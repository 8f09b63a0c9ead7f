rule index:
    # Functions, because Snakemake writes other inputs into its report as they are, "<" and all.
    input:
        contents=lambda wildcards: list(SWEEP.contents.values()),
        styles=lambda wildcards: list(SWEEP.styles.values()),
    output:
        INDEX,
    log:
        "logs/index.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "index.py",
        config=config_text,
    shell:
        "python {params.script:q} --config {params.config:q} --output {output:q} 2>&1 | tee {log:q}"


rule grid:
    # Not from the index: while that has to be made, Snakemake would look at nothing behind it.
    input:
        content=content_file,
        styles=lambda wildcards: list(SWEEP.styles.values()),
        results=results_of,
    output:
        report(
            "results/grids/content/{content}.jpg",
            caption=CAPTIONS / "grid.rst",
            category="Sheets",
            labels={"content": "{content}"},
        ),
    log:
        "logs/grids/{content}.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "grid.py",
        config=config_text,
        folder=lambda wildcards, output: Path(output[0]).parent,
    shell:
        "python {params.script:q} --config {params.config:q} --content {wildcards.content:q}"
        " --output {params.folder:q} 2>&1 | tee {log:q}"
