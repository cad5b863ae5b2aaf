# The way from clean notebooks to a checked site, as a graph. The door is the Makefile.
#
#   chapters/*.ipynb → executed/*.ipynb + reports/*.json → claims.json, report.json, pages → site
#
# Everything is under _build/<edition>/. A chapter is executed again when its notebook, the package
# that it imports, the data or the locked requirements are newer than what was executed.

import shlex
import shutil
import sys
from pathlib import Path

import yaml

from trainlab import datasets, editions
from trainlab.book import processes
from trainlab.record import series

EDITION = editions.edition_named(config.get("edition", "quick"))
BUILD = f"_build/{EDITION.name}"
if workflow.is_main_process and not workflow.dryrun:
    LOCK = processes.only_build(Path(BUILD))
    # A build may have been killed between the two steps in which it replaces the site.
    if Path(f"{BUILD}/site.old").exists() and not Path(f"{BUILD}/site").exists():
        Path(f"{BUILD}/site.old").rename(f"{BUILD}/site")
# Seconds that one cell may take before the chapter counts as hanging.
CELL_LIMIT = {"quick": 300, "full": 3600}[EDITION.name]

CHAPTERS = [
    Path(entry["file"]).name
    for part in yaml.safe_load(Path("_toc.yml").read_text())["parts"]
    for entry in part["chapters"]
    if entry["file"].startswith("chapters/")
]
PACKAGE = [
    str(path)
    for path in sorted(Path("src/trainlab").rglob("*"))
    if path.suffix in (".py", ".mplstyle")
    and not path.name.startswith("chapter_")
    and "book" not in path.parts
]
TOOLS = sorted(map(str, Path("src/trainlab/book").rglob("*.py")))
DATA = [str(datasets.subset_path())] if EDITION.images == "subset" else [
    str(path) for path in datasets.full_archives()
]
EVIDENCE = sorted(map(str, Path("src/trainlab/record").glob("*.json")))
SITE_SOURCES = [
    "_config.yml", "_toc.yml", "index.md", "references.bib", "pyproject.toml",
    *(str(path) for folder in ("pages", "assets", "src/trainlab/record/versions") for path in sorted(Path(folder).rglob("*"))
      if path.is_file()),
]

# The site is replaced as a whole by its rule, so Snakemake must not own (and remove) the folder;
# it owns this mark instead, which is worth nothing without the folder.
SITE_MARK = f"{BUILD}/.site"
if not Path(f"{BUILD}/site/index.html").exists():
    Path(SITE_MARK).unlink(missing_ok=True)


onstart:
    processes.stop_on_signal(then=processes.stop_children)


def package_of(wildcards):
    """What a chapter imports: the package, and of the exercises only its own."""
    own = Path(f"src/trainlab/exercises/chapter_{wildcards.chapter[:2]}.py")
    return [*PACKAGE, *([str(own)] if own.exists() else [])]


rule book:
    input:
        SITE_MARK,


rule execute:
    input:
        notebook="chapters/{chapter}.ipynb",
        package=package_of,
        data=DATA,
        lock="requirements.txt",
        evidence=EVIDENCE,
    output:
        notebook=f"{BUILD}/executed/{{chapter}}.ipynb",
        report=f"{BUILD}/reports/{{chapter}}.json",
    params:
        broken=f"{BUILD}/broken/{{chapter}}.ipynb",
    log:
        f"{BUILD}/logs/{{chapter}}.log",
    threads: 1
    resources:
        mem_mb=3000,
    shell:
        "exec {sys.executable} -m trainlab.book.execute {input.notebook} --target {output.notebook} "
        "--report {output.report} --broken {params.broken} --log {log} --edition {EDITION.name} "
        "--timeout {CELL_LIMIT}"


rule ledger:
    input:
        notebooks=expand(f"{BUILD}/executed/{{chapter}}.ipynb", chapter=CHAPTERS),
        reports=expand(f"{BUILD}/reports/{{chapter}}.json", chapter=CHAPTERS),
        tools=TOOLS,
    output:
        f"{BUILD}/claims.json",
        f"{BUILD}/report.json",
        f"{BUILD}/pages/ledger.md",
        f"{BUILD}/pages/run_report.md",
    localrule: True
    shell:
        "exec {sys.executable} -m trainlab.book.ledger --notebooks {input.notebooks} "
        "--reports {input.reports} --output {BUILD}"


rule site:
    input:
        rules.ledger.output,
        sources=SITE_SOURCES,
    output:
        touch(SITE_MARK),
    localrule: True
    shell:
        "exec {sys.executable} -m trainlab.book.assemble {BUILD}"


# The record (`make record`): every chapter under the seeds and the arithmetic of each series. The
# rates that the main series chooses are what the others train with, so the record is written when
# it is through, and again when they are.
RECORD = f"_build/record/{EDITION.name}"
RECORDED = [config["only"]] if config.get("only") else CHAPTERS
SERIES = {each.name: each for each in series.of_edition(EDITION.name)}
if config.get("series"):
    SERIES = {name: SERIES[name] for name in str(config["series"]).split(",")}


def environment_of(wildcards):
    """The seeds and the arithmetic of a series, and in the main one where rates are noted."""
    measured = series.SERIES[wildcards.series]
    variables = {"TRAINLAB_SEEDS": " ".join(map(str, measured.seeds[EDITION.name]))}
    if measured.name == "main":
        variables["TRAINLAB_RECORD_NOTES"] = str(
            Path(f"{RECORD}/main/{wildcards.chapter}.tunings").resolve()
        )
    return shlex.join(f"{name}={value}" for name, value in {**variables, **measured.environment}.items())


rule measure:
    input:
        lambda wildcards: [] if wildcards.series == "main" else f"{RECORD}/.main",
        notebook="chapters/{chapter}.ipynb",
        package=package_of,
        data=DATA,
        lock="requirements.txt",
    output:
        notebook=f"{RECORD}/{{series}}/{{chapter}}.ipynb",
        report=f"{RECORD}/{{series}}/{{chapter}}.json",
        tunings=touch(f"{RECORD}/{{series}}/{{chapter}}.tunings"),
        commit=f"{RECORD}/{{series}}/{{chapter}}.commit",
    params:
        environment=environment_of,
        broken=f"{RECORD}/{{series}}/broken/{{chapter}}.ipynb",
        limit=6 * CELL_LIMIT,
    log:
        f"{RECORD}/{{series}}/{{chapter}}.log",
    threads: 1
    resources:
        mem_mb=3000,
    shell:
        "echo {config[commit]} > {output.commit}; rm -f {output.tunings}; "
        "exec env --unset=TRAINLAB_DISAGREEMENTS {params.environment} "
        "{sys.executable} -m trainlab.book.execute {input.notebook} --target {output.notebook} "
        "--report {output.report} --broken {params.broken} --log {log} --edition {EDITION.name} "
        "--timeout {params.limit}"


rule main_series:
    input:
        expand(f"{RECORD}/main/{{chapter}}.ipynb", chapter=RECORDED),
    output:
        touch(f"{RECORD}/.main"),
    localrule: True
    shell:
        "{sys.executable} -m trainlab.book.record gather --edition {EDITION.name} "
        "--folder {RECORD} --chapters {RECORDED}"


rule record:
    input:
        f"{RECORD}/.main",
        expand(f"{RECORD}/{{series}}/{{chapter}}.ipynb", series=SERIES, chapter=RECORDED),
    output:
        touch(f"{RECORD}/.whole"),
    localrule: True
    shell:
        "{sys.executable} -m trainlab.book.record gather --edition {EDITION.name} "
        "--folder {RECORD} --chapters {RECORDED}"
