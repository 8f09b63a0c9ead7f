# The index of the sweep, and the grids: pages that show outputs side by side.


rule index:
    output:
        INDEX,
    log:
        LOGS / "index.log",
    localrule: True
    params:
        script=script("index.py"),
        config=config_of(),
        # Not in the command: if a name changes, the index is made again.
        names=names_of_all,
    shell:
        "python {params.script:q} --checked-config {params.config:q} --output {output:q} 2>&1"
        " | tee {log:q}"


# One job makes all grids of a kind for an image. Its input is not the index, because Snakemake would
# not look at the other inputs while the index has to be made.
for kind in SWEEP_GRIDS.kinds:
    subject = "style" if kind == "style" else "content"

    rule:
        name:
            f"grid_{kind}"
        input:
            lambda wildcards, kind=kind: of_report(SWEEP_GRIDS.inputs(kind, wildcards[0])),
        output:
            [
                report(
                    page,
                    caption=CAPTIONS / f"grid_{kind}.rst",
                    category="Grids",
                    subcategory=kind,
                    labels={subject: f"{{{subject}}}", "page": page.stem},
                )
                for page in SWEEP_GRIDS.paths(kind, f"{{{subject}}}")
            ],
        log:
            LOGS / "grids" / kind / f"{{{subject}}}.log",
        localrule: True
        params:
            script=script("grid.py"),
            config=config_of("grids"),
            kind=kind,
            subject=lambda wildcards: wildcards[0],
            # Not in the command: if a name changes, the grids are made again.
            names=lambda wildcards, kind=kind: (
                names_of(style_file(wildcards), *SWEEP.contents.values())
                if kind == "style"
                else names_of(content_file(wildcards), *SWEEP.styles.values())
            ),
        shell:
            "python {params.script:q} --checked-config {params.config:q} --kind {params.kind}"
            " --of {params.subject:q} 2>&1 | tee {log:q}"


rule grids_pdf:
    input:
        of_report(PAGES),
    output:
        SWEEP_GRIDS.pdf,
    log:
        LOGS / "grids" / "pdf.log",
    localrule: True
    params:
        script=script("grids_pdf.py"),
        config=config_of("grids"),
    shell:
        "python {params.script:q} --checked-config {params.config:q} 2>&1 | tee {log:q}"
