"""What a browser may do with the console: its own scripts and styles, and nothing from elsewhere.

What agents write stands on this page. It is set as text everywhere; this policy is the second lock.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""No inline script or style, no eval. Charts save themselves as images by way of ``data:``."""

HEADERS: Final = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-cache",
    }
)
"""Of every answer under ``/console``. ``no-cache``: kept, but asked for again by its ETag."""
