/* SPDX-License-Identifier: MIT */
/* Large writes, published in slices while their TLS records leave.
 *
 * OpenSSL cuts a write into records of 16,384 bytes. Each whole record of application data that a socket took is a lower bound
 * of what has been sent; the return value settles the rest. Under TLS 1.3 other messages look alike, so there only records
 * of full size count. A program that pads records of a smaller size of its own up to full size would be told of early.
 *
 * Only what goes to the session's own socket is looked at, since it is the library's memory: the descriptor of its BIO, or the one that its
 * records came from. What a callback or a signal handler sends elsewhere meanwhile may be unreadable.
 *
 * No more clear text can be out than records were handed to sockets, in bytes: so far the caller's memory is copied, each time
 * before the socket is. Where no socket lies below (memory BIOs), it is copied before the call, and what is more than a copy
 * can hold is published then. */
#ifndef SSLC_SLICE_H
#define SSLC_SLICE_H

#include "bounce.h"
#include "flow.h"
#include "thread.h"

#define SLICE_BYTES (16u << 10) /* at least so much is published at a time */

/* A write of more than BOUNCE_SMALL bytes begins; sets entry->sliced if its records can be counted. `entry` may be NULL. */
void slice_begin(const struct flow_use *use, struct session *session, struct bounce *bounce, struct call *entry,
                 uint64_t time_ns);

/* The bytes are the caller's own, which the kernel will encrypt (kTLS). */
static inline bool slice_is_clear(const struct call *entry, const uint8_t *bytes)
{
    return (uintptr_t)bytes - entry->from < entry->length;
}

/* Whether what is sent to `fd` just now are records of the call of `entry`: the session's socket, and the wrapper's frame is near
 * `frame`, the current one, and unspoilt: a longjmp may have skipped the write, and its buffer may be gone. */
bool slice_carries(const struct call *entry, int fd, const char *frame);

/* That socket is to take `length` bytes. */
void slice_leaving(struct call *entry, const uint8_t *bytes, uint64_t length);

/* It took `length` bytes of all that it was to take. */
void slice_left(struct call *entry, uint64_t length);

/* The write failed, and may be tried again: what was published persists. */
void slice_failed(struct session *session);

/* See below, for a write of which something was published. */
uint64_t slice_settle(struct session *session, uint64_t length);

/* The write returned `length`. How much of that was published already. What a library keeps of its last record leaves within the next write. */
static inline uint64_t slice_done(struct session *session, uint64_t length)
{
    if (UNLIKELY((session->reported | session->departure.offered) != 0))
        return slice_settle(session, length);
    session->unfinished = 0;
    return 0;
}

#endif
