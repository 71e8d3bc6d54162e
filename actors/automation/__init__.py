"""GitHub automation: what a turn changed in its workspace becomes a branch, a commit and a pull request."""
