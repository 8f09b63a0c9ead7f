# Plots of losses: for each pair, and for the whole sweep.
rule plots:
    input:
        records_of_content,
    output:
        losses=[
            report(
                f"{losses_figure(SWEEP.root, '{content}', style)}.png",
                caption=CAPTIONS / "losses.rst",
                category="Plots",
                subcategory="Losses over the iterations",
                labels={"content": "{content}", "style": style},
            )
            for style in SWEEP.styles
        ],
        tradeoffs=[
            report(
                f"{tradeoff_figure(SWEEP.root, '{content}', style)}.png",
                caption=CAPTIONS / "tradeoff.rst",
                category="Plots",
                subcategory="Content loss against style loss",
                labels={"content": "{content}", "style": style},
            )
            for style in SWEEP.styles
        ],
        print=[
            f"{figure(SWEEP.root, '{content}', style)}.pdf"
            for style in SWEEP.styles
            for figure in (losses_figure, tradeoff_figure)
        ],
    log:
        LOGS / "plots" / "pairs" / "{content}.log",
    localrule: True
    params:
        script=script("plots.py"),
        config=config_of(),
        names=lambda wildcards: names_of(content_file(wildcards), *SWEEP.styles.values()),
    shell:
        "python {params.script:q} --checked-config {params.config:q}"
        " --content {wildcards.content:q} 2>&1 | tee {log:q}"


rule sweep_plots:
    input:
        lambda wildcards: of_report(
            name
            for content, style in shown_pairs(SWEEP)
            for setting in SWEEP.settings
            for name in records_of(SWEEP.job(content, style, setting))
        ),
    output:
        screen=[
            report(
                f"{sweep_figure(SWEEP.root, quantity)}.png",
                caption=CAPTIONS / "sweep.rst",
                category="Plots",
                subcategory="The whole sweep",
                labels={"loss": quantity},
            )
            for quantity in QUANTITIES
        ],
        print=[f"{sweep_figure(SWEEP.root, quantity)}.pdf" for quantity in QUANTITIES],
    log:
        LOGS / "plots" / "sweep.log",
    localrule: True
    params:
        script=script("plots.py"),
        config=config_of(),
        names=names_of_all,
    shell:
        "python {params.script:q} --checked-config {params.config:q} --sweep 2>&1 | tee {log:q}"
