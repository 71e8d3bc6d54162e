"""Tokens for repositories: made of a GitHub App, or one that somebody has given."""
