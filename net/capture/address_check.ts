// SPDX-License-Identifier: MIT
/**
 * What the kernel says of the addresses that programs claim: whether their user, or they themselves, have the connection.
 *
 * @module
 */
import type { CaptureAddress, CaptureProgram } from "./target.ts";
import { namespaceInode, SocketDiagnosis, type SocketOwner } from "../ffi/sock_diag.ts";

/** Descriptors of a program that are looked through for a socket of another user's, which it was given. */
const DESCRIPTORS_MAX = 1024;

/** Opens nothing before it is asked; what it opens then stays open. */
export class AddressCheck {
  #ownNamespace: number | undefined;
  #own: SocketDiagnosis | undefined;

  /**
   * Whether the connection is the program's: its user's, or one of which it has a descriptor. Undefined where the kernel
   * knows of none (it was closed meanwhile) or cannot be asked about the program's network namespace.
   */
  confirms(program: CaptureProgram, address: CaptureAddress): boolean | undefined {
    const owner = this.#owner(program, address);
    if (!owner) return undefined;
    return owner.uid === program.uid || hasSocket(program.pid, owner.inode);
  }

  #owner(program: CaptureProgram, address: CaptureAddress): SocketOwner | undefined {
    const { networkNamespace, pid } = program;
    if (networkNamespace === undefined) return undefined;
    const local = { ip: address.localIp, port: address.localPort };
    const remote = { ip: address.remoteIp, port: address.remotePort };
    this.#ownNamespace ??= namespaceInode("/proc/self/ns/net");
    if (networkNamespace === this.#ownNamespace) {
      return (this.#own ??= SocketDiagnosis.open())?.owner(local, remote);
    }
    // Kept open it would keep the namespace, after everything else in that has gone.
    const diagnosis = SocketDiagnosis.openIn(`/proc/${pid}/ns/net`, networkNamespace);
    try {
      return diagnosis?.owner(local, remote);
    } finally {
      diagnosis?.close();
    }
  }
}

/** Whether a process has a descriptor of the socket; undefined when it is gone, hidden, or has too many to look at. */
function hasSocket(pid: number, inode: number): boolean | undefined {
  const link = `socket:[${inode}]`;
  try {
    let looked = 0;
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      if (++looked > DESCRIPTORS_MAX) return undefined;
      try {
        if (Deno.readLinkSync(`/proc/${pid}/fd/${name}`) === link) return true;
      } catch {
        // Closed meanwhile.
      }
    }
    return false;
  } catch {
    return undefined;
  }
}
