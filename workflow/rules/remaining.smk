# What there is of a sweep some of whose jobs failed. The rules wait for all pictures, and these
# files are dated back, so that the rules make them anew as soon as they can.


def make_remaining():
    """Make all that shows several pictures, with the reasons in place of those that are missing."""
    for script, options, files in remaining():
        made = subprocess.run([sys.executable, SCRIPTS / script, "--config", CONFIG_TEXT, *options])
        if made.returncode == 0:  # else it has said why
            for file in files:
                os.utime(file, (0, 0))


def remaining():
    """The script, its options and its files of all that waits for pictures that are not there."""
    failed = [job for job in SWEEP.jobs if job.log.exists() and not job.result.exists()]
    if failed:
        yield from remaining_grids()
        contents = list(dict.fromkeys(job.content for job in failed))
        yield "gallery.py", ["--output", GALLERY], [GALLERY]
        yield "plots.py", ["--sweep", "--content", *contents], plots_of(contents, SWEEP.styles)


def remaining_grids():
    """The same of the sheets of images with which a job has begun."""
    begun = {job.folder for job in SWEEP.jobs if job.log.exists()}
    holed = {
        kind: [
            subject
            for subject in SHEETS.subjects(kind)
            if not begun.isdisjoint(job.folder for job in SHEETS.jobs(kind, subject))
            and not all(path.exists() for path in SHEETS.inputs(kind, subject))
        ]
        for kind in SHEETS.kinds
    }
    for kind, subjects in holed.items():
        if subjects:
            files = [path for subject in subjects for path in SHEETS.paths(kind, subject)]
            yield "grid.py", ["--kind", kind, "--of", *subjects], files
    if any(holed.values()):
        yield "grids_pdf.py", [], [PDF]
