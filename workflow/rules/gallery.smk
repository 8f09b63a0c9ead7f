# The gallery: a page to look through the outputs and choose from them.
rule gallery:
    # The final output of a job is enough as input, because a job makes all its files together.
    input:
        contents=content_files,
        styles=style_files,
        results=lambda wildcards: [str(job.final_output) for job in SWEEP.jobs],
    output:
        GALLERY,
    log:
        LOGS / "gallery" / "index.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "gallery.py",
        config=config_of(),
    shell:
        "python {params.script:q} --checked-config {params.config:q} --output {output:q} 2>&1"
        " | tee {log:q}"
