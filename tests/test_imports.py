"""Wings import downward only; the contracts are in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports


def test_every_import_contract_holds():
    assert (
        lint_imports(config_filename=str(Path(__file__).parents[1] / "pyproject.toml"), no_cache=True)
        == EXIT_STATUS_SUCCESS
    )
