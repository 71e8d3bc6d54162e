// One turn by the official TypeScript SDK, over the transport that the command line names.
//
//   node ts_client.mjs CWD PROMPT stdio COMMAND [ARGS...]
//   node ts_client.mjs CWD PROMPT websocket URL
//   node ts_client.mjs CWD PROMPT http URL
//
// Prints one JSON line for everything it sees, in order: {"saw": "initialize" | "session" | "permission" |
// "update" | "stop", ...what was sent}. Ends with 0 after the turn, with 1 and a line on stderr otherwise.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable, Writable } from "node:stream";

import { client, methods, ndJsonStream, PROTOCOL_VERSION } from "@agentclientprotocol/sdk";
import { createHttpStream } from "@agentclientprotocol/sdk/experimental/http-client";
import { createWebSocketStream } from "@agentclientprotocol/sdk/experimental/ws-client";
import WebSocket from "ws";

const STOP_DEADLINE_MS = 5_000;

function saw(what, message) {
  process.stdout.write(`${JSON.stringify({ saw: what, ...message })}\n`);
}

function allowOnce({ params }) {
  saw("permission", params);
  const option = params.options.find(({ kind }) => kind === "allow_once");
  return { outcome: { outcome: "selected", optionId: option.optionId } };
}

async function turn(agent, cwd, prompt) {
  const clientInfo = { name: "ts-client", version: "1.0.0" };
  saw("initialize", await agent.request(methods.agent.initialize, { protocolVersion: PROTOCOL_VERSION, clientInfo }));
  const session = await agent.request(methods.agent.session.new, { cwd, mcpServers: [] });
  saw("session", session);
  const content = [{ type: "text", text: prompt }];
  saw("stop", await agent.request(methods.agent.session.prompt, { sessionId: session.sessionId, prompt: content }));
}

function open(transport, [target, ...args]) {
  switch (transport) {
    case "websocket":
      return { stream: createWebSocketStream(target, { WebSocket }), stop: async () => {} };
    case "http":
      return { stream: createHttpStream(target), stop: async () => {} };
    case "stdio":
      return overStdio(target, args);
    default:
      throw new Error(`no such transport: ${transport}`);
  }
}

function overStdio(command, args) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const stop = async () => {
    const kill = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
    child.stdin.end();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    clearTimeout(kill);
  };
  return { stream: ndJsonStream(Writable.toWeb(child.stdin), Readable.toWeb(child.stdout)), stop };
}

const [cwd, prompt, transport, ...target] = process.argv.slice(2);
const { stream, stop } = open(transport, target);
try {
  await client({ name: "ts-client" })
    .onRequest(methods.client.session.requestPermission, allowOnce)
    .onNotification(methods.client.session.update, ({ params }) => saw("update", params))
    .connectWith(stream, (agent) => turn(agent, cwd, prompt));
} finally {
  await stop();
}
