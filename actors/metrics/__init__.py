"""What operators watch: every process counts for itself, one actor gathers, ``/metrics`` shows it."""
