# Small images for Snakemake's report: those of its first page, and those of the captions.


def report_table():
    """Return the outputs as tables for the first page of Snakemake's report."""
    from neural_style.report.gallery_page import report_table

    return report_table(list(SWEEP.jobs))


def report_thumbnail(path):
    """Return a small image for a caption of Snakemake's report."""
    from neural_style.report.gallery_page import thumbnail_uri

    return thumbnail_uri(Path(path))


# The texts in workflow/report get nothing but the configuration and their job. A workflow that uses
# this one as a module has a configuration of its own.
if not IS_MODULE:
    config["report"] = {"table": report_table, "thumbnail": report_thumbnail}
