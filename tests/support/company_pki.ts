// SPDX-License-Identifier: MIT
/** Certificates as a company makes them with openssl: a root, a CA that issues, and chains in the leaves' files. */
import { runOk } from "./run.ts";

export type KeyKind = "rsa" | "p256" | "p384";

const NEW_KEY: Readonly<Record<KeyKind, readonly string[]>> = {
  rsa: ["-newkey", "rsa:2048"],
  p256: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  p384: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
};

export interface LeafRequest {
  /** Its files are `NAME.crt`, with the chain, and `NAME.key`. */
  readonly file: string;
  /** As openssl takes it; `/` is none. */
  readonly subject: string;
  /** As in `DNS:hub.corp,IP:127.0.0.1`. */
  readonly alternatives?: string;
  readonly key?: KeyKind;
}

/** A root CA and one that it has signed, in a folder of their own. */
export class CompanyPki {
  private constructor(readonly folder: string) {}

  static async make(folder: string, key: KeyKind = "rsa"): Promise<CompanyPki> {
    const pki = new CompanyPki(folder);
    await Deno.mkdir(folder, { recursive: true });
    const authority = (
      name: string,
    ) => ["-nodes", "-keyout", pki.path(`${name}.key`), "-subj", `/O=Corp/CN=Corp ${name}`];
    await runOk(
      ...["openssl", "req", "-x509", ...NEW_KEY[key], ...authority("root"), "-out", pki.path("root.crt")],
      ...["-days", "30", "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
    );
    await runOk(
      "openssl",
      "req",
      "-new",
      ...NEW_KEY[key],
      ...authority("issuing"),
      "-out",
      pki.path("issuing.csr"),
    );
    await Deno.writeTextFile(
      pki.path("issuing.ext"),
      "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n",
    );
    await runOk(
      ...[
        "openssl",
        "x509",
        "-req",
        "-in",
        pki.path("issuing.csr"),
        "-out",
        pki.path("issuing.crt"),
        "-days",
        "30",
      ],
      ...["-CA", pki.path("root.crt"), "-CAkey", pki.path("root.key"), "-CAcreateserial"],
      ...["-extfile", pki.path("issuing.ext")],
    );
    // What `openssl ca` keeps, for revocation lists.
    await Deno.writeTextFile(pki.path("index.txt"), "");
    await Deno.writeTextFile(
      pki.path("ca.conf"),
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${
        pki.path("index.txt")
      }\ndefault_md=sha256\ndefault_crl_days=1\n`,
    );
    return pki;
  }

  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** Answers the leaf's chain and key. */
  async issue({ file, subject, alternatives, key = "rsa" }: LeafRequest): Promise<void> {
    const [csr, leaf, extensions] = ["csr", "leaf", "ext"].map((kind) => this.path(`${file}.${kind}`));
    await runOk(
      ...["openssl", "req", "-new", ...NEW_KEY[key], "-nodes", "-keyout", this.path(`${file}.key`)],
      ...["-subj", subject, "-out", csr],
    );
    await Deno.writeTextFile(
      extensions,
      "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n" +
        "extendedKeyUsage=serverAuth,clientAuth\n" + (alternatives ? `subjectAltName=${alternatives}\n` : ""),
    );
    await this.sign(csr, leaf, extensions);
    await Deno.writeTextFile(
      this.path(`${file}.crt`),
      await Deno.readTextFile(leaf) + await Deno.readTextFile(this.path("issuing.crt")),
    );
  }

  /** Signs a request as the issuing CA does. */
  async sign(request: string, certificate: string, extensions: string): Promise<void> {
    await runOk(
      ...["openssl", "x509", "-req", "-in", request, "-out", certificate, "-extfile", extensions] as const,
      ...[
        "-CA",
        this.path("issuing.crt"),
        "-CAkey",
        this.path("issuing.key"),
        "-CAcreateserial",
        "-days",
        "30",
      ],
    );
  }

  /** Revokes a leaf, and writes the issuing CA's list to `path`. */
  async revoke(file: string, path: string): Promise<void> {
    const own = ["-config", this.path("ca.conf"), "-cert", this.path("issuing.crt")];
    const ca = [...own, "-keyfile", this.path("issuing.key")];
    await runOk("openssl", "ca", ...ca, "-revoke", this.path(`${file}.leaf`));
    await runOk("openssl", "ca", ...ca, "-gencrl", "-out", path);
  }
}
