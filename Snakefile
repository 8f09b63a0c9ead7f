# Neural style transfer over directories: content images × style images × settings.
# A table of contents: each stage has its file in workflow/rules.


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/stylize.smk"
include: "workflow/rules/grids.smk"
include: "workflow/rules/gallery.smk"
include: "workflow/rules/refused.smk"


rule all:
    input:
        INDEX,
        PICTURES,
        GRIDS,
        GALLERY,
        REFUSED,


onerror:
    make_remaining_grids()
    make_remaining_gallery()
