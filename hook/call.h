/* SPDX-License-Identifier: MIT */
/* What surrounds every call of a TLS library: telling a call by the program from one by the library itself, taking the
 * time, and handing on what passed. */
#ifndef SSLC_CALL_H
#define SSLC_CALL_H

#include "flow.h"
#include "thread.h"

/* On the wrapper's stack while its call is under way. */
struct call_frame {
    const void *ssl;
    const struct library *library;
    const char *frame;
    uint64_t time_ns;            /* of a write: before it */
    bool counts;                 /* false: the hook is off, or this call is part of an outer one that counts */
    volatile uintptr_t guard;
};

/* `kind` is what the call does to the session. Writes: `bytes` and `length` are the caller's, so that large ones can be
 * published while they go out. `frame` and `caller` are __builtin_frame_address(0) and __builtin_return_address(0). */
void call_begin(struct call_frame *call, enum call_kind kind, const void *ssl, const void *bytes, uint64_t length,
                const void *frame, const void *caller);

/* The call returned, having read `length` bytes into `bytes`; 0: it failed. */
void call_end_read(struct call_frame *call, const void *bytes, uint64_t length);

/* The call returned, having written `length` bytes of `bytes`; 0: it failed. NULL bytes: never in user memory. */
void call_end_write(struct call_frame *call, const void *bytes, uint64_t length);

/* The call returned; nothing passed. */
void call_end(struct call_frame *call);

#define CALL_BEGIN(call, kind, ssl, bytes, length)                                                \
    call_begin((call), (kind), (ssl), (bytes), (length), __builtin_frame_address(0),              \
               __builtin_extract_return_addr(__builtin_return_address(0)))

#endif
