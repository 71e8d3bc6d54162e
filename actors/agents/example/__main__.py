"""Serve one client on stdin and stdout."""

import asyncio
from typing import cast

from acp import Agent, run_agent

from actors.agents.example.agent import ExampleAgent

if __name__ == "__main__":
    # A cast, because the SDK's interface lists optional methods too, and answers for those that are missing.
    # session/resume is in the protocol, and among the unstable methods of the SDK.
    asyncio.run(run_agent(cast("Agent", ExampleAgent()), use_unstable_protocol=True))
