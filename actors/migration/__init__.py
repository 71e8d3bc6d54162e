"""By which protocol a workspace reaches its agents: judged, rolled back, moved and returned."""
