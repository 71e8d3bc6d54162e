"""What the settings say of GitHub automation, as its parts take it."""

from __future__ import annotations

from email.utils import parseaddr

from actors import errors
from actors.automation.contract import Limits
from actors.automation.origin import GitHost
from actors.automation.settings import AutomationSettings, ForgeAccess
from actors.automation.templates import Templates
from topology.settings import Settings


def automation_settings(settings: Settings) -> AutomationSettings:
    """How runs are made. Raises SettingsError for a template that is none."""
    name, email = parseaddr(settings.automation_author)
    if not name or "@" not in email or any(one in settings.automation_author for one in "\n\r\0"):
        raise errors.SettingsError("automation_author: expected NAME <ADDRESS>")
    GitHost(settings.github_url)
    return AutomationSettings(
        enabled=settings.automation == "on",
        installations=settings.automation_installations,
        allow=settings.automation_repositories,
        deny=settings.automation_repositories_denied,
        checkout=settings.automation_checkout,
        wait_s=settings.automation_wait_s,
        parallel=settings.automation_parallel,
        defer_most_s=settings.automation_defer_most_s,
        approval=settings.automation_approval,
        approval_wait_s=settings.question_ttl_s,
        templates=Templates(
            settings.automation_branch,
            settings.automation_commit,
            settings.automation_title,
            settings.automation_body,
            settings.automation_issue_title,
            settings.automation_issue_body,
        ),
        author_name=name,
        author_email=email,
        trailers=settings.automation_trailers,
        sign_off=settings.automation_sign_off,
        limits=Limits(
            settings.automation_file_bytes,
            settings.automation_total_bytes,
            settings.automation_files,
            settings.automation_paths_refused,
        ),
    )


def forge_access(settings: Settings) -> ForgeAccess:
    """Where GitHub is, and what opens it."""
    return ForgeAccess(
        settings.github_url,
        settings.github_api_url,
        settings.github_token.get_secret_value(),
        settings.github_app_id,
        settings.github_app_key,
    )
