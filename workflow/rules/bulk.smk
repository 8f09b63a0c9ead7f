# A whole data set. The manifest of a shard is tracked; its pictures are the worker's own.
rule bulk:
    input:
        bulk_manifests,


rule bulk_shard:
    output:
        BULK.manifest("{shard}"),
    log:
        "logs/bulk/{shard}.log",
    wildcard_constraints:
        shard="[0-9]+",
    conda:
        "../envs/neural_style.yaml"
    threads: stylize_threads
    resources:
        gpu=gpu_count,
        gres=gpu_gres,
        mem_mb=bulk_memory,
        runtime=bulk_runtime,
    params:
        script=SCRIPTS / "bulk.py",
        folder=lambda wildcards: BULK.output,
        # Not in the command: a change of one of them is a reason to look at the shard again.
        photographs=bulk_photographs,
        inputs=bulk_inputs,
        pictures=bulk_pictures,
    shell:
        # As in the rule of a single picture: bash and tee wait for the script's last word.
        "trap : TERM INT HUP;"
        " python {params.script:q} --output={params.folder:q} --shard {wildcards.shard}"
        " --threads {threads} 2>&1 | (trap '' TERM INT HUP; exec tee {log:q})"


rule bulk_verify:
    log:
        "logs/bulk/verify.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "bulk_verify.py",
        folder=lambda wildcards: BULK.output,
    shell:
        "python {params.script:q} -- {params.folder:q} 2>&1 | tee {log:q}"


rule bulk_status:
    log:
        "logs/bulk/status.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "bulk_status.py",
        folder=lambda wildcards: BULK.output,
    shell:
        "python {params.script:q} -- {params.folder:q} 2>&1 | tee {log:q}"
