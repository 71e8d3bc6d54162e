"""The page for operators and auditors: its files, and who is looking at it."""
