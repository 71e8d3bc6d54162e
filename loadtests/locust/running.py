"""What the processes of a run tell each other by environment: the profile, where to write the outcome."""

from __future__ import annotations

import os
from typing import Final

from loadtests.locust.plan import Profile
from loadtests.locust.profiles import find_profile

PROFILE: Final = "LUMILINK_LOAD_PROFILE"
OUTCOME: Final = "LUMILINK_LOAD_OUTCOME"
CREDENTIAL: Final = "LUMILINK_KEY"


def chosen_profile() -> Profile:
    """The profile of this process; ``smoke`` unless told. Raises SettingsError for an unknown one."""
    return find_profile(os.environ.get(PROFILE, "smoke"))


def outcome_file() -> str:
    """Where Locust writes its outcome; empty for nowhere."""
    return os.environ.get(OUTCOME, "")


def credential() -> str:
    """What is shown to a gateway that asks for a credential; empty for nothing."""
    return os.environ.get(CREDENTIAL, "")
