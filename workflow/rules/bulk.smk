# A data set. Snakemake tracks the manifest of each shard; the worker tracks the outputs.
rule bulk:
    input:
        bulk_manifests,


rule bulk_shard:
    output:
        BULK.manifest("{shard}"),
    log:
        BULK.root / "logs" / "{shard}.log",
    wildcard_constraints:
        shard="[0-9]+",
    threads: stylize_threads
    resources:
        gpu=gpu_count,
        gres=gpu_gres,
        mem_mb=bulk_memory,
        runtime=bulk_runtime,
    params:
        script=script("bulk.py"),
        folder=lambda wildcards: BULK.output,
        # Not in the command: a change of one of them makes the shard run again.
        contents=bulk_contents,
        inputs=bulk_inputs,
        method=bulk_method,
    shell:
        # As in stylize.smk: bash and tee wait for the last line of the script.
        "trap : TERM INT HUP;"
        " python {params.script:q} --output={params.folder:q} --shard {wildcards.shard}"
        " --threads {threads} --owner $PPID 2>&1 | (trap '' TERM INT HUP; exec tee {log:q})"


rule bulk_verify:
    log:
        BULK.root / "logs" / "verify.log",
    localrule: True
    params:
        script=script("bulk_verify.py"),
        config=config_of("bulk"),
    shell:
        "python {params.script:q} --checked-config {params.config:q} 2>&1 | tee {log:q}"


rule bulk_status:
    log:
        BULK.root / "logs" / "status.log",
    localrule: True
    params:
        script=script("bulk_status.py"),
        config=config_of("bulk"),
    shell:
        "python {params.script:q} --checked-config {params.config:q} 2>&1 | tee {log:q}"
