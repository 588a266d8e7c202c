"""Figures of this installation for Prometheus (`/metrics`).

Every figure is read from rows when somebody asks: nothing is kept in a process, so that any number of workers
and web servers tell the same, and none is lost with one. A room registers what it can tell.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Figure:
    """One gauge: for each combination of the values of `labels` a number. Seconds, calls or rows, as its name
    ends; never personal data."""

    name: str
    says: str
    labels: Sequence[str] = ()
    samples: Iterable[tuple[Sequence[str], float]] = ()


Read = Callable[[], Iterable[Figure]]
_readers: dict[str, Read] = {}


def register(room: str, read: Read) -> None:
    """Add what a room tells, or replace it; `read` asks a few statements, whatever the tables hold."""
    _readers[room] = read


def text() -> bytes:
    """All figures in Prometheus' text form. A room that cannot be read is told by `erp_metrics_read`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    return generate_latest(registry)


class _Collector(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        read = GaugeMetricFamily("erp_metrics_read", "1 for each room that could be read", labels=["room"])
        for room, reader in _readers.items():
            try:
                with transaction.atomic():
                    families = [_family(figure) for figure in reader()]
            except Exception as error:
                # Its text may name hosts and users.
                logger.warning("Metrics of %s failed with %s", room, type(error).__name__)
                families = []
                read.add_metric([room], 0)
            else:
                read.add_metric([room], 1)
            yield from families
        yield read


def _family(figure: Figure) -> GaugeMetricFamily:
    family = GaugeMetricFamily(figure.name, figure.says, labels=list(figure.labels))
    for labels, value in figure.samples:
        family.add_metric(list(labels), value)
    return family
