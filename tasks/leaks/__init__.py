"""The leakage audit: what training and test part share that they must not, one check a module."""

from __future__ import annotations

from tasks.leaks import fitted
from tasks.leaks.finding import CHECKS, AuditReport, Finding, demand
from tasks.leaks.survey import audit

__all__ = ["CHECKS", "AuditReport", "Finding", "audit", "demand", "fitted"]
