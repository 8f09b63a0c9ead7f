# Files that cannot be used stop no other job, but a run with such a file ends with an error.
rule refused_files:
    output:
        REFUSED,
    log:
        LOGS / "refused_files.log",
    priority: 2
    localrule: True
    params:
        sentences=lambda wildcards: [*map(in_locale, SWEEP.refused)] or ["no file is refused."],
        code=1 if REFUSED else 0,
    shell:
        "printf '%s\\n' {params.sentences:q} | tee {log:q} >&2; exit {params.code}"
