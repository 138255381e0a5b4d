"""What Prometheus is told of our operations and fleets, counted when it asks."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bot.domain.errors import RecordsError
from bot.domain.operation import Stage
from bot.workflow.reconcile import Report


class OperationsCollector(Collector):
    """The number of operations in each stage. While the records cannot be read, no number is given."""

    def __init__(self, stages: Callable[[], Mapping[Stage, int]]) -> None:
        self._stages = stages

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the records now."""
        readable = GaugeMetricFamily("clonebot_records_readable", "Whether the audit log could be read")
        operations = GaugeMetricFamily(
            "clonebot_operations", "Operations in the audit log, by stage", labels=["stage"]
        )
        try:
            counts = self._stages()
        except RecordsError:
            counts = None
        readable.add_metric([], counts is not None)
        yield readable
        if counts is not None:
            for stage in Stage:
                operations.add_metric([stage.value], counts.get(stage, 0))
            yield operations


class ReconcileCollector(Collector):
    """What differs between AWS and the records, and when they were last compared, by fleet."""

    def __init__(self, reports: Callable[[], Mapping[str, Report]]) -> None:
        self._reports = reports

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Tell how the last comparisons went."""
        differences = GaugeMetricFamily(
            "clonebot_reconcile_findings",
            "What is known to differ between AWS and the records",
            labels=["fleet"],
        )
        read = GaugeMetricFamily(
            "clonebot_reconcile_last_success_timestamp_seconds",
            "When AWS and the records were last compared, as Unix time",
            labels=["fleet"],
        )
        for fleet, report in self._reports().items():
            differences.add_metric([fleet], report.differences)
            if report.read:
                read.add_metric([fleet], report.read.timestamp())
        yield differences
        yield read
