// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { unitAdvice } from "../../cli/unit_advice.ts";
import { parseAnswers } from "../../cli/unit_question.ts";

const LIBRARY = "/usr/lib/sslcollector/libsslcollector_hook.so";

/** Advice on a unit with these lines, or on what systemd answers. */
const advice = (text: string, service = "web.service") => unitAdvice(service, parseAnswers(text), LIBRARY);

Deno.test("unit advice: nothing to say of a plain service", () => {
  assert.deepEqual(
    advice("ExecStart=/usr/sbin/nginx -g 'daemon on;'\nPrivateTmp=true\nNoNewPrivileges=yes"),
    [],
  );
});

Deno.test("unit advice: each option that makes systemd install a filter, and none that does not", () => {
  const filters = [
    "DynamicUser=yes",
    "LockPersonality=true",
    "MemoryDenyWriteExecute=1",
    "PrivateDevices=on",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "RestrictAddressFamilies=AF_INET AF_UNIX",
    "RestrictAddressFamilies=none",
    "RestrictNamespaces=~user",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallLog=~@obsolete",
  ];
  for (const line of filters) {
    const [told] = advice(line);
    assert(told.startsWith(`starts under a seccomp filter (${line.split("=")[0]}=)`), told);
  }
  const others = [
    "LockPersonality=no",
    "PrivateDevices=yes\nPrivateDevices=no",
    "ProtectHostname=private",
    "RestrictNamespaces=no",
    "RestrictAddressFamilies=~",
    "SystemCallFilter=@system-service\nSystemCallFilter=",
    "SystemCallFilter=~",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "ProtectControlGroups=yes",
    "NoNewPrivileges=yes",
  ];
  for (const line of others) assert.deepEqual(advice(line), [], line);
});

Deno.test("unit advice: whether a filter may end what the hook does depends on the option", () => {
  assert.match(
    advice("PrivateDevices=yes")[0],
    /allow all that the hook does, so Environment=SSLCOLLECTOR_SECCOMP=connect/,
  );
  assert.match(
    advice("PrivateDevices=yes\nSystemCallFilter=@basic-io")[0],
    /\(PrivateDevices=, SystemCallFilter=\).*if SystemCallFilter= allows/,
  );
});

Deno.test("unit advice: starters that clear the environment, with the setting that helps", () => {
  const start = "ExecStart=-/usr/bin/pg_ctlcluster --skip-systemctl-redirect %i start";
  assert.deepEqual(advice(start, "postgresql@15-main.service"), [
    "pg_ctlcluster clears the environment; write into /etc/postgresql/15/main/environment: " +
    `LD_PRELOAD = '${LIBRARY}'`,
  ]);
  const shown =
    "ExecStart={ path=/usr/sbin/postmulti ; argv[]=/usr/sbin/postmulti -i - -p start ; ignore_errors=no }";
  assert.match(
    advice(shown)[0],
    new RegExp(`main\\.cf: import_environment = MAIL_CONFIG .* LD_PRELOAD=${LIBRARY}$`),
  );
  const [filter, starter] = advice("ExecStart=/usr/sbin/dovecot -F\nPrivateDevices=true");
  assert.match(filter, /PrivateDevices=/);
  const words =
    `import_environment = \\$import_environment LD_PRELOAD=${LIBRARY} SSLCOLLECTOR_SECCOMP=connect; `;
  assert.match(starter, new RegExp(words));
});

Deno.test("unit advice: a service that starts nothing, one with a root of its own, one that takes the variable out", () => {
  for (const command of ["/bin/true", "{ path=/bin/true ; argv[]=/bin/true ; }"]) {
    assert.match(
      advice(`ExecStart=${command}`, "postfix.service")[0],
      /starts nothing itself.*postfix@NAME\.service/,
    );
  }
  assert.match(advice("RootDirectory=/srv/web")[0], /root of its own \(\/srv\/web\)/);
  assert.match(advice("UnsetEnvironment=TERM LD_PRELOAD")[0], /takes LD_PRELOAD out/);
});
