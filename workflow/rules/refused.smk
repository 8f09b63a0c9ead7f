# Files that cannot be used stop no other job, but a run with such a file ends with an error.
rule refused_files:
    output:
        SWEEP.root / "refused_files",
    log:
        LOGS / "refused_files.log",
    priority: 1
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        sentences=lambda wildcards: list(SWEEP.refused),
    shell:
        "printf '%s\\n' {params.sentences:q} | tee {log:q} >&2; exit 1"
