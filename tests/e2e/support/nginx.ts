// SPDX-License-Identifier: MIT
/** nginx as a daemon: its master belongs to root, its workers to another user. @module */
import assert from "node:assert/strict";
import { missing, runOk } from "../../support/run.ts";
import { notRoot, type Reason } from "../../support/skip.ts";
import { freePort } from "../../support/free_port.ts";
import { sha256 } from "../../support/tshark.ts";
import { Child } from "./child.ts";
import type { Fixture } from "./fixture.ts";

const USER = "nobody";
const GROUP = "nogroup";
/** Another process may take a port between our asking for a free one and nginx's taking it. */
const ATTEMPTS = 5;
/** Between asking the daemon to end and ending it. */
const GRACE_MS = 5_000;

export class Nginx implements AsyncDisposable {
  /** What it answers to a POST, once it has all of it. */
  static readonly WORD = "taken";
  /** What it asks who listens on {@linkcode slowSocket} for. */
  static readonly SLOW = "/slow";
  readonly #shell: Child;
  readonly #folder: string;

  private constructor(readonly port: number, shell: Child, folder: string) {
    this.#shell = shell;
    this.#folder = folder;
  }

  /** Started as an administrator would, with the hook in its environment; it listens when this is done. */
  static async start(
    fixture: Fixture,
    hookEnvironment: Readonly<Record<string, string>>,
    isHttp2 = false,
  ): Promise<Nginx> {
    for (let attempt = 1;; attempt++) {
      const port = freePort();
      const folder = await layOutNginx(fixture, [`127.0.0.1:${port}`, `[::1]:${port}`], isHttp2);
      // The daemon and its workers keep descriptor 3: standard output ends when the last of them has gone.
      const shell = new Child("sh", {
        args: ["-c", `nginx -p "$0" -e error.log -c nginx.conf 3>&1 && echo started`, folder],
        env: hookEnvironment,
      });
      try {
        await shell.found("stdout", /started/);
        return new Nginx(port, shell, folder);
      } catch (error) {
        const isTaken = /Address already in use/.test(String(error));
        if (!isTaken || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Whose listener may be slow. */
  get slowSocket(): string {
    return `${this.#folder}/slow.sock`;
  }

  get masterPid(): number {
    const pid = Number(Deno.readTextFileSync(`${this.#folder}/nginx.pid`));
    assert.ok(pid > 1);
    return pid;
  }

  #workers(): number[] {
    const pid = this.masterPid;
    return Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim().split(" ").map(Number);
  }

  /** SHA-256 of what was put under this name. */
  received(name: string): string {
    return sha256(Deno.readFileSync(`${this.#folder}/put/${name}`));
  }

  /** `METHOD PATH STATUS BYTES` of every exchange so far. */
  exchanges(): string[] {
    return Deno.readTextFileSync(`${this.#folder}/access.log`).trimEnd().split("\n");
  }

  /** Lets connections end, and waits until master and workers have gone. */
  async stop(): Promise<void> {
    Deno.kill(this.masterPid, "SIGQUIT");
    await this.#shell.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const signal = (name: Deno.Signal, pids: () => number[]) => {
      try {
        for (const pid of pids()) Deno.kill(pid, name);
      } catch (error) {
        // They have gone, and with them the file or the process.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    };
    signal("SIGTERM", () => [this.masterPid]);
    const impatience = setTimeout(
      () => signal("SIGKILL", () => [...this.#workers(), this.masterPid]),
      GRACE_MS,
    );
    await this.#shell.ended;
    clearTimeout(impatience);
  }
}

/** Makes the folder that `nginx -p FOLDER -c nginx.conf` starts from, listening at these addresses; answers its path. */
export async function layOutNginx(
  fixture: Fixture,
  listen: readonly string[],
  isHttp2 = false,
): Promise<string> {
  const folder = fixture.path("nginx");
  for (const name of ["put", "temporary"]) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
    await runOk("chown", `${USER}:${GROUP}`, `${folder}/${name}`);
  }
  await Deno.writeTextFile(`${folder}/nginx.conf`, configuration(fixture, folder, listen, isHttp2));
  return folder;
}

function configuration(
  fixture: Fixture,
  folder: string,
  listen: readonly string[],
  isHttp2: boolean,
): string {
  const protocols = isHttp2 ? "ssl http2" : "ssl";
  return `
user ${USER} ${GROUP};
worker_processes 2;
pid nginx.pid;
error_log error.log;
events { worker_connections 64; }
http {
  log_format exchanges '$request_method $request_uri $status $body_bytes_sent';
  access_log access.log exchanges;
  keepalive_requests 100000;
  default_type application/octet-stream;
  client_max_body_size 100m;
  client_body_temp_path ${folder}/temporary;
  server {
    ${listen.map((address) => `listen ${address} ${protocols};`).join("\n    ")}
    ssl_certificate ${fixture.certificate};
    ssl_certificate_key ${fixture.key};
    root ${fixture.bodies};
    location / {
      if ($request_method = POST) { proxy_pass http://unix:${folder}/word.sock; }
    }
    location ${Nginx.SLOW} {
      proxy_pass http://unix:${folder}/slow.sock;
    }
    location /put/ {
      root ${folder};
      dav_methods PUT;
    }
  }
  server {
    listen unix:${folder}/word.sock;
    access_log off;
    return 200 ${Nginx.WORD};
  }
}
`;
}

/** The reason to skip what needs nginx, when it cannot be started as it must be here. */
export function nginxMissing(): Reason {
  return notRoot("nginx that gives its workers another user") ?? missing("nginx");
}
