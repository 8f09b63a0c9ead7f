rule index:
    # Functions, because Snakemake writes other inputs into its report as they are, "<" and all.
    input:
        contents=lambda wildcards: list(SWEEP.contents.values()),
        styles=lambda wildcards: list(SWEEP.styles.values()),
    output:
        INDEX,
    log:
        "logs/index.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "index.py",
        config=config_of(),
    shell:
        "python {params.script:q} --config {params.config:q} --output {output:q} 2>&1 | tee {log:q}"


# One job for all sheets of a kind for an image. Not from the index: while that has to be made,
# Snakemake would look at nothing behind it.
for kind in SHEETS.kinds:
    subject = "style" if kind == "style" else "content"

    rule:
        name:
            f"grid_{kind}"
        input:
            of=style_file if kind == "style" else content_file,
            others=lambda wildcards, kind=kind: list(
                (SWEEP.contents if kind == "style" else SWEEP.styles).values()
            ),
            results=lambda wildcards, kind=kind: SHEETS.inputs(kind, wildcards[0]),
        output:
            [
                report(
                    page,
                    caption=CAPTIONS / f"grid_{kind}.rst",
                    category="Sheets",
                    subcategory=kind,
                    labels={subject: f"{{{subject}}}", "page": page.stem},
                )
                for page in SHEETS.paths(kind, f"{{{subject}}}")
            ],
        log:
            f"logs/grids/{kind}/{{{subject}}}.log",
        localrule: True
        conda:
            "../envs/neural_style.yaml"
        params:
            script=SCRIPTS / "grid.py",
            config=config_of("grids"),
            kind=kind,
            subject=lambda wildcards: wildcards[0],
        shell:
            "python {params.script:q} --config {params.config:q} --kind {params.kind}"
            " --of {params.subject:q} 2>&1 | tee {log:q}"


rule grids_pdf:
    input:
        PAGES,
    output:
        PDF,
    log:
        "logs/grids/pdf.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "grids_pdf.py",
        config=config_of("grids"),
    shell:
        "python {params.script:q} --config {params.config:q} 2>&1 | tee {log:q}"
