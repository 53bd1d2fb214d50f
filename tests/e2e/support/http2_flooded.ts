// SPDX-License-Identifier: MIT
/** Servers of HTTP/2 to be flooded, which say what they, or what is behind them, acted on. @module */
import { fileURLToPath } from "node:url";
import { freePort } from "../../support/free_port.ts";
import { Child } from "./child.ts";
import type { Fixture } from "./fixture.ts";
import { startApache } from "./http2_servers.ts";

const BACK_END = fileURLToPath(new URL("../../support/http2_back_end.mjs", import.meta.url));

export interface Flooded extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Ends it; returns the path of each request that it acted on. */
  acted(): Promise<string[]>;
}

type Environment = Readonly<Record<string, string>>;

/** By name: what starts it, with the environment of a hook where one sees it. */
export const FLOODED: Readonly<Record<string, (fixture: Fixture, env: Environment) => Promise<Flooded>>> = {
  nginx,
  apache: async (fixture, env) => {
    const { port, child, log } = await startApache(fixture, env);
    return flooded(port, child, () => paths(log(), /^[A-Z]+ (\/\S*) /gm));
  },
  nghttpd: async (fixture, env) => {
    const port = freePort();
    const tls = [`${port}`, fixture.key, fixture.certificate];
    const args = ["-a", "127.0.0.1", "-v", "-d", fixture.bodies, "-p", "/push=/pushed", ...tls];
    const child = new Child("nghttpd", { args, env });
    await child.found("stdout", /: listen /);
    return flooded(port, child, nghttpdPaths);
  },
  node: async (fixture) => {
    const child = new Child("node", { args: [BACK_END, "2", fixture.certificate, fixture.key] });
    return await node(child);
  },
};

const paths = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, path]) => path);

/** nghttpd tells fields before it knows whether their block is one that it takes. */
function nghttpdPaths(stdout: string): string[] {
  const fields = stdout.matchAll(/^(\[id=\d+\]).* recv \(stream_id=(\d+)[^)]*\) :path: (\S+)$/gm);
  const heads = stdout.matchAll(/^(\[id=\d+\]).* recv HEADERS frame <.* stream_id=(\d+)>$/gm);
  const key = ([, connection, stream]: RegExpExecArray) => `${connection} ${stream}`;
  const taken = new Set([...heads].map(key));
  return [...fields].flatMap((field) => taken.has(key(field)) ? field[3] : []);
}

function flooded(
  port: number,
  child: Child,
  read: (stdout: string) => string[],
  ...behind: Child[]
): Flooded {
  return {
    port,
    pid: child.pid,
    acted: async () => {
      child.kill("SIGTERM");
      const { stdout } = await child.ended;
      return read(new TextDecoder().decode(stdout));
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of [child, ...behind]) await one[Symbol.asyncDispose]();
    },
  };
}

async function node(child: Child): Promise<Flooded> {
  const [, port] = await child.found("stdout", /^port (\d+)$/m);
  return flooded(Number(port), child, (stdout) => paths(stdout, /^(\/\S*)$/gm));
}

/** One process, in front of a back end of HTTP/1.1. */
async function nginx(fixture: Fixture, env: Environment): Promise<Flooded> {
  const behind = await node(new Child("node", { args: [BACK_END, "1"] }));
  const folder = fixture.path("flooded");
  await Deno.mkdir(folder);
  const port = freePort();
  await Deno.writeTextFile(`${folder}/nginx.conf`, nginxConfiguration(fixture, folder, port, behind.port));
  const child = new Child("nginx", { args: ["-p", folder, "-e", "stderr", "-c", "nginx.conf"], env });
  await child.found("stderr", /using the .* event method/);
  return {
    port,
    pid: child.pid,
    acted: async () => {
      child.kill("SIGTERM");
      await child.ended;
      return await behind.acted();
    },
    [Symbol.asyncDispose]: async () => {
      await child[Symbol.asyncDispose]();
      await behind[Symbol.asyncDispose]();
    },
  };
}

const nginxConfiguration = (fixture: Fixture, folder: string, port: number, behind: number): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 10000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream behind {
    server 127.0.0.1:${behind};
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port} ssl http2;
    ssl_certificate ${fixture.certificate};
    ssl_certificate_key ${fixture.key};
    location / {
      proxy_pass http://behind;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_ignore_client_abort on;
    }
  }
}
`;
