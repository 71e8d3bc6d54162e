"""Settings, bring-up and the command line."""
