rule gallery:
    # Of each job its finished picture will do: all its files are made together.
    input:
        contents=lambda wildcards: list(SWEEP.contents.values()),
        styles=lambda wildcards: list(SWEEP.styles.values()),
        results=lambda wildcards: [str(job.result) for job in SWEEP.jobs],
    output:
        GALLERY,
    log:
        "logs/gallery/index.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "gallery.py",
        config=config_of(),
    shell:
        "python {params.script:q} --config {params.config:q} --output {output:q} 2>&1 | tee {log:q}"
