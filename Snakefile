# The way from clean notebooks to a checked site, as a graph. The door is the Makefile.
#
#   chapters/*.ipynb → executed/*.ipynb + reports/*.json → claims.json, report.json, pages → site
#
# Everything is under _build/<edition>/. What a step is made of is told by content: each leaves a mark,
# an empty file whose name ends with the digest of its sources, and runs again when the mark of today's
# sources is not there. The marks lie beside what they speak of, so that a copy of the folder is as good.
# Sources are `ancient`, which is to say that their time does not count; that of the files which one
# step makes for the next does. Drawing the graph only reads.

import atexit
import os
import shlex
import sys
from pathlib import Path

# Snakemake looks for modules beside this file first; the course's are installed.
sys.path[:] = [each for each in sys.path if each != workflow.basedir]

from snakemake.logging import logger
from trainlab import datasets, editions
from trainlab.book import contents, processes, sources
from trainlab.book.progress import Narrator
from trainlab.record import series

# What a build says comes from here; `make book VERBOSE=1` shows Snakemake's own lines as well.
if "chosen" in config and workflow.is_main_process and not workflow.dryrun:
    NARRATOR = Narrator(Path("_build") / config.get("edition", "quick"), workflow.cores, again=config["again"])
    NARRATOR.follow(logger, alone="verbose" not in config)
    atexit.register(NARRATOR.conclude, (config["chosen"] or "").split())

EDITION = editions.edition_named(config.get("edition", "quick"))
BUILD = f"_build/{EDITION.name}"
MARKS = f"{BUILD}/marks"
# Seconds that one cell may take before the chapter counts as hanging.
CELL_LIMIT = {"quick": 300, "full": 3600}[EDITION.name]

CHAPTERS = contents.chapters_in_toc(Path())
PACKAGE = sources.of_package(Path())
# The full set has its own checksums, so that where it lies and since when says nothing.
DATA = [] if EDITION.images == "subset" else datasets.archive_paths()
TOOLS = sources.files_in(Path("src/trainlab/book"))
SITE_SOURCES = [
    *("_config.yml", "_toc.yml", "index.md", "references.bib", "pyproject.toml"),
    *(path for folder in ("pages", "assets", "src/trainlab/record/versions") for path in sources.files_in(Path(folder))),
]


def made_from(chapter, record):
    """The files that an executed chapter is made from: notebook, package, exercises and lock."""
    return sources.of_chapter(Path(), chapter, PACKAGE, record=record)


# Where disagreements are only marked, a chapter is executed that would have stopped.
MARKED = [] if os.environ.get("TRAINLAB_DISAGREEMENTS", "stop") == "stop" else ["disagreements are marked"]
EXECUTED = {
    chapter: f"{MARKS}/{chapter}-{sources.digest(made_from(chapter, record=True), *MARKED)}"
    for chapter in CHAPTERS
}
LEDGER = f"{MARKS}/ledger-{sources.digest(TOOLS, *EXECUTED.values())}"
# The site is replaced as a whole by its rule, so Snakemake must not own (and remove) the folder; it
# owns this mark instead. Without the folder the mark is worth nothing, and another one is asked for.
SITE = f"{MARKS}/site-{sources.digest(SITE_SOURCES, LEDGER)}"
if Path(f"{SITE}-again" if Path(f"{BUILD}/site/index.html").exists() else SITE).exists():
    SITE = f"{SITE}-again"


# Before the first job, and not when the graph is only drawn (`--dry-run`, `--dag`, `--summary`).
onstart:
    global LOCK
    LOCK = processes.only_build(Path(BUILD))
    # A build may have been killed between the two steps in which it replaces the site.
    if Path(f"{BUILD}/site.old").exists() and not Path(f"{BUILD}/site").exists():
        Path(f"{BUILD}/site.old").rename(f"{BUILD}/site")
    processes.stop_on_signal(then=processes.stop_children)


# Snakemake makes what is missing only if the target asks for it, so all that has to be there is named.
rule book:
    input:
        SITE,
        f"{BUILD}/claims.json",
        f"{BUILD}/report.json",
        EXECUTED.values(),
        expand(f"{BUILD}/executed/{{chapter}}.ipynb", chapter=CHAPTERS),


if missing := [path for path in DATA if not path.exists()]:

    rule fetch:
        output:
            missing,
        localrule: True
        shell:
            "exec {sys.executable:q} -m trainlab.book.sources"


# A rule for each chapter, for the name of its mark is its own. Marks of other contents go first: what
# they stand for is about to be replaced.
for chapter in CHAPTERS:

    rule:
        name:
            f"execute_{chapter}"
        input:
            notebook=ancient(f"chapters/{chapter}.ipynb"),
            sources=ancient(made_from(chapter, record=True)),
            data=ancient(DATA),
        output:
            notebook=f"{BUILD}/executed/{chapter}.ipynb",
            report=f"{BUILD}/reports/{chapter}.json",
            mark=touch(EXECUTED[chapter]),
        params:
            chapter=chapter,
            broken=f"{BUILD}/broken/{chapter}.ipynb",
            marks=f"{MARKS}/{chapter}-*",
        log:
            f"{BUILD}/logs/{chapter}.log",
        threads: 1
        resources:
            mem_mb=3000,
        shell:
            "rm -f {params.marks}; "
            "exec {sys.executable:q} -m trainlab.book.execute {input.notebook} --target {output.notebook} "
            "--report {output.report} --broken {params.broken} --log {log} --edition {EDITION.name} "
            "--timeout {CELL_LIMIT} --said {BUILD}/logs/{params.chapter}.said"


rule ledger:
    input:
        EXECUTED.values(),
        notebooks=expand(f"{BUILD}/executed/{{chapter}}.ipynb", chapter=CHAPTERS),
        reports=expand(f"{BUILD}/reports/{{chapter}}.json", chapter=CHAPTERS),
        tools=ancient(TOOLS),
    output:
        f"{BUILD}/claims.json",
        f"{BUILD}/report.json",
        f"{BUILD}/pages/ledger.md",
        f"{BUILD}/pages/run_report.md",
        mark=touch(LEDGER),
    localrule: True
    shell:
        "rm -f {MARKS}/ledger-*; "
        "exec {sys.executable:q} -m trainlab.book.ledger --notebooks {input.notebooks} "
        "--reports {input.reports} --output {BUILD}"


rule site:
    input:
        rules.ledger.output,
        sources=ancient(SITE_SOURCES),
    output:
        touch(SITE),
    localrule: True
    shell:
        "rm -f {MARKS}/site-*; exec {sys.executable:q} -m trainlab.book.assemble {BUILD}"


# The record (`make record`): every chapter under the seeds and the arithmetic of each series. The
# rates that the main series chooses are what the others train with, so the record is written when
# it is through, and again when they are. It is what is measured, so it is not what is measured from.
RECORD = f"_build/record/{EDITION.name}"
RECORDED = str(config["only"]).split(",") if config.get("only") else CHAPTERS
SERIES = {each.name: each for each in series.of_edition(EDITION.name)}
if config.get("series"):
    SERIES = {name: SERIES[name] for name in str(config["series"]).split(",")}
MEASURED = {
    chapter: f"{chapter}-{sources.digest(made_from(chapter, record=False))}" for chapter in RECORDED
}
OF_MAIN = [f"{RECORD}/marks/main-{mark}" for mark in MEASURED.values()]
OF_ALL = [f"{RECORD}/marks/{name}-{mark}" for name in SERIES for mark in MEASURED.values()]
MAIN = f"{RECORD}/marks/record-main-{sources.digest([], *OF_MAIN)}"


def environment_of(measured, chapter):
    """The seeds and the arithmetic of a series, and in the main one where rates are noted."""
    variables = {"TRAINLAB_SEEDS": " ".join(map(str, measured.seeds[EDITION.name]))}
    if measured.name == "main":
        variables["TRAINLAB_RECORD_NOTES"] = str(Path(f"{RECORD}/main/{chapter}.tunings").resolve())
    return shlex.join(f"{name}={value}" for name, value in {**variables, **measured.environment}.items())


for measured in {**SERIES, "main": series.SERIES["main"]}.values():
    for chapter in RECORDED:

        rule:
            name:
                f"measure_{measured.name}_{chapter}"
            input:
                # After the record holds the rates, again only if it is this chapter's that are new.
                [] if measured.name == "main" else [ancient(f"{RECORD}/.main"), f"{RECORD}/main/{chapter}.ipynb"],
                notebook=ancient(f"chapters/{chapter}.ipynb"),
                sources=ancient(made_from(chapter, record=False)),
                data=ancient(DATA),
            output:
                notebook=f"{RECORD}/{measured.name}/{chapter}.ipynb",
                report=f"{RECORD}/{measured.name}/{chapter}.json",
                tunings=touch(f"{RECORD}/{measured.name}/{chapter}.tunings"),
                commit=f"{RECORD}/{measured.name}/{chapter}.commit",
                mark=touch(f"{RECORD}/marks/{measured.name}-{MEASURED[chapter]}"),
            params:
                environment=environment_of(measured, chapter),
                broken=f"{RECORD}/{measured.name}/broken/{chapter}.ipynb",
                limit=6 * CELL_LIMIT,
                marks=f"{RECORD}/marks/{measured.name}-{chapter}-*",
            log:
                f"{RECORD}/{measured.name}/{chapter}.log",
            threads: 1
            resources:
                mem_mb=3000,
            shell:
                "rm -f {params.marks} {output.tunings}; echo {config[commit]} > {output.commit}; "
                "exec env -u TRAINLAB_DISAGREEMENTS {params.environment} "
                "{sys.executable:q} -m trainlab.book.execute {input.notebook} --target {output.notebook} "
                "--report {output.report} --broken {params.broken} --log {log} --edition {EDITION.name} "
                "--timeout {params.limit}"


rule main_series:
    input:
        OF_MAIN,
        expand(f"{RECORD}/main/{{chapter}}.ipynb", chapter=RECORDED),
    output:
        touch(f"{RECORD}/.main"),
        touch(MAIN),
    localrule: True
    shell:
        "rm -f {RECORD}/marks/record-*; "
        "{sys.executable:q} -m trainlab.book.record gather --edition {EDITION.name} "
        "--folder {RECORD} --chapters {RECORDED}"


rule record:
    input:
        MAIN,
        OF_ALL,
        expand(f"{RECORD}/{{series}}/{{chapter}}.ipynb", series=SERIES, chapter=RECORDED),
    output:
        touch(f"{RECORD}/marks/record-whole-{sources.digest([], MAIN, *OF_ALL)}"),
    localrule: True
    shell:
        "rm -f {RECORD}/marks/record-whole-*; "
        "{sys.executable:q} -m trainlab.book.record gather --edition {EDITION.name} "
        "--folder {RECORD} --chapters {RECORDED}"
