# Stylization, the work of the sweep. There is one rule for each setting, because settings may differ
# in the iterations whose outputs they save.
for setting, settings in SWEEP.settings.items():
    folder = SWEEP.root / "{content}" / "{style}" / setting
    *snapshots, final = output_names(settings)

    rule:
        name:
            f"stylize_{setting}"
        input:
            lambda wildcards, setting=setting: stylize_inputs(wildcards, setting),
        output:
            snapshots=[folder / name for name in snapshots],
            final=report(
                folder / final,
                caption=CAPTIONS / "output.rst",
                category="Outputs",
                subcategory="{content}",
                labels={"content": "{content}", "style": "{style}", "setting": LABELS[setting]},
            ),
            losses=folder / LOSSES,
            run=folder / RUN,
        log:
            LOGS / "{content}" / "{style}" / f"{setting}.log",
        # Before grids and plots, for each of which a GPU would wait a second.
        priority: 1
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
            # A parameter that depends on the output is not recorded: a change does not rerun jobs.
            script=lambda wildcards, output: SCRIPTS / stylize_script(),
            images=lambda wildcards, output: images_of(
                content_file(wildcards), style_file(wildcards)
            ),
            folder=lambda wildcards, output: Path(output.run).parent,
            title=lambda wildcards, output, setting=setting: in_locale(
                " × ".join([*wildcards, setting])
            ),
            # A function, because Snakemake would take a brace in a text for a wildcard. In the form
            # of run.json; the Snakefile has checked them.
            settings=lambda wildcards, settings=settings: to_json(asdict(settings)),
            job_options=lambda wildcards, output: JOB_OPTIONS,
            # Not in the command: changing it reruns jobs.
            engine=ENGINE_VERSION,
        shell:
            # A signal to the process group is for the script: bash and tee wait for its last line.
            "trap : TERM INT HUP;"
            " python {params.script:q} --images={params.images:q} --output={params.folder:q}"
            " --title={params.title:q} --threads {threads} --owner $PPID"
            " --settings={params.settings:q} {params.job_options:q} 2>&1"
            " | (trap '' TERM INT HUP; exec tee {log:q})"
