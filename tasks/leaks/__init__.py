"""The leakage audit: checks for information shared by the training and the test part, one module per check."""

from __future__ import annotations

from tasks.leaks import fitted
from tasks.leaks.finding import CHECKS, STAGE_PAIRS, AuditReport, Finding, demand
from tasks.leaks.survey import audit

__all__ = ["CHECKS", "STAGE_PAIRS", "AuditReport", "Finding", "audit", "demand", "fitted"]
