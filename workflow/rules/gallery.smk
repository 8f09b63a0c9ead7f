# The gallery: a page to look through the outputs and choose from them; and the time-lapses.


rule time_lapses:
    input:
        lambda wildcards: of_report(
            str(job.folder / name)
            for job in SWEEP.jobs_of(wildcards.content)
            for name in output_names(job.settings)
        ),
    output:
        [
            time_lapse(SWEEP.root, "{content}", style, setting)
            for style in SWEEP.styles
            for setting in SWEEP.settings
        ],
    log:
        LOGS / "time_lapses" / "{content}.log",
    localrule: True
    params:
        script=script("time_lapse.py"),
        config=config_of("grids"),
    shell:
        "python {params.script:q} --checked-config {params.config:q}"
        " --content {wildcards.content:q} 2>&1 | tee {log:q}"


rule gallery:
    # The final output of a job is enough as input, because a job makes all its files together.
    input:
        lambda wildcards: of_report([*(str(job.final_output) for job in SWEEP.jobs), *TIME_LAPSES]),
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
