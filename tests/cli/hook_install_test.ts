// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path";
import * as install from "../../cli/hook_install.ts";
import { programAdvice } from "../../cli/unit_programs.ts";
import { runCommand } from "../support/command.ts";
import { withTempDir } from "../support/run.ts";
import { notLinux, skipIf } from "../support/skip.ts";

const PRELOAD = "etc/ld.so.preload";
const DROP_IN = "etc/systemd/system/nginx.service.d/sslcollector.conf";

function withRoot(use: (root: string) => Promise<void> | void): Promise<void> {
  return withTempDir(async (root) => {
    await Deno.mkdir(`${root}/etc`);
    await use(root);
  });
}

/** Path, mode and text of all files below a folder. */
function tree(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return tree(path);
    return [
      `${path} ${((Deno.statSync(path).mode ?? 0) & 0o777).toString(8)} ${Deno.readTextFileSync(path)}`,
    ];
  }).sort();
}

/** What glibc's loader would preload. */
function preloaded(root: string): string[] {
  return Deno.readTextFileSync(`${root}/${PRELOAD}`).replaceAll(/#.*/g, "").split(/[\s:]+/).filter((word) =>
    word !== ""
  );
}

Deno.test("hook install: ld.so.preload is restored to the byte, whatever was there", async () => {
  const texts = [
    undefined,
    "",
    "\n",
    "/lib/a.so",
    "/lib/a.so\n",
    "/lib/a.so:/lib/b.so /lib/c.so\n\n",
    "# none yet\n",
    "/lib/a.so # not " + install.LIBRARY_PATH + "\n/lib/b.so\n",
    "/lib/a.so # open",
    "/opt" + install.LIBRARY_PATH + "\n",
  ];
  for (const text of texts) {
    await withRoot((root) => {
      if (text !== undefined) Deno.writeTextFileSync(`${root}/${PRELOAD}`, text, { mode: 0o640 });
      const before = tree(root);
      assert.equal(install.isSystemInstalled(root), false, JSON.stringify(text));
      assert.equal(install.uninstallSystem(root), false);
      const others = text === undefined ? [] : preloaded(root);
      install.installSystem(root);
      install.installSystem(root);
      assert.equal(install.isSystemInstalled(root), true);
      assert.deepEqual(preloaded(root), [...others, install.LIBRARY_PATH], JSON.stringify(text));
      assert.equal(install.uninstallSystem(root), true);
      assert.deepEqual(tree(root), before);
    });
  }
});

Deno.test("hook install: lines that were added since stay", async () => {
  await withRoot((root) => {
    install.installSystem(root);
    const path = `${root}/${PRELOAD}`;
    Deno.writeTextFileSync(path, `/lib/a.so:${install.LIBRARY_PATH} /lib/b.so\n`);
    assert.equal(install.uninstallSystem(root), true);
    assert.deepEqual(preloaded(root), ["/lib/a.so", "/lib/b.so"]);
  });
});

Deno.test("hook install: a drop-in for a service, beside those of others", async () => {
  await withRoot((root) => {
    assert.equal(install.serviceName("nginx"), "nginx.service");
    assert.equal(install.serviceName("php@8.2.service"), "php@8.2.service");
    for (const name of ["", "a/b", "../x", "a b", "x\ny"]) {
      assert.throws(() => install.serviceName(name), { name: "RangeError", message: /^--unit: / });
    }
    assert.equal(install.installUnit(root, "nginx"), `${root}/${DROP_IN}`);
    assert.equal(
      Deno.readTextFileSync(`${root}/${DROP_IN}`).split("\n").slice(1).join("\n"),
      `[Service]\nEnvironment="LD_PRELOAD=${install.LIBRARY_PATH}"\n`,
    );
    const other = `${root}/etc/systemd/system/nginx.service.d/limits.conf`;
    Deno.writeTextFileSync(other, "[Service]\nEnvironment=LD_PRELOAD=/lib/allocator.so\n", { mode: 0o644 });
    for (let time = 1; time <= 2; time++) {
      install.installUnit(root, "nginx");
      assert.match(
        Deno.readTextFileSync(`${root}/${DROP_IN}`),
        new RegExp(`^Environment="LD_PRELOAD=/lib/allocator.so:${install.LIBRARY_PATH}"$`, "m"),
      );
    }
    Deno.writeTextFileSync(other, "[Service]\nLimitNOFILE=65536\n");
    install.installUnit(root, "apache2.service");
    assert.deepEqual(install.installedUnits(root), ["apache2.service", "nginx.service"]);
    assert.equal(install.uninstallUnit(root, "nginx"), true);
    assert.equal(install.uninstallUnit(root, "nginx"), false);
    assert.equal(install.uninstallUnit(root, "apache2"), true);
    assert.deepEqual(tree(root), [`${other} 644 [Service]\nLimitNOFILE=65536\n`]);
  });
});

Deno.test("hook install: the commands do it below --root, and undo it", async () => {
  await withRoot(async (root) => {
    await Deno.writeTextFile(`${root}/${PRELOAD}`, "/lib/a.so\n");
    const before = tree(root);
    const hook = async (...args: string[]) => {
      const { code, stdout, stderr } = await runCommand(["hook", ...args, "--root", root]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      return stdout.split("\n");
    };
    const status = async () => (await hook("status", "--runtime-dir", `${root}/run`)).slice(0, 3);
    const none = ["system: not installed", "units: none", `agent: none in ${root}/run`];
    assert.deepEqual(await status(), none);
    const told = await hook("install", "--unit", "nginx", "--unit", "apache2.service", "--system");
    const library = `${root}${install.LIBRARY_PATH}`;
    assert.equal(told[0], `library: ${library}`);
    assert(
      told.includes("now run: systemctl daemon-reload && systemctl restart nginx.service apache2.service"),
    );
    const { mode } = Deno.statSync(library);
    assert.equal((mode ?? 0) & 0o777, 0o755);
    assert.deepEqual(await status(), [
      "system: installed in ld.so.preload",
      "units: apache2.service, nginx.service",
      `agent: none in ${root}/run`,
    ]);
    await hook("uninstall", "--unit", "nginx");
    assert(Deno.statSync(library).isFile, "others still name it");
    await hook("uninstall", "--unit", "apache2", "--system");
    assert.deepEqual(await status(), none);
    assert.deepEqual(tree(root), before);
  });
});

Deno.test("hook install: a unit that is not there is warned of, with --dry-run and without", async () => {
  await withRoot(async (root) => {
    const units = `${root}/usr/lib/systemd/system`;
    await Deno.mkdir(units, { recursive: true });
    await Deno.writeTextFile(`${units}/nginx.service`, "[Service]\nExecStart=/usr/sbin/nginx\n");
    await Deno.writeTextFile(`${units}/php@.service`, "[Service]\nExecStart=/usr/sbin/php\n");
    for (const more of [["--dry-run"], []]) {
      const named = ["nginx", "php@8", "nosuch"].flatMap((name) => ["--unit", name]);
      const { code, stdout } = await runCommand(["hook", "install", ...named, ...more, "--root", root]);
      assert.equal(code, 0);
      const warned = stdout.split("\n").filter((line) => line.includes(" names no unit"));
      assert.deepEqual(warned.map((line) => line.split(" ")[1]), ["nosuch.service"]);
    }
  });
});

Deno.test("hook uninstall --all: undoes every install, and leaves a package its library", async () => {
  await withRoot(async (root) => {
    const uninstallAll = async () => {
      const { code, stderr } = await runCommand(["hook", "uninstall", "--all", "--root", root]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    };
    const folder = `${root}/usr/lib/sslcollector`;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/packaged`, "");
    await Deno.writeTextFile(`${root}${install.LIBRARY_PATH}`, "the package's");
    const before = tree(root);
    await install.installLibrary(root);
    install.installUnit(root, "nginx");
    install.installUnit(root, "apache2");
    install.installSystem(root);
    await uninstallAll();
    assert.deepEqual(tree(root), before);
    await uninstallAll();
  });
});

Deno.test("hook install --dry-run: says what it would do and warns, and changes nothing", async () => {
  await withRoot(async (root) => {
    const unit = `${root}/lib/systemd/system/mail.service`;
    await Deno.mkdir(dirname(unit), { recursive: true });
    await Deno.writeTextFile(
      unit,
      "[Service]\nExecStart=/usr/sbin/dovecot -F\n[Install]\nPrivateDevices=yes\n",
    );
    const before = tree(root);
    const args = ["hook", "install", "--dry-run", "--unit", "mail", "--system", "--root", root];
    const { code, stdout, stderr } = await runCommand(args);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.deepEqual(tree(root), before);
    const [library, dropIn, warning, system] = stdout.split("\n");
    assert.equal(library, `would write the library: ${root}${install.LIBRARY_PATH}`);
    assert.equal(
      dropIn,
      `would write the drop-in: ${root}/etc/systemd/system/mail.service.d/sslcollector.conf`,
    );
    assert.match(warning, /^warning: mail\.service dovecot clears the environment; .*import_environment/);
    assert.equal(system, `would name the library in ${root}/${PRELOAD}`);
  });
});

Deno.test({
  name: "hook install --unit: warns of a program that the hook does not reach, by its file",
  ...skipIf(notLinux("ELF files")),
  fn: () =>
    withRoot(async (root) => {
      await Deno.mkdir(`${root}/usr/bin`, { recursive: true });
      await Deno.symlink(Deno.execPath(), `${root}/usr/bin/server`);
      for (
        const command of ["-/usr/bin/server run", "{ path=/usr/bin/server ; argv[]=/usr/bin/server run ; }"]
      ) {
        const advice = programAdvice(root, [{ name: "ExecStart", value: command }]);
        assert.equal(advice.length, 1);
        assert.match(
          advice[0],
          /^starts \/usr\/bin\/server, which will not be mirrored: rustls is built into/,
        );
      }
      assert.deepEqual(programAdvice(root, [{ name: "ExecStart", value: "/usr/bin/absent" }]), []);
    }),
});
