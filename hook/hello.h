/* SPDX-License-Identifier: MIT */
/* Finds ClientHellos in what passes sockets and the clear text of TLS sessions, and tells the agent of them.
 *
 * Read so far that the random is known: record header, handshake header, version, random (RFC 8446, 4.1.2 and 5.1). */
#ifndef SSLC_HELLO_H
#define SSLC_HELLO_H

#include "record.h"
#include "sys.h"

#define HELLO_BYTES 43u  /* from the record's first byte to the end of the random */
#define HELLO_FIRST 0x16 /* content type of a handshake record */

/* Hellos of which a first piece was seen and the rest is awaited. */
extern uint32_t hello_waiting;

/* Calls that send something for which a ClientHello is still looked for, since a TLS call left one in memory. */
extern uint32_t hello_expected;

struct ring_view;

/* Looks at the next bytes of a stream; `length` is at least 1, and no more than the first HELLO_BYTES are read. Only worth
 * calling when the first is HELLO_FIRST or hello_waiting is not 0. */
void hello_look_socket(int fd, bool received, const uint8_t *bytes, size_t length);

/* The same for the clear text of a session, whose flow is open already. */
void hello_look_session(const void *ssl, uint64_t flow, bool received, const uint8_t *bytes, size_t length);

/* A first piece of a ClientHello was sent on `fd`, and its rest was not. */
bool hello_goes_on(int fd);

/* One of those calls was looked at. */
void hello_look_spent(void);

/* The program will send a ClientHello by itself. */
void hello_expect(void);

/* The address of the socket on which the ClientHello with this random was lately sent, or `received`. */
bool hello_address(const uint8_t *random, bool received, struct sslc_address *address);

/* Tells a ring that begins of the hellos seen last that it was not told of. */
void hello_replay(struct ring_view *view);

#endif
