rule index:
    input:
        contents=list(SWEEP.contents.values()),
        styles=list(SWEEP.styles.values()),
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
        styles=list(SWEEP.styles.values()),
        results=results_of,
    output:
        "results/grids/content/{content}.jpg",
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
