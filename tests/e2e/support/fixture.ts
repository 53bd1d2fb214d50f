// SPDX-License-Identifier: MIT
/** What every end-to-end test needs: a folder open to all users, a certificate for this host, and bodies. @module */
import { makeCertificate } from "../../support/certificate.ts";
import { withTempDir } from "../../support/run.ts";
import { sha256 } from "../../support/tshark.ts";

/** Bytes of an HTTP body, also in a file of the same name. */
export interface Body {
  readonly name: string;
  readonly length: number;
  readonly sha256: string;
}

/** The sizes that every program moves on one connection, both ways. */
export const SMALL_SIZES = [1, 16_384, 200_000] as const;
/** More than an IDS inspects of a connection: each on one of its own. */
export const MEDIUM_SIZE = 1_500_000;
/** More than three times what a ring is granted at first. */
export const LARGE_SIZE = 50_000_000;

export class Fixture {
  readonly certificate: string;
  readonly key: string;
  /** Where the files of the bodies are. */
  readonly bodies: string;
  readonly #known = new Map<number, Body>();

  private constructor(readonly folder: string) {
    this.certificate = `${folder}/certificate.pem`;
    this.key = `${folder}/key.pem`;
    this.bodies = `${folder}/bodies`;
  }

  static async make(folder: string): Promise<Fixture> {
    const fixture = new Fixture(folder);
    // Workers of another user load the certificate, the bodies and the hook's control page.
    await Deno.chmod(folder, 0o755);
    await Deno.mkdir(fixture.bodies);
    await makeCertificate(fixture.certificate, fixture.key);
    return fixture;
  }

  /** A body of this many bytes, the same in every run. */
  body(length: number): Body {
    let body = this.#known.get(length);
    if (!body) {
      const bytes = pseudoRandom(length);
      body = { name: `body-${length}`, length, sha256: sha256(bytes) };
      Deno.writeFileSync(`${this.bodies}/${body.name}`, bytes);
      this.#known.set(length, body);
    }
    return body;
  }

  path(name: string): string {
    return `${this.folder}/${name}`;
  }
}

/** Makes a fixture for the call and removes it afterwards. */
export function withFixture(use: (fixture: Fixture) => Promise<void>): Promise<void> {
  return withTempDir(async (folder) => await use(await Fixture.make(folder)));
}

/** Bytes in which no stretch comes twice (xorshift32, seeded with the length). */
function pseudoRandom(length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = length ^ 0x9e3779b9;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}
