"""Celery shells of monitoring, on the analysis queue: reports and the thinning of samples."""

import logging

from celery import shared_task

from monitoring import live, reports, retention

log = logging.getLogger(__name__)


@shared_task(name="monitoring.make_report")
def make_report(*, kind: str) -> None:
    """Make the report of the newest span that has ended; twice is once."""
    report = reports.make(kind, now=live.utc_now())
    if report is not None:
        log.info("report.made", extra={"kind": kind, "begins_at": report.begins_at.isoformat()})


@shared_task(name="monitoring.thin")
def thin() -> None:
    """Make old samples coarser and drop what is too old."""
    log.info("retention.thinned", extra={"rows": retention.thin(now=live.utc_now())})
