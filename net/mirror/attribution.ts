// SPDX-License-Identifier: MIT
/**
 * Which TCP connection a flow belongs to. A ClientHello seen on a socket is remembered under its random, 32 bytes that
 * the TLS session later shows again: the only exact way when the session works on memory (asyncio, nodejs).
 *
 * @module
 */
import type {
  CaptureAddress,
  CaptureGrade,
  CaptureHello,
  CaptureLink,
  CaptureOpen,
  CaptureProgram,
  CaptureSighting,
} from "../capture/target.ts";
import type { FlowKey } from "../wire/flow_key.ts";
import { sameEnds } from "./sightings.ts";

/** How a 5-tuple is known: as its source found it, or `wire`, from packets of an interface. */
export type Grade = CaptureGrade | "wire";

/** Which TCP connection a flow belongs to. */
export interface Attribution {
  /** Client and server, as they are forged. */
  readonly key: FlowKey;
  /** How that is known. */
  readonly grade: Grade;
  /** What the kernel says of it; absent when it was not asked or does not know. */
  readonly confirmed?: boolean;
  /** The flow's own 5-tuple, where it is forged on a lane's. */
  readonly own?: FlowKey;
  /** The 5-tuple that its program has, where an interface saw another: behind NAT, say. */
  readonly program?: FlowKey;
  /** Its ends on the link, where an interface saw them. */
  readonly link?: CaptureLink;
}

/**
 * Hellos waiting for their session. Bound: a hello is 88 bytes in the ring and about 400 here, so 32,768 of them are
 * 13 MB; beyond it the user whose programs told most, without reading from those connections, has the oldest forgotten.
 */
const HELLOS_MAX = 32_768;

export class HelloTable {
  /** By user, oldest first; none is empty. */
  readonly #ofUsers = new Map<number, Map<string, CaptureHello>>();
  #size = 0;

  /** Two programs see one session when both ends are mirrored: each has its own. */
  remember({ id, uid }: CaptureProgram, hello: CaptureHello): void {
    const name = sessionName(id, hello.clientRandom, hello.received);
    // One that a program passes on over a Unix socket of its own has its addresses where it goes out.
    if (hello.overUnixSocket && this.#ofUsers.get(uid)?.has(name)) return;
    this.#delete(uid, name);
    const hellos = this.#ofUsers.get(uid);
    if (hellos) hellos.set(name, hello);
    else this.#ofUsers.set(uid, new Map([[name, hello]]));
    if (++this.#size > HELLOS_MAX) this.#forgetOne();
  }

  /** Takes the hello of a session out of the table. */
  take({ id, uid }: CaptureProgram, clientRandom: string, isServer: boolean): CaptureHello | undefined {
    const name = sessionName(id, clientRandom, isServer);
    const hello = this.#ofUsers.get(uid)?.get(name);
    if (hello) this.#delete(uid, name);
    return hello;
  }

  #delete(uid: number, name: string): void {
    const hellos = this.#ofUsers.get(uid);
    if (!hellos?.delete(name)) return;
    this.#size--;
    if (hellos.size === 0) this.#ofUsers.delete(uid);
  }

  #forgetOne(): void {
    const [uid, hellos] = [...this.#ofUsers].reduce((most, one) => one[1].size > most[1].size ? one : most);
    this.#delete(uid, hellos.keys().next().value!);
  }
}

/** What a session is called by whom: its hello and its opening have one name. */
export function sessionName(program: number, clientRandom: string, received: boolean): string {
  return `${program}${received ? "<" : ">"}${clientRandom}`;
}

/** The flow's 5-tuple from the best that is known, `undefined` when nothing is. */
export function attribute(open: CaptureOpen, hello: CaptureHello | undefined): Attribution | undefined {
  const address = hello?.address ?? open.address;
  if (!address || address.grade === "none") return undefined;
  const grade = hello?.address ? "hello" : address.grade;
  return { key: keyOf(address, open.isServer), grade, confirmed: address.confirmed };
}

/** As an interface saw it; what the kernel says of the program's own connection stands where that has one of its ends. */
export function attributeSeen({ key, link }: CaptureSighting, known: Attribution | undefined): Attribution {
  const ends = known === undefined ? 0 : sameEnds(known.key, key);
  return {
    key,
    grade: "wire",
    confirmed: ends > 0 || known?.confirmed === false ? known?.confirmed : undefined,
    ...(ends === 2 || known === undefined ? {} : { program: known.key }),
    ...(link === undefined ? {} : { link }),
  };
}

function keyOf(address: CaptureAddress, isServer: boolean): FlowKey {
  const local = { ip: address.localIp, port: address.localPort };
  const remote = { ip: address.remoteIp, port: address.remotePort };
  return isServer ? { client: remote, server: local } : { client: local, server: remote };
}

/**
 * A 5-tuple out of the documentation ranges (RFC 5737) for a flow whose own is unknown; `number` tells such flows
 * apart. Server 198.51.100.1 on port 443; client 192.0.2.1 to .254 on a port from 20000 to 30000.
 */
export function documentationKey(number: number): FlowKey {
  const host = 1 + Math.floor(number / 10_000) % 254;
  return {
    client: { ip: Uint8Array.of(192, 0, 2, host), port: 20_000 + number % 10_000 },
    server: { ip: Uint8Array.of(198, 51, 100, 1), port: 443 },
  };
}
