/* SPDX-License-Identifier: MIT */
#include "call.h"

#include "libc.h"
#include "region.h"
#include "settings.h"
#include "slice.h"

__thread struct thread_state thread_state __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Is this a call that the library makes of itself (SSL_write_early_data calls SSL_write_ex), within one by the program on the
 * same session that does the same? The caller's address decides: it holds after a longjmp, too. */
static bool is_nested(const struct thread_state *thread, enum call_kind kind, const void *ssl, const void *caller)
{
    for (uint32_t i = 0; i < thread->depth; i++) {
        const struct call *outer = &thread->calls[i];
        const struct library *library = outer->library;
        if (outer->ssl == ssl && outer->kind == kind &&
            (library->end == 0 || (uintptr_t)caller - library->start < library->end - library->start))
            return true;
    }
    return false;
}

void call_begin(struct call_frame *call, enum call_kind kind, const void *ssl, const void *bytes, uint64_t length,
                const void *frame, const void *caller)
{
    struct thread_state *thread = &thread_state;
    call->ssl = ssl;
    call->frame = frame;
    call->library = library_of(ssl);
    call->time_ns = 0;
    call->counts = false;
    if (UNLIKELY(load_acquire(&settings.ready) == 0))
        return;
    if (UNLIKELY(thread_call(thread, frame) != NULL) && is_nested(thread, kind, ssl, caller))
        return;
    call->counts = true;
    struct ring_view *view = region_ring_or_attach();
    if (view != NULL && kind == CALL_WRITE) {
        call->time_ns = clock_ns(SSLC_CLOCK_REALTIME);
        region_check(view, call->time_ns);
    }
    if (thread->depth == THREAD_CALLS)
        return;
    struct call *entry = &thread->calls[thread->depth];
    entry->ssl = ssl;
    entry->frame = frame;
    entry->library = call->library;
    entry->kind = (uint8_t)kind;
    entry->sliced = 0;
    entry->fd = -1;
    if (UNLIKELY(length >= SLICE_FROM_BYTES) && view != NULL && kind == CALL_WRITE) {
        entry->bytes = bytes;
        entry->length = length;
        entry->time_ns = call->time_ns;
        entry->guard = &call->guard;
        entry->guard_value = call->guard = (uintptr_t)call ^ (uintptr_t)call->time_ns;
        slice_begin(entry);
    }
    __atomic_signal_fence(__ATOMIC_RELEASE); /* a signal handler sees whole entries only */
    thread->depth++;
}

/* Takes the call off the list. The socket it used, -1 unknown. */
static int leave(struct call_frame *call)
{
    call->guard = 0; /* an entry that another thread keeps, or a dead one that is met again, is void */
    struct thread_state *thread = &thread_state;
    uint32_t depth = thread->depth;
    while (depth > 0 && thread->calls[depth - 1].frame < call->frame)
        depth--;
    if (depth == 0 || thread->calls[depth - 1].frame != call->frame)
        return -1; /* a coroutine came back on another thread, or the list was full */
    thread->depth = depth - 1;
    return thread->calls[depth - 1].fd;
}

/* The session to record for, or NULL. */
static struct session *session_of(const struct flow_use *use)
{
    if (LIKELY(region_ring() != NULL))
        return flow_session(use);
    store_relaxed(&region_missed, 1);
    return session_find(use->ssl);
}

static inline void learn_address(const struct flow_use *use, struct session *session)
{
    if (UNLIKELY(use->fd >= 0 && (load_relaxed(&session->flags) & SESSION_ADDRESSED) == 0))
        flow_address(use, session);
}

void call_end_read(struct call_frame *call, const void *bytes, uint64_t length)
{
    if (!call->counts)
        return;
    struct flow_use use = {call->ssl, call->library, leave(call)};
    if (length != 0) {
        struct ring_view *view = region_ring();
        uint64_t now = 0;
        struct session *session = session_of(&use);
        if (view != NULL) {
            now = clock_ns(SSLC_CLOCK_REALTIME);
            region_check(view, now);
        }
        if (session == NULL)
            return;
        flow_data(&use, session, false, bytes, length, now);
        learn_address(&use, session);
        return;
    }
    struct session *session = session_find(call->ssl);
    SSL_get_shutdown_type get_shutdown = LIBRARY(call->library, SSL_get_shutdown);
    if (session != NULL && get_shutdown != NULL && (get_shutdown(call->ssl) & 2) != 0)
        flow_alert(session, false);
}

void call_end_write(struct call_frame *call, const void *bytes, uint64_t length)
{
    if (!call->counts)
        return;
    struct flow_use use = {call->ssl, call->library, leave(call)};
    if (length == 0) {
        struct session *session = session_find(call->ssl);
        if (session != NULL)
            slice_failed(session);
        return;
    }
    struct session *session = session_of(&use);
    if (session == NULL)
        return;
    uint64_t ahead = slice_done(session, length);
    if (call->time_ns == 0) /* the ring came during the call */
        call->time_ns = clock_ns(SSLC_CLOCK_REALTIME);
    if (bytes == NULL)
        flow_unseen(&use, session, length, call->time_ns);
    else if (ahead < length)
        flow_data(&use, session, true, (const uint8_t *)bytes + ahead, length - ahead, call->time_ns);
    learn_address(&use, session);
}

void call_end(struct call_frame *call)
{
    if (call->counts)
        leave(call);
}
