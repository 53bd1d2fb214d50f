/* SPDX-License-Identifier: MIT */
/* What the hook knows of the thread it runs in: the TLS calls that are under way, outermost first.
 *
 * The list lives in thread-local memory and names stack frames only by address, so a frame that a longjmp skipped
 * is recognised by the stack having been cut back past it, and never read. */
#ifndef SSLC_THREAD_H
#define SSLC_THREAD_H

#include "bounce.h"
#include "sys.h"

#define THREAD_CALLS 4

struct session;
struct library;

#define CALL_KEEPS_NONE (-1)
#define CALL_KEEPS_CARRIED (-2) /* what passes the session that carries this one */
#define CALL_KEEPS_FIRST (-3)   /* what passes the socket or the session that a hello passes first */

enum call_kind { CALL_OTHER, CALL_READ, CALL_WRITE };

struct call {
    const void *ssl;
    const char *frame; /* of the wrapper; the stack grows down */
    const struct library *library;
    uint8_t kind;   /* enum call_kind */
    uint8_t sliced; /* a large write: slices are published as its records leave */
    int fd;         /* socket from which TLS records came during this call, -1 none yet */
    int sent;       /* descriptor that was written to during this call, -1 none yet */
    int hello_from; /* socket from which the session's hello is to be kept, or CALL_KEEPS_* */
    uint32_t buffer; /* of the pool, that this call has, BOUNCE_NONE none */
    uint64_t ticket; /* that it was claimed with */
    /* of a sliced write */
    int socket;                      /* that its records leave through, -1 unknown */
    uint64_t time_ns;
    struct session *session;
    uintptr_t from;                  /* the caller's bytes */
    uint64_t length;
    struct bounce *bounce;           /* in the wrapper's frame, as is */
    const volatile uintptr_t *guard; /* a word there that holds guard_value */
    uintptr_t guard_value;
};

struct thread_state {
    uint32_t depth;
    struct call calls[THREAD_CALLS];
};

extern __thread struct thread_state thread_state __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Takes all but the outermost `depth` calls off the list: they were left. */
void thread_cut(struct thread_state *thread, uint32_t depth);

/* The session's object is new or freed: a call on it that is still in the list was left. */
static inline void thread_forget(struct thread_state *thread, const void *ssl)
{
    for (uint32_t i = 0; i < thread->depth; i++)
        if (thread->calls[i].ssl == ssl)
            thread->calls[i].sliced = 0;
}

/* The innermost TLS call that is still on the stack above `frame`, else NULL. */
static inline struct call *thread_call(struct thread_state *thread, const char *frame)
{
    uint32_t depth = thread->depth;
    while (depth > 0 && thread->calls[depth - 1].frame <= frame)
        depth--;
    if (UNLIKELY(depth != thread->depth))
        thread_cut(thread, depth);
    return depth == 0 ? NULL : &thread->calls[depth - 1];
}

/* Whether a call on this session is still on the stack above `frame`. */
static inline bool thread_has(struct thread_state *thread, const void *ssl, const char *frame)
{
    bool has = false;
    if (LIKELY(thread_call(thread, frame) == NULL))
        return false;
    for (uint32_t i = 0; i < thread->depth; i++)
        has = has || thread->calls[i].ssl == ssl;
    return has;
}

#endif
