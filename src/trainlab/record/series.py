"""Under which seeds and which arithmetic `make record` measures each edition."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainlab import editions

__all__ = ["SERIES", "Series", "of_edition"]


@dataclass(frozen=True)
class Series:
    """One measurement of a whole edition.

    Args:
        name: "main", which decides; "replication"; else the name of an arithmetic.
        seeds: Edition to seeds, for the editions that it is measured in.
        environment: Variables that make TensorFlow compute otherwise.
    """

    name: str
    seeds: dict[str, tuple[int, ...]]
    environment: dict[str, str] = field(default_factory=dict)


_SEEDS_OF_A_RUN = {"quick": editions.EDITIONS["quick"].seeds}

SERIES = {
    series.name: series
    for series in (
        Series("main", editions.RECORD_SEEDS),
        Series("replication", editions.REPLICATION_SEEDS),
        Series(
            "avx2",
            _SEEDS_OF_A_RUN,
            {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
        ),
        Series(
            "sse4.2",
            _SEEDS_OF_A_RUN,
            {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2", "ONEDNN_MAX_CPU_ISA": "SSE41"},
        ),
        Series("no-onednn", _SEEDS_OF_A_RUN, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
        Series(
            "two-threads",
            _SEEDS_OF_A_RUN,
            {"TF_NUM_INTRAOP_THREADS": "2", "OMP_NUM_THREADS": "2"},
        ),
    )
}


def of_edition(edition: str) -> list[Series]:
    """Return the series of an edition, the one that decides first."""
    return [series for series in SERIES.values() if edition in series.seeds]
