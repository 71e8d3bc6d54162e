"""``/jobs`` and ``/api/v1/agents``: the queue of jobs, and the runners that ask for them."""
