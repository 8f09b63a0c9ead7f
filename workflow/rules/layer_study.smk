# What each depth of the network keeps: `snakemake layer_study`. `snakemake` alone does not make it.


include: "layer_study_inputs.smk"


rule layer_study:
    input:
        STUDY_FOLDER / FIGURE,
        files_of(STUDY_FOLDER / CHART),
    localrule: True


# One job makes all images: they are small, and the network is loaded once for them.
rule layer_study_images:
    input:
        study_inputs,
    output:
        images=[STUDY_FOLDER / image.file for image in STUDY.images],
        losses=STUDY_FOLDER / LAYER_LOSSES,
        run=STUDY_FOLDER / RUN,
    log:
        STUDY_LOGS / "images.log",
    threads: stylize_threads
    resources:
        gpu=gpu_count,
        gres=gpu_gres,
        mem_mb=lambda wildcards, attempt: memory_mb(STUDY.settings, CLUSTER, attempt),
        runtime=lambda wildcards, attempt: runtime_minutes(
            STUDY.settings, CLUSTER, attempt, outputs=len(STUDY.images)
        ),
    params:
        script=script("layer_study.py"),
        # A parameter that depends on the output is not recorded: a change does not rerun jobs.
        images=lambda wildcards, output: images_of(study_content(wildcards), study_style(wildcards)),
        config=study_config_text,
        folder=STUDY_FOLDER,
        # Not in the command: a change makes the images again.
        engine=ENGINE_VERSION,
    shell:
        "python {params.script:q} --checked-config {params.config:q} --images={params.images:q}"
        " --output {params.folder:q} --threads {threads}"
        " --owner $PPID 2>&1 | tee {log:q}"


rule layer_study_figure:
    input:
        images=rules.layer_study_images.output.images,
        losses=rules.layer_study_images.output.losses,
    output:
        figure=STUDY_FOLDER / FIGURE,
        chart=files_of(STUDY_FOLDER / CHART),
    log:
        STUDY_LOGS / "figure.log",
    localrule: True
    params:
        script=script("layer_study_figure.py"),
        images=lambda wildcards, output: images_of(study_content(wildcards), study_style(wildcards)),
        config=figure_config_text,
        folder=STUDY_FOLDER,
    shell:
        "python {params.script:q} --checked-config {params.config:q} --images={params.images:q}"
        " --output {params.folder:q} 2>&1 | tee {log:q}"
