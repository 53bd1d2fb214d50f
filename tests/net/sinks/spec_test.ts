// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { checkSink, openSink, parseSinkSpec } from "../../../net/sinks/spec.ts";
import { withTempDir } from "../../support/run.ts";
import { notLinux, skipIf } from "../../support/skip.ts";

Deno.test("every form of -o", () => {
  assert.deepEqual(parseSinkSpec("-"), { kind: "stdout", name: "-" });
  assert.deepEqual(parseSinkSpec("eth0"), { kind: "interface", name: "eth0", interfaceName: "eth0" });
  assert.deepEqual(parseSinkSpec("br-1.100"), {
    kind: "interface",
    name: "br-1.100",
    interfaceName: "br-1.100",
  });
  const files: [string, string][] = [
    ["out.pcapng", "pcapng"],
    ["out.PCAP", "pcap"],
    ["./eth0", "pcapng"],
    ["/tmp/x.pcap", "pcap"],
    ["a name with.pcapng", "pcapng"],
  ];
  for (const [path, format] of files) {
    assert.deepEqual(parseSinkSpec(path), { kind: "file", name: path, path, format });
  }
  const listeners: [string, string, number][] = [
    ["pcap-over-ip:57012", "127.0.0.1", 57012],
    ["pcap-over-ip:0.0.0.0:1", "0.0.0.0", 1],
    ["pcap-over-ip:[::1]:65535", "::1", 65535],
    ["pcap-over-ip:::1:65535", "::1", 65535],
    ["pcap-over-ip:host.example:0", "host.example", 0],
  ];
  for (const [name, hostname, port] of listeners) {
    assert.deepEqual(parseSinkSpec(name), { kind: "pcap-over-ip", name, hostname, port });
  }
});

Deno.test("what is none of them is refused with what would be right", () => {
  for (const text of ["", "a b", "eth0:1", "an-interface-name-too-long", "folder/"]) {
    assert.throws(() => parseSinkSpec(text), (error: Error) => {
      assert.ok(error instanceof RangeError);
      assert.match(error.message, /^expected .*, got "/);
      assert.ok(error.message.endsWith(JSON.stringify(text)));
      return true;
    });
  }
  for (
    const text of [
      "pcap-over-ip:",
      "pcap-over-ip:x",
      "pcap-over-ip:65536",
      "pcap-over-ip:1:2:",
      "pcap-over-ip::80",
    ]
  ) {
    assert.throws(
      () => parseSinkSpec(text),
      /^RangeError: expected pcap-over-ip:\[ADDR:\]PORT.* got "pcap-over-ip:/,
    );
  }
});

Deno.test("files: the directory must be there and writable; nothing is left behind", () =>
  withTempDir((folder) => {
    checkSink(parseSinkSpec(`${folder}/out.pcapng`));
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    checkSink(parseSinkSpec("/dev/null"));
    const bad: [string, RegExp][] = [
      [
        `${folder}/none/out.pcapng`,
        /cannot write ".*none\/out\.pcapng": the directory .*none does not exist/,
      ],
      ["/dev/null/out.pcapng", /\/dev\/null is not a directory/],
      ["/proc/out.pcapng", /the directory \/proc is not writable|not writable/],
    ];
    Deno.mkdirSync(`${folder}/out.pcap`);
    bad.push([`${folder}/out.pcap`, /it is a directory, add a file name/]);
    for (const [path, message] of bad) {
      // /proc says yes to root's access() and no to the file.
      if (path.startsWith("/proc") && Deno.uid() === 0) continue;
      assert.throws(() => checkSink(parseSinkSpec(path)), message);
    }
  }));

Deno.test(
  "interfaces: an unknown one is refused with the known",
  skipIf(notLinux("interfaces")),
  () => {
    const spec = parseSinkSpec("nosuchif0");
    assert.throws(() => checkSink(spec), /no interface is named "nosuchif0": give one of .*\blo\b.*\.pcapng/);
    assert.throws(() => openSink(spec, { application: "test", interfaceName: "any" }), /nosuchif0/);
  },
);

Deno.test("pcap-over-ip: a taken port and a foreign address are refused", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  assert.throws(() => checkSink(parseSinkSpec(`pcap-over-ip:${port}`)), /port \d+ is taken/);
  listener.close();
  checkSink(parseSinkSpec(`pcap-over-ip:${port}`));
  assert.throws(
    () => checkSink(parseSinkSpec("pcap-over-ip:192.0.2.1:0")),
    /192\.0\.2\.1 is no address of this host/,
  );
});

Deno.test("opening what was checked", () =>
  withTempDir(async (folder) => {
    const options = { application: "test", interfaceName: "any", mtu: 9000 };
    const file = openSink(parseSinkSpec(`${folder}/out.pcap`), options);
    assert.equal(file.mtu, 9000);
    assert.equal(file.name, `${folder}/out.pcap`);
    await file.close();
    assert.equal(Deno.statSync(`${folder}/out.pcap`).size, 24);
    const server = openSink(parseSinkSpec("pcap-over-ip:0"), options);
    await server.close();
    assert.throws(() => openSink(parseSinkSpec(`${folder}/none/x.pcap`), options), /cannot write/);
  }));
