// SPDX-License-Identifier: MIT
/** Servers of HTTP/2 without TLS that say what requests they acted on, and the way through one into a codec. @module */
import { fileURLToPath } from "node:url";
import { CodecHarness } from "./codec_harness.ts";
import { freePort } from "./free_port.ts";
import { generateConnection, type GeneratedConnection } from "./http2_generator.ts";
import { frame, textOf } from "./http2_frames.ts";
import { TextLineStream } from "./lines.ts";
import type { Random } from "./random.ts";
import { withTempDir } from "./run.ts";
import { awaited } from "./until.ts";
import { assertTold, type Sent, sentThrough } from "./http2_told.ts";
import type { Codec } from "../../codecs/codec.ts";

const BACK_END = fileURLToPath(new URL("http2_back_end.mjs", import.meta.url));
const PING = 6;
const ACK = 1;

/** A program with its output line by line. */
class Program {
  readonly lines: string[] = [];
  readonly child: Deno.ChildProcess;
  readonly #drained: Promise<void>;
  readonly #first = Promise.withResolvers<string>();

  /** `sign` is on the line that says that it listens. */
  constructor(command: string, args: readonly string[], readonly sign: RegExp) {
    this.child = new Deno.Command(command, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    })
      .spawn();
    this.#drained = this.#read();
  }

  /** The line with the sign. */
  listening(): Promise<string> {
    return awaited(`${this.sign} of a server`, this.#first.promise);
  }

  async #read(): Promise<void> {
    const lines = this.child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) {
      this.lines.push(line);
      if (this.sign.test(line)) this.#first.resolve(line);
    }
    this.#first.reject(new Error(`it ended: ${this.lines.join("\n")}`));
  }

  /** Ends it, and waits for its last word. */
  async stop(signal?: Deno.Signal): Promise<void> {
    if (signal !== undefined) this.child.kill(signal);
    await this.child.stdin.close().catch(() => {});
    await this.child.status;
    await this.#drained;
  }
}

/** A server; `stop` ends it and answers the path of each request that it, or what is behind it, acted on. */
interface Peer {
  readonly port: number;
  stop(): Promise<string[]>;
}

const paths = (lines: readonly string[], pattern: RegExp) =>
  lines.flatMap((line) => pattern.exec(line)?.[1] ?? []);

async function backEnd(version: "1" | "2"): Promise<Peer> {
  const node = new Program("node", [BACK_END, version], /^port /);
  const port = Number((await node.listening()).slice("port ".length));
  return {
    port,
    async stop() {
      await node.stop();
      return paths(node.lines, /^(\/.*)/);
    },
  };
}

async function nghttpd(): Promise<Peer> {
  const port = freePort();
  const server = new Program(
    "nghttpd",
    ["-a", "127.0.0.1", "-v", "--no-tls", "-d", "/", `${port}`],
    /: listen /,
  );
  await server.listening();
  return {
    port,
    async stop() {
      await server.stop("SIGTERM");
      return paths(server.lines, /recv \(stream_id=\d+\) :path: (\S+)/);
    },
  };
}

/** nginx with `proxy_pass` to a back end of HTTP/1.1. */
async function nginx(folder: string): Promise<Peer> {
  const behind = await backEnd("1");
  const location =
    `proxy_pass http://127.0.0.1:${behind.port}; proxy_ignore_client_abort on; proxy_read_timeout 1s;`;
  const server = await startNginx(folder, location, "off");
  return {
    port: server.port,
    async stop() {
      await server.stop();
      return await behind.stop();
    },
  };
}

/** nginx that answers itself, and its own log. */
async function nginxAlone(folder: string): Promise<Peer> {
  const log = `${folder}/access.log`;
  const server = await startNginx(folder, "return 200 hello;", `${log} paths`);
  return {
    port: server.port,
    async stop() {
      await server.stop();
      return paths((await Deno.readTextFile(log)).split("\n"), LOGGED_PATH);
    },
  };
}

/** Of connections that fail before a request, nginx logs none. */
const LOGGED_PATH = /^path (\/.*)/;

async function startNginx(
  folder: string,
  location: string,
  log: string,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const port = freePort();
  const configuration = `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 4096; }
http {
  log_format paths "path $request_uri";
  access_log ${log};
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} http2;
    large_client_header_buffers 8 64k;
    location / { ${location} }
  }
}
`;
  await Deno.writeTextFile(`${folder}/nginx.conf`, configuration);
  const server = new Program("sh", [
    "-c",
    `exec nginx -p "$0" -e stderr -g 'error_log stderr notice;' -c nginx.conf 2>&1`,
    folder,
  ], /start worker|using the .* event method/);
  await server.listening();
  return { port, stop: () => server.stop("SIGTERM") };
}

const APACHE_MODULES = ["mpm_event", "authz_core", "http2"];

async function apache(folder: string): Promise<Peer> {
  const port = freePort();
  const modules = APACHE_MODULES.map((name) =>
    `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`
  );
  const configuration = `
ServerRoot ${folder}
ServerName localhost
${modules.join("\n")}
User nobody
Group nogroup
PidFile ${folder}/apache.pid
Mutex pthread
Listen 127.0.0.1:${port}
Protocols h2c
ErrorLog /dev/stdout
LogFormat "path %U" paths
CustomLog ${folder}/access.log paths
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
MaxKeepAliveRequests 0
LimitRequestFieldSize 65536
DocumentRoot ${folder}
`;
  await Deno.writeTextFile(`${folder}/apache.conf`, configuration);
  const server = new Program(
    "/usr/sbin/apache2",
    ["-f", `${folder}/apache.conf`, "-DFOREGROUND"],
    /resuming normal operations/,
  );
  await server.listening();
  return {
    port,
    async stop() {
      await server.stop("SIGTERM");
      return paths((await Deno.readTextFile(`${folder}/access.log`)).split("\n"), LOGGED_PATH);
    },
  };
}

/** Starts a peer in a folder of its own. */
type StartPeer = (folder: string) => Promise<Peer>;

export const PEERS: Readonly<Record<string, StartPeer>> = {
  node: () => backEnd("2"),
  nghttpd,
  "nginx with proxy_pass": nginx,
  nginx: nginxAlone,
  apache,
};

/** The programs that a peer needs. */
export const PEER_PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  node: ["node"],
  nghttpd: ["nghttpd"],
  "nginx with proxy_pass": ["nginx", "node"],
  nginx: ["nginx"],
  apache: ["apache2"],
};

/** Open at a time: the peer works on one while the codec does on another. */
const AT_A_TIME = 4;

/** Generated connections to a peer of their own: fails where something that it acted on is not told. */
export async function checkPeer(
  start: StartPeer,
  random: Random,
  count: number,
  codec: Codec,
): Promise<void> {
  await withTempDir(async (folder) => {
    const peer = await start(folder);
    const sent: Sent[] = [];
    let begun = 0;
    const some = async () => {
      while (begun < count) {
        const connection = generateConnection(random, `c${begun++}`);
        sent.push(await throughPeer(peer.port, connection, codec));
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_A_TIME }, some));
    } finally {
      assertTold(sent, await peer.stop());
    }
  });
}

/** Sends the connection to the peer, as far as that takes it, and all that passes in both directions to the codec. */
async function throughPeer(
  port: number,
  { pieces, requests }: GeneratedConnection,
  codec: Codec,
): Promise<Sent> {
  const harness = new CodecHarness(codec);
  let receivedBytes = 0, written = 0;
  const give = (direction: 0 | 1, bytes: Uint8Array) => {
    receivedBytes += bytes.length;
    harness.data(direction, bytes);
  };
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  connection.setNoDelay();
  // The peer has acted on all that is before it when it answers this one.
  const last = frame(PING, 0, 0, new TextEncoder().encode("the-last"));
  const answered = textOf(frame(PING, ACK, 0, new TextEncoder().encode("the-last")));
  const writing = (async () => {
    for (const piece of [...pieces, last]) {
      give(0, piece);
      written++;
      for (let at = 0; at < piece.length;) at += await connection.write(piece.subarray(at));
    }
  })().catch(() => "the peer has closed");
  const buffer = new Uint8Array(65536);
  let tail = "";
  while (!tail.includes(answered)) {
    const length = await awaited("an answer", connection.read(buffer)).catch(() => null);
    if (length === null) break;
    give(1, buffer.slice(0, length));
    tail = tail.slice(-answered.length) + textOf(buffer.subarray(0, length));
  }
  await writing;
  // The first piece is the connection's start.
  return sentThrough(harness.end(), requests.slice(0, written - 1), receivedBytes);
}
