# Neural style transfer over directories: content images × style images × settings.
# A table of contents: each stage has its file in workflow/rules.


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/stylize.smk"
include: "workflow/rules/grids.smk"
include: "workflow/rules/refused.smk"
include: "workflow/rules/bulk.smk"


rule all:
    input:
        planned_sweep,
        INDEX,
        PICTURES,
        GRIDS,
        REFUSED,


onstart:
    freeze_bulk()


onerror:
    make_remaining_grids()
