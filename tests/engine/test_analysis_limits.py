"""The settings of the policy analysis."""

from __future__ import annotations

from typing import Any

import pytest

from collector.analysis.facts import AnalysisLimits
from collector.config import Settings
from collector.engine.account import analysis_limits


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({}, AnalysisLimits()),
        ({"deny_edges": True}, AnalysisLimits(deny_edges=True)),
        ({"expand_wildcards": True}, AnalysisLimits(wildcards="expand")),
        ({"expand_types": True}, AnalysisLimits(type_wide="expand")),
        ({"max_edges_per_pattern": 0}, AnalysisLimits(max_edges_per_pattern=0)),
        ({"cross_account": "off"}, AnalysisLimits(cross_account="off")),
        ({"cross_account": "collected"}, AnalysisLimits(cross_account="collected")),
    ],
)
def test_the_limits_of_the_analysis_are_settings(settings: dict[str, Any], limits):
    assert analysis_limits(Settings(**settings)) == limits


@pytest.mark.parametrize("settings", [{"max_edges_per_pattern": -1}, {"cross_account": "all"}])
def test_a_limit_that_has_no_meaning_is_refused(settings: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Settings(**settings)
