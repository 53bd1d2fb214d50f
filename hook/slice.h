/* SPDX-License-Identifier: MIT */
/* Large writes, published in slices while their TLS records leave.
 *
 * OpenSSL cuts a write into records of 16,384 bytes. Each whole record of application data that a socket took is a lower bound
 * of what has been sent; the return value settles the rest. Under TLS 1.3 other messages look alike, so there only records
 * of full size count. A program that pads records of a smaller size of its own up to full size would be told of early. */
#ifndef SSLC_SLICE_H
#define SSLC_SLICE_H

#include "session.h"
#include "thread.h"

#define SLICE_FROM_BYTES (64u << 10)
#define SLICE_BYTES (16u << 10) /* at least so much is published at a time */

/* A write of `entry` begins; sets entry->sliced if its records can be counted. */
void slice_begin(struct call *entry);

/* A socket took `length` bytes during the call of `entry`; `frame` is the current stack frame's address. */
void slice_sent(struct call *entry, const uint8_t *bytes, uint64_t length, const char *frame);

/* The write failed, and may be tried again: what was published persists. */
void slice_failed(struct session *session);

/* The write returned `length`. How much of that was published already. */
uint64_t slice_done(struct session *session, uint64_t length);

#endif
