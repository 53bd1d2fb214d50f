/* SPDX-License-Identifier: MIT */
/* What surrounds every call of a TLS library: telling a call by the program from one by the library itself, taking the
 * time, copying what is written, and handing on what passed. */
#ifndef SSLC_CALL_H
#define SSLC_CALL_H

#include <sys/uio.h>

#include "bounce.h"
#include "call_list.h"
#include "flow.h"

/* The same of a call that writes. */
struct write_frame {
    struct call_frame call;
    uint64_t time_ns; /* before it; 0: there was no ring */
    bool unseen;      /* the bytes never are in user memory */
    volatile uintptr_t guard;
    struct bounce bounce;
    uint8_t stack[BOUNCE_STACK];
};

/* A call that writes nothing begins; call->library is set, and `kind` is what it does to the session. `frame` and `caller` are
 * __builtin_frame_address(0) and __builtin_return_address(0). */
void call_begin(struct call_frame *call, enum call_kind kind, const void *ssl, const void *frame, const void *caller);

/* The call returned, having read `length` bytes into `bytes`; 0: it failed. */
void call_end_read(struct call_frame *call, const void *bytes, uint64_t length);

/* The call returned; nothing passed. */
void call_end(struct call_frame *call);

/* A write of the caller's `length` bytes begins, write->call.library being set; NULL: they never are in user memory. */
void call_begin_write(struct write_frame *write, const void *ssl, const void *bytes, uint64_t length, const void *frame,
                      const void *caller);

/* The same of a write of several pieces; the array stays until the write has returned. */
void call_begin_gather(struct write_frame *write, const void *ssl, const struct iovec *pieces, unsigned count,
                       const void *frame, const void *caller);

/* The call that has just begun keeps (kept_hello.h) what passes this socket, which is its session's own, with CALL_KEEPS_CARRIED the session that
 * carries its own, or with CALL_KEEPS_FIRST whatever socket or session its hello passes. */
void call_keep_hello(const struct call_frame *call, int socket);

/* The write returned, having written `length` bytes; 0: it failed. */
void call_end_write(struct write_frame *write, uint64_t length);

/* The same of a library that keeps what it could not send: `length` bytes are on their way, of which `told` were told when an earlier call
 * kept them. Those behind what call_begin_write was given, if any, are read from the caller's
 * `bytes`, since nobody can have seen them yet; NULL: somebody may, and there is no copy. */
void call_end_kept(struct write_frame *write, uint64_t told, uint64_t length, const uint8_t *bytes);

#define CALL_PLACE __builtin_frame_address(0), __builtin_extract_return_addr(__builtin_return_address(0))
#define CALL_BEGIN(call, kind, ssl) \
    ((call)->library = library_of(ssl), call_begin((call), (kind), (ssl), CALL_PLACE))
#define CALL_BEGIN_WRITE(write, ssl, bytes, length) \
    ((write)->call.library = library_of(ssl), call_begin_write((write), (ssl), (bytes), (length), CALL_PLACE))

#endif
