"""Ways to reach an agent: one interface (``link``), one way in (``dial``), one file a wire."""
