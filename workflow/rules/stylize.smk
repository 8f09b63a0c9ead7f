# One rule for each setting, since settings may differ in the epochs whose pictures they save.
for setting, settings in SWEEP.settings.items():

    rule:
        name:
            f"stylize_{setting}"
        input:
            content=content_file,
            style=style_file,
            weights=lambda wildcards, settings=settings: weights_files(settings),
            companions=lambda wildcards, settings=settings: companion_files(wildcards, settings),
        output:
            pictures=[
                f"results/{{content}}/{{style}}/{setting}/{picture}"
                for picture in snapshot_names(settings)[:-1]
            ],
            finished=report(
                f"results/{{content}}/{{style}}/{setting}/{snapshot_names(settings)[-1]}",
                caption=CAPTIONS / "picture.rst",
                category="Pictures",
                subcategory="{content}",
                labels={"content": "{content}", "style": "{style}", "setting": LABELS[setting]},
            ),
            losses=f"results/{{content}}/{{style}}/{setting}/{LOSSES}",
            run=f"results/{{content}}/{{style}}/{setting}/{RUN}",
        log:
            f"logs/{{content}}/{{style}}/{setting}.log",
        conda:
            "../envs/neural_style.yaml"
        threads: stylize_threads
        resources:
            gpu=gpu_count,
            gres=gpu_gres,
            mem_mb=lambda wildcards, attempt, settings=settings: memory_mb(
                settings, CLUSTER, attempt
            ),
            runtime=lambda wildcards, attempt, settings=settings: runtime_minutes(
                settings, CLUSTER, attempt
            ),
        params:
            script=SCRIPTS / "stylize.py",
            folder=lambda wildcards, output: Path(output.run).parent,
            # Functions, because Snakemake would take a brace in a text for a wildcard.
            options=lambda wildcards, settings=settings: words(settings, DEFAULTS),
            # A parameter that depends on the output is no reason to make it again.
            running=lambda wildcards, output: RUNNING,
            title=lambda wildcards, setting=setting: " × ".join([*wildcards, setting]),
            # Not in the command: a change of either makes the pictures again.
            settings=lambda wildcards, settings=settings: repr(settings),
            engine=ENGINE,
        shell:
            # A signal to the group of processes is the script's: bash and tee wait for its last word.
            "trap : TERM INT HUP;"
            " python {params.script:q} --content={input.content:q} --style={input.style:q}"
            " --output {params.folder:q} --title {params.title:q} --threads {threads}"
            " --owner $PPID {params.running:q} {params.options:q} 2>&1"
            " | (trap '' TERM INT HUP; exec tee {log:q})"
