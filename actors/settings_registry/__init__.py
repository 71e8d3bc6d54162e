"""The settings registry: what settings there are, what values they take, and the values that they have."""
