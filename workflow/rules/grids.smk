rule index:
    input:
        contents=content_files,
        styles=style_files,
    output:
        INDEX,
    log:
        "logs/index.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "index.py",
        config=json.dumps(CONFIG, sort_keys=True),
    shell:
        "python {params.script:q} --config {params.config:q} --output {output:q} 2> {log:q}"


rule grid:
    input:
        # Its date does not matter: what concerns this grid are the pictures that it shows.
        index=ancient(INDEX),
        content=content_file,
        styles=style_files,
        results=results_of,
    output:
        "results/grids/content/{content}.jpg",
    log:
        "logs/grids/{content}.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "grid.py",
    shell:
        "python {params.script:q} --index {input.index:q} --content {wildcards.content:q}"
        " --output {output:q} 2> {log:q}"
