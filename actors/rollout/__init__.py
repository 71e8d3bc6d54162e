"""What installations want of the protocols of their workspaces: kept, changed, and told to the workers."""
