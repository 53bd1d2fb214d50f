// SPDX-License-Identifier: MIT
/** Servers of HTTP/2 over the files of a fixture that say what they served. @module */
import assert from "node:assert/strict";
import { freePort } from "../../support/free_port.ts";
import { Child } from "./child.ts";
import type { Fixture } from "./fixture.ts";
import { goPeer, SENT_BYTES } from "./http2_clients.ts";
import { got, hash, NodeServer, type Served } from "./http2.ts";
import { Nginx } from "./nginx.ts";
import { python } from "./python.ts";

export interface Http2Server extends AsyncDisposable {
  readonly port: number;
  /** Ends it; returns what it says that it served. */
  served(): Promise<Served[]>;
}

type Environment = Readonly<Record<string, string>>;
type Start = (fixture: Fixture, env: Environment) => Promise<Http2Server>;

/** A server by its name; those that a hook sees get its environment. */
export const SERVERS: Readonly<Record<string, Start>> = {
  node: (fixture) => NodeServer.start(fixture),
  go: async (fixture) => {
    const args = ["serve", fixture.certificate, fixture.key, fixture.bodies];
    const child = new Child(await goPeer(fixture), { args });
    const [, port] = await child.found("stdout", /^listening (\d+)$/m);
    return program(Number(port), child, (stdout) => logged(fixture, stdout));
  },
  nginx: async (fixture, env) => {
    const nginx = await Nginx.start(fixture, env, true);
    return {
      port: nginx.port,
      served: async () => {
        await nginx.stop();
        return logged(fixture, nginx.exchanges().join("\n"), () => new TextEncoder().encode(Nginx.WORD));
      },
      [Symbol.asyncDispose]: () => nginx[Symbol.asyncDispose](),
    };
  },
  apache,
  nghttpd,
};

/** With its client, and with the server that it passes everything on to. */
export const SESSIONS_OF_RELAY = 2;

/** Stands between two programs of which no hook sees either. */
export class Relay implements AsyncDisposable {
  private constructor(readonly port: number, readonly child: Child) {}

  static async start(fixture: Fixture, port: number, env: Environment): Promise<Relay> {
    const [command, ...args] = python("http2_relay.py", fixture.certificate, fixture.key, `${port}`);
    const child = new Child(command, { args, env });
    const [, own] = await child.found("stdout", /^listening (\d+)$/m);
    return new Relay(Number(own), child);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.child[Symbol.asyncDispose]();
  }
}

/** A server that says everything on standard output. */
function program(port: number, child: Child, read: (stdout: string) => Served[]): Http2Server {
  return {
    port,
    served: async () => {
      child.kill("SIGTERM");
      return read(new TextDecoder().decode((await child.ended).stdout));
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** What a POST is answered with; by default the file, as a GET is. */
type Answer = (sent: Uint8Array) => Uint8Array;

/** Lines `METHOD PATH STATUS BYTES`. */
function logged(fixture: Fixture, text: string, answer?: Answer): Served[] {
  const lines = text.split("\n").filter((line) => /^[A-Z]+ \//.test(line));
  return lines.map((line) => {
    const [method, path, status, bytes] = line.split(" ");
    assert.equal(status, "200", line);
    const one = served(fixture, method, path, answer);
    // Apache counts what a HEAD would have been answered.
    if (method !== "HEAD") assert.equal(one.responseBytes, Number(bytes), line);
    return one;
  });
}

const NOTHING = new Uint8Array();

function served(fixture: Fixture, method: string, path: string, answer?: Answer): Served {
  const contents = (name: string) => Deno.readFileSync(`${fixture.bodies}/${name}`);
  const file = contents(path.slice(1).split("?")[0]);
  if (method !== "POST") return { ...got(path, 200, method === "HEAD" ? NOTHING : file), method };
  const sent = contents(fixture.body(SENT_BYTES).name);
  return {
    ...got(path, 200, answer?.(sent) ?? file),
    method,
    requestBody: hash(sent),
    requestBytes: sent.length,
  };
}

async function apache(fixture: Fixture, env: Environment): Promise<Http2Server> {
  const { port, child, log } = await startApache(fixture, env);
  return {
    port,
    served: async () => {
      child.kill("SIGTERM");
      await child.ended;
      return logged(fixture, log());
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Apache with the files of the fixture; its log has `METHOD PATH STATUS BYTES` in a line. */
export async function startApache(
  fixture: Fixture,
  env: Environment,
): Promise<{ readonly port: number; readonly child: Child; readonly log: () => string }> {
  const folder = fixture.path("apache");
  await Deno.mkdir(folder);
  const port = freePort();
  await Deno.writeTextFile(`${folder}/apache.conf`, apacheConfiguration(fixture, folder, port, freePort()));
  const child = new Child("/usr/sbin/apache2", {
    args: ["-f", `${folder}/apache.conf`, "-DFOREGROUND"],
    env,
  });
  await child.found("stderr", /resuming normal operations/);
  return { port, child, log: () => Deno.readTextFileSync(`${folder}/access.log`) };
}

const apacheModules = (...names: string[]) =>
  names.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n");

const apacheConfiguration = (fixture: Fixture, folder: string, port: number, behind: number): string => `
ServerRoot ${folder}
ServerName localhost
${apacheModules("mpm_event", "authz_core", "ssl", "http2", "rewrite", "proxy", "proxy_http")}
User nobody
Group nogroup
PidFile ${folder}/apache.pid
Mutex pthread
Listen 127.0.0.1:${port}
Listen 127.0.0.1:${behind}
ErrorLog /dev/stderr
LogFormat "%m %U%q %>s %B" exchanges
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
MaxKeepAliveRequests 0
DocumentRoot ${fixture.bodies}
<Directory ${fixture.bodies}>
  Require all granted
</Directory>
<VirtualHost 127.0.0.1:${port}>
  CustomLog ${folder}/access.log exchanges
  Protocols h2
  SSLEngine on
  SSLCertificateFile ${fixture.certificate}
  SSLCertificateKeyFile ${fixture.key}
  # Over HTTP/2 a file is sent before the body of the request is there; a proxy reads it first.
  RewriteEngine on
  RewriteCond %{REQUEST_METHOD} =POST
  RewriteRule ^(.*)$ http://127.0.0.1:${behind}$1 [P]
</VirtualHost>
`;

async function nghttpd(fixture: Fixture, env: Environment): Promise<Http2Server> {
  const port = freePort();
  const args = ["-a", "127.0.0.1", "-v", "-d", fixture.bodies, `${port}`, fixture.key, fixture.certificate];
  const child = new Child("nghttpd", { args, env });
  await child.found("stdout", /: listen /);
  return program(port, child, (stdout) => nghttpdServed(fixture, stdout));
}

/** From the lines of each stream's fields. */
function nghttpdServed(fixture: Fixture, stdout: string): Served[] {
  const methods = new Map<string, string>();
  const all: Served[] = [];
  const pattern = /^(\[id=\d+\]) .*recv \((stream_id=\d+)[^)]*\) :(method|path): (\S+)$/gm;
  for (
    const [, connection, stream, name, value] of stdout.matchAll(pattern)
  ) {
    const key = connection + stream;
    if (name === "method") methods.set(key, value);
    else all.push(served(fixture, methods.get(key)!, value));
  }
  return all;
}
