"""What replicas are told of credentials."""

from __future__ import annotations

from serve.rights.settings import Auth, AuthSettings, TokenSettings
from topology.data_directory import DataDirectory
from topology.settings import Settings


def auth_settings(settings: Settings, data: DataDirectory) -> AuthSettings:
    """The part of the settings that replicas find out by who a caller is."""
    return AuthSettings(
        mode=Auth(settings.auth),
        records_url=data.records_url(settings.records),
        session_key=data.session_key(),
        tokens=TokenSettings(
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            keys=settings.jwt_keys,
            installation_claim=settings.jwt_installation_claim,
            user_claim=settings.jwt_user_claim,
            roles_claim=settings.jwt_roles_claim,
            leeway_s=settings.jwt_leeway_s,
        ),
        address_header=settings.client_address_header,
    )
