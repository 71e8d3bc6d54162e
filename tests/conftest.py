"""What tests of the whole gateway share. Being here, this file also puts ``tests/`` on the path."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A folder for an agent that does what its prompts say."""
    return Workspace(tmp_path / "scripted")


@pytest.fixture
def forgetful_workspace(tmp_path: Path) -> Workspace:
    """A folder for an agent that begins anew whenever it is started."""
    return Workspace(tmp_path / "forgetful", behaviour="forgetful")


@pytest.fixture
def example_workspace(tmp_path: Path) -> Workspace:
    """A folder for the example agent."""
    return Workspace(tmp_path / "example", behaviour="example")
