"""By which protocol a workspace reaches its agents: judged, rolled back, moved and returned (FR-001 to FR-009)."""
