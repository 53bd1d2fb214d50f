// SPDX-License-Identifier: MIT
/** An nginx with one worker, for measuring. @module */
import { makeCertificate } from "../support/certificate.ts";
import { runOk } from "../support/run.ts";

export interface Nginx {
  readonly port: number;
  readonly workerPid: number;
  stop(): Promise<void>;
}

/** Starts one with its files in `folder`; `/small` has 100 bytes, `/large` 1 MB. */
export async function startNginx(folder: string, environment: Record<string, string>): Promise<Nginx> {
  Deno.mkdirSync(`${folder}/www`, { recursive: true });
  Deno.writeTextFileSync(`${folder}/www/small`, "x".repeat(100));
  Deno.writeFileSync(`${folder}/www/large`, new Uint8Array(1_000_000).fill(120));
  await makeCertificate(`${folder}/certificate.pem`, `${folder}/key.pem`);
  const port = freePort();
  Deno.writeTextFileSync(`${folder}/nginx.conf`, configuration(folder, port));
  const child = new Deno.Command("nginx", {
    args: ["-c", `${folder}/nginx.conf`, "-p", folder, "-e", `${folder}/error.log`],
    env: environment,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  await accepting(port);
  const workerPid = Number((await runOk("pgrep", "-P", String(child.pid))).trim());
  return {
    port,
    workerPid,
    async stop() {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

function configuration(folder: string, port: number): string {
  return `
daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid ${folder}/nginx.pid; user root;
events { worker_connections 16384; }
http {
  access_log off; keepalive_timeout 3600; keepalive_requests 1000000000; sendfile off; output_buffers 2 256k;
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${folder}/certificate.pem; ssl_certificate_key ${folder}/key.pem;
    root ${folder}/www;
  }
}
`;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Waits until somebody listens there, 10 s at most. */
async function accepting(port: number): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error("nginx does not listen");
}
