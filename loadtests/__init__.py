"""What LumiLink's message path carries and costs, against baselines in the same run."""
