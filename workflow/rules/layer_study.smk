# What each depth of the network keeps: `snakemake layer_study`. No part of what `snakemake` makes.
rule layer_study:
    input:
        STUDY_FOLDER / FIGURE,
        STUDY_FOLDER / CHART,
    localrule: True


# All in one job: its pictures are small, and the network is loaded once for them.
rule layer_study_pictures:
    input:
        content=study_content,
        style=study_style,
        weights=weights_files(STUDY.settings),
    output:
        pictures=[STUDY_FOLDER / picture.file for picture in STUDY.pictures],
        losses=STUDY_FOLDER / LAYER_LOSSES,
    log:
        STUDY_LOGS / "pictures.log",
    conda:
        "../envs/neural_style.yaml"
    threads: stylize_threads
    resources:
        gpu=gpu_count,
        gres=gpu_gres,
        mem_mb=lambda wildcards, attempt: memory_mb(STUDY.settings, CLUSTER, attempt),
        runtime=lambda wildcards, attempt: runtime_minutes(
            STUDY.settings, CLUSTER, attempt, outputs=len(STUDY.pictures)
        ),
    params:
        script=SCRIPTS / "layer_study.py",
        config=study_config_text,
        folder=STUDY_FOLDER,
        # Not in the command: a change of it makes the pictures again.
        engine=ENGINE,
    shell:
        "python {params.script:q} --config {params.config:q} --content={input.content:q}"
        " --style={input.style:q} --output {params.folder:q} --threads {threads}"
        " 2>&1 | tee {log:q}"


rule layer_study_figure:
    input:
        content=study_content,
        style=study_style,
        pictures=rules.layer_study_pictures.output.pictures,
        losses=rules.layer_study_pictures.output.losses,
    output:
        figure=STUDY_FOLDER / FIGURE,
        chart=STUDY_FOLDER / CHART,
    log:
        STUDY_LOGS / "figure.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "layer_study_figure.py",
        config=study_config_text,
        folder=STUDY_FOLDER,
    shell:
        "python {params.script:q} --config {params.config:q} --content={input.content:q}"
        " --style={input.style:q} --output {params.folder:q} 2>&1 | tee {log:q}"
