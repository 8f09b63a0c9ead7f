# Grids, plots and gallery after some jobs of a sweep have failed. The rules wait for all outputs, so
# these files are made here from what exists. They get an old date, so that the rules make them again
# as soon as they can.


def make_remaining():
    """Make everything that shows several outputs, with the reasons in place of missing ones."""
    for script, options, files in remaining():
        command = [sys.executable, SCRIPTS / script, "--checked-config", CONFIG_TEXT, *options]
        if subprocess.run(command).returncode == 0:  # else it has printed why
            for file in files:
                os.utime(file, (0, 0))


def remaining():
    """Yield script, options and files of everything that waits for missing outputs."""
    failed = [job for job in SWEEP.jobs if job.log.exists() and not job.final_output.exists()]
    if failed:
        yield from remaining_grids()
        contents = list(dict.fromkeys(job.content for job in failed))
        if TIME_LAPSES:
            yield "time_lapse.py", ["--content", *contents], list(films_of(contents))
        yield "gallery.py", ["--output", GALLERY], [GALLERY]
        plots = plots_of(SWEEP.root, contents, SWEEP.styles)
        yield "plots.py", ["--sweep", "--content", *contents], plots


def films_of(contents):
    """Return the time-lapses of the outputs of some content images that are there."""
    for job in (job for content in contents for job in SWEEP.jobs_of(content)):
        if job.final_output.exists():
            yield time_lapse(SWEEP.root, job.content, job.style, job.setting)


def remaining_grids():
    """Yield the same of the grids of images whose jobs have begun."""
    begun = {job.folder for job in SWEEP.jobs if job.log.exists()}
    incomplete = {
        kind: [
            subject
            for subject in SWEEP_GRIDS.subjects(kind)
            if not begun.isdisjoint(job.folder for job in SWEEP_GRIDS.jobs(kind, subject))
            and not all(path.exists() for path in SWEEP_GRIDS.inputs(kind, subject))
        ]
        for kind in SWEEP_GRIDS.kinds
    }
    for kind, subjects in incomplete.items():
        if subjects:
            files = [path for subject in subjects for path in SWEEP_GRIDS.paths(kind, subject)]
            yield "grid.py", ["--kind", kind, "--of", *subjects], files
    if any(incomplete.values()):
        yield "grids_pdf.py", [], [SWEEP_GRIDS.pdf]


def remove_copies_of_gallery():
    """Remove the copies beside the page, which Snakemake does not know, if it has deleted the page."""
    if workflow.execution_settings is None and not Path(GALLERY).exists():
        from neural_style.report.copies import remove_copies

        remove_copies(Path(GALLERY).parent)


if workflow.is_main_process and os.path.exists(GALLERY):
    atexit.register(remove_copies_of_gallery)
