# The gallery: a page to look through the outputs and choose from them.
rule gallery:
    # The final output of a job is enough as input, because a job makes all its files together.
    input:
        lambda wildcards: [str(job.final_output) for job in SWEEP.jobs],
    output:
        GALLERY,
    log:
        LOGS / "gallery" / "index.log",
    localrule: True
    params:
        script=script("gallery.py"),
        config=config_of(),
        # Not in the command: if a name changes, the gallery is made again.
        names=names_of_all,
    shell:
        "python {params.script:q} --checked-config {params.config:q} --output {output:q} 2>&1"
        " | tee {log:q}"
