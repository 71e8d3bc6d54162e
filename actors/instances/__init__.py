"""Instances, which are containers and runners: the newest lines that each has logged."""
