"""The command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from topology import credential
from topology import settings as topology_settings
from topology.erase_cli import erase
from topology.exits import exits as _exits
from topology.keys_cli import keys
from topology.protocol_cli import protocol
from topology.report_cli import analytics, report
from topology.runner_cli import agent

DEFAULT_URL = "http://127.0.0.1:8000"

_FILE = click.Path(dir_okay=False, path_type=Path)
_URL = click.option("--url", default=DEFAULT_URL, show_default=True, help="The gateway.")
_KEY_FILE = click.option(
    "--key-file", type=_FILE, help=f"File with the API key or token to show; else ${credential.VARIABLE}."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lumilink")
def main() -> None:
    """LumiLink: the runtime that fleets of coding agents run on."""


@main.command()
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Settings file (TOML).")
@click.option("--host", help="Address that clients connect to.  [127.0.0.1]")
@click.option("--port", type=int, help="Port that clients connect to.  [8000]")
@click.option(
    "--agent",
    metavar="TARGET",
    help="ws://…/acp, http://…/acp, stdio:COMMAND ARGS, agentapi+http://HOST:PORT or runner:NAME.  "
    "[example agent]",
)
@click.option(
    "--fallback-agent",
    metavar="TARGET",
    help="The same agent over HTTP, for sessions that ACP fails: agentapi+http://HOST:PORT.  [none]",
)
@click.option("--address", help="Ray cluster to join, such as auto.  [a Ray of its own]")
@click.option("--workers", type=int, help="Worker processes that are always there.  [1]")
@click.option("--max-workers", type=int, help="Most that load may bring about.  [as many]")
@click.option("--sessions-per-worker", type=int, help="Sessions that a worker takes.  [1000]")
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="What must last.  [.lumilink]"
)
@_exits
def up(config: Path | None, **flags: object) -> int:
    """Start a gateway here; prints `ready http://HOST:PORT` once it serves."""
    from topology import up as topology_up

    given = {name: value for name, value in flags.items() if value is not None}
    return topology_up.run(topology_settings.load(config, given))


@main.command()
@_URL
@_KEY_FILE
@_JSON
@_exits
def status(url: str, key_file: Path | None, as_json: bool) -> int:
    """Show a gateway's workers and ingress replicas."""
    from topology import operate

    found = operate.Gateway(url, credential.credential(key_file)).topology()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return 0
    operate.show(operate.workers_table(found), f"ingress replicas: {len(found['ingress'])}")
    return 0


@main.command()
@_URL
@_KEY_FILE
@_JSON
@_exits
def topology(url: str, key_file: Path | None, as_json: bool) -> int:
    """Show all of a gateway's processes, and how many workers there are to be."""
    from topology import operate

    gateway = operate.Gateway(url, credential.credential(key_file))
    found = {**gateway.topology(), "pool": gateway.pool()}
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return 0
    operate.show(
        operate.workers_table(found), operate.replicas_table(found), operate.pool_line(found["pool"])
    )
    return 0


@main.command()
@click.argument("workers", type=click.IntRange(1, topology_settings.MAX_WORKERS))
@_URL
@_KEY_FILE
@_JSON
@_exits
def scale(workers: int, url: str, key_file: Path | None, as_json: bool) -> int:
    """Have WORKERS workers from now on; those that are too many give their sessions away first."""
    from topology import operate

    pool = operate.Gateway(url, credential.credential(key_file)).scale(workers)
    click.echo(json.dumps(pool, indent=2) if as_json else operate.pool_line(pool))
    return 0


@main.command()
@click.argument("worker")
@click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(0.0, 86_400.0),
    default=600.0,
    show_default=True,
    help="Seconds that turns may take to end; after them they are interrupted.",
)
@click.option("--wait", is_flag=True, help="Return when the worker has come back empty.")
@_URL
@_KEY_FILE
@_exits
def drain(worker: str, deadline_s: float, wait: bool, url: str, key_file: Path | None) -> int:
    """Let the sessions of WORKER go on at other workers, and have it start anew."""
    from topology import operate

    gateway = operate.Gateway(url, credential.credential(key_file))
    back = operate.Return(gateway, worker) if wait else None
    gateway.drain(worker, deadline_s)
    click.echo(f"{worker} is draining")
    if back is not None:
        back.wait(deadline_s + operate.DRAIN_MARGIN_S)
        click.echo(f"{worker} is back")
    return 0


@main.command()
@_URL
@_KEY_FILE
@click.option("--session", "session_id", metavar="ID", help="Go on with this session.")
@_exits
def chat(url: str, key_file: Path | None, session_id: str | None) -> int:
    """Talk to an agent in the terminal."""
    from topology.chat import run_chat

    return asyncio.run(run_chat(url, session_id, credential.credential(key_file)))


@main.command()
@_URL
@_KEY_FILE
@_exits
def connect(url: str, key_file: Path | None) -> int:
    """Be an agent on stdin and stdout, for editors that start agents themselves."""
    from topology.connect import run_connect

    return asyncio.run(run_connect(url, credential.credential(key_file)))


@main.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".lumilink"),
    show_default=True,
    help="The gateway's data directory.",
)
@click.option("--journal", type=_FILE, help="The journal's file instead.")
@click.option("--agents", multiple=True, type=_FILE, help="What agents recorded; repeatable.")
@click.option("--clients", multiple=True, type=_FILE, help="What clients recorded; repeatable.")
@click.option("--live", is_flag=True, help="The gateway is up: not all has come to its end.")
@click.option("--audit", type=_FILE, help="Prove this audit trail instead, as /api/v1/audit/export gave it.")
@click.option("--final", metavar="HASH", help="The trail's final hash, as it was noted elsewhere.")
@_JSON
@_exits
def verify(
    data_dir: Path,
    journal: Path | None,
    agents: tuple[Path, ...],
    clients: tuple[Path, ...],
    live: bool,
    audit: Path | None,
    final: str | None,
    as_json: bool,
) -> int:
    """Check a journal's history for anything lost, doubled or out of order; exit code 1 if there is.

    With --audit, check whether an audit trail is whole and unchanged.
    """
    if audit is not None:
        from topology.audit import run_audit

        return run_audit(audit, final, as_json=as_json)
    from topology.data_directory import JOURNAL
    from topology.verify import Evidence, run_verify

    evidence = Evidence(journal or data_dir / JOURNAL, agents, clients)
    return asyncio.run(run_verify(evidence, live=live, as_json=as_json))


@main.command()
@click.option("--config", type=_FILE, help="Settings file (TOML).")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="The data directory.")
@click.option("--installation", metavar="I", help="Only the records of this installation.")
@click.option("--set-aside", is_flag=True, help="Only try again what was set aside, and list it.")
@_exits
def rebuild(config: Path | None, data_dir: Path | None, installation: str | None, set_aside: bool) -> int:
    """Clear the records and derive them from the journal again; the gateway may be running."""
    from topology import rebuild as topology_rebuild

    given: dict[str, object] = {} if data_dir is None else {"data_dir": data_dir}
    settings = topology_settings.load(config, given)
    return topology_rebuild.run(settings, installation, set_aside=set_aside)


main.add_command(agent)
main.add_command(analytics)
main.add_command(erase)
main.add_command(keys)
main.add_command(protocol)
main.add_command(report)


if __name__ == "__main__":
    main()
