/* SPDX-License-Identifier: MIT */
/* Finds the hellos that TLS sessions begin with, and tells the agent of ClientHellos.
 *
 * On sockets only what came in is looked at, when it is there: what goes out may be unreadable, or freed by a reader at once. So the
 * connection of a server's session is that on which its ClientHello came, and that of a client's the one on which the
 * ServerHello did. In the clear text of sessions, where others may begin, ClientHellos are looked for both ways.
 *
 * Read so far that the random is known: record header, handshake header, version, random, which both have at the same place
 * (RFC 8446, 4.1.2, 4.1.3 and 5.1). */
#ifndef SSLC_HELLO_H
#define SSLC_HELLO_H

#include "record.h"
#include "sys.h"

#define HELLO_BYTES 43u  /* from the record's first byte to the end of the random */
#define HELLO_FIRST 0x16 /* content type of a handshake record */

/* Hellos of which a first piece was seen and the rest is awaited. */
extern uint32_t hello_waiting;

/* Hellos that came in on sockets, of sessions that have not asked for their address yet. */
extern uint32_t hello_unclaimed;

struct ring_view;

/* Looks at the next bytes that came from a socket; `length` is at least 1, and no more than the first HELLO_BYTES are read. Only
 * worth calling when the first is HELLO_FIRST or hello_waiting is not 0. */
void hello_look_socket(int fd, const uint8_t *bytes, size_t length);

/* The same for the clear text of a session, whose flow is open already. */
void hello_look_session(const void *ssl, uint64_t flow, bool received, const uint8_t *bytes, size_t length);

/* The address of the socket on which the hello with this random came lately: a ServerHello, or a ClientHello. */
bool hello_address(const uint8_t *random, bool of_server, struct sslc_address *address);

/* Tells a ring that begins of the ClientHellos seen last that it was not told of. */
void hello_replay(struct ring_view *view);

#endif
