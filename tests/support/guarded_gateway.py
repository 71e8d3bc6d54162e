"""A gateway that asks for credentials, with the keys of its users."""

from __future__ import annotations

from pathlib import Path

import httpx

from support.canaries import CANARIES
from support.credentials import AUDIENCE, ISSUER, key_set, new_key, showing
from support.gateway_process import GatewayProcess, scripted_agent_target


class Guarded:
    """The gateway and the keys of its users; ``secrets`` are all that must not be found anywhere."""

    def __init__(self, folder: Path) -> None:
        settings = {
            "auth": "keys-and-jwt",
            "jwt_issuer": ISSUER,
            "jwt_audience": AUDIENCE,
            "jwt_keys": str(key_set(folder)),
            "ingress_replicas": 2,
            "dashboard": False,
            "alert_webhook_url": "http://127.0.0.1:9/hook",
            "alert_webhook_secret": CANARIES["field of the settings"],
        }
        self.gateway = GatewayProcess(folder, scripted_agent_target(), **settings)
        self.secrets: list[str] = []
        self.admin = self.key("acme", "admin")
        self.user = self.key("acme", "user")
        self.viewer = self.key("acme", "viewer")
        self.stranger = self.key("other", "admin")

    def key(self, installation: str, *roles: str, user: str = "ann") -> str:
        """A new key."""
        key = new_key(self.gateway.folder, installation, *roles, user=user)
        self.secrets.append(key.rpartition("_")[2])
        return key

    @property
    def socket(self) -> str:
        """Its ACP endpoint for WebSocket clients."""
        return self.gateway.acp_over_websocket

    def get(self, path: str, credential: str | None = None) -> httpx.Response:
        """What it answers to somebody."""
        headers = showing(credential) if credential is not None else {}
        return httpx.get(f"{self.gateway.url}{path}", headers=headers, timeout=30.0)
