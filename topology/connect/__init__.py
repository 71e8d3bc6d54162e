"""``lumilink connect``: an ACP agent on stdin and stdout whose other end is a gateway."""

from topology.connect.run import run_connect

__all__ = ["run_connect"]
