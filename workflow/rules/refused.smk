# Files that cannot take part stop no other job, but a run with such a file does not end well.
rule refused_files:
    output:
        "results/refused_files",
    log:
        "logs/refused_files.log",
    priority: 1
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        sentences=lambda wildcards: list(SWEEP.refused),
    shell:
        "printf '%s\\n' {params.sentences:q} | tee {log:q} >&2; exit 1"
