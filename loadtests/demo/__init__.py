"""A demonstration of the fallback: agents fail over ACP, work goes on over HTTP, and returns."""
