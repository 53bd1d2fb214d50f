/* SPDX-License-Identifier: MIT */
#include "call.h"

#include "attach.h"
#include "hello.h"
#include "libc.h"
#include "settings.h"
#include "slice.h"

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

/* False: the call counts for nothing. Else *entry is a place in the thread's list that `enter` takes, NULL when it is full. */
static inline bool prepare(struct call_frame *call, enum call_kind kind, const void *ssl, const void *frame,
                           const void *caller, struct call **entry)
{
    struct thread_state *thread = &thread_state;
    call->ssl = ssl;
    call->frame = frame;
    call->counts = false;
    if (UNLIKELY(load_acquire(&settings.ready) == 0))
        return false;
    if (UNLIKELY(thread_call(thread, frame) != NULL) && is_nested(thread, kind, ssl, caller))
        return false;
    call->counts = true;
    *entry = thread->depth < THREAD_CALLS ? &thread->calls[thread->depth] : NULL;
    if (*entry == NULL)
        return true;
    (*entry)->ssl = ssl;
    (*entry)->frame = frame;
    (*entry)->library = call->library;
    (*entry)->kind = (uint8_t)kind;
    (*entry)->sliced = 0;
    (*entry)->fd = -1;
    (*entry)->sent = -1;
    (*entry)->hello_from = CALL_KEEPS_NONE;
    (*entry)->buffer = BOUNCE_NONE;
    return true;
}

/* A signal handler sees whole entries only. */
static inline void enter(const struct call *entry)
{
    __atomic_signal_fence(__ATOMIC_RELEASE);
    if (LIKELY(entry != NULL))
        thread_state.depth++;
}

/* Takes the call off the list where calls were left in between, or the list was full, or a coroutine came back on another thread. */
static COLD bool leave_behind(const struct call_frame *call)
{
    struct thread_state *thread = &thread_state;
    uint32_t depth = thread->depth;
    while (depth > 0 && thread->calls[depth - 1].frame < call->frame)
        depth--;
    if (UNLIKELY(depth != thread->depth))
        thread_cut(thread, depth);
    if (depth == 0 || thread->calls[depth - 1].frame != call->frame)
        return false;
    thread->depth = depth - 1;
    return true;
}

/* Takes the call off the list: on whose behalf what passed is told. */
static inline struct flow_use leave(const struct call_frame *call)
{
    struct thread_state *thread = &thread_state;
    uint32_t depth = thread->depth;
    if (UNLIKELY(depth == 0 || thread->calls[depth - 1].frame != call->frame)) {
        if (!leave_behind(call))
            return (struct flow_use){call->ssl, call->library, -1, -1};
        depth = thread->depth + 1;
    }
    thread->depth = --depth;
    return (struct flow_use){call->ssl, call->library, thread->calls[depth].fd, thread->calls[depth].sent};
}

/* The session to record for; NULL: none, and what passed is counted. */
static struct session *session_of(const struct flow_use *use, bool written, uint64_t length)
{
    if (LIKELY(attach_ring() != NULL))
        return flow_session(use);
    flow_unserved(use, written, length);
    return NULL;
}

/* Something may have shown which socket the session's is. */
static inline bool shows_socket(const struct flow_use *use)
{
    return use->fd >= 0 || use->sent >= 0 || load_relaxed(&hello_unclaimed) != 0;
}

static inline void learn_address(const struct flow_use *use, struct session *session)
{
    if (UNLIKELY((load_relaxed(&session->flags) & SESSION_ADDRESSED) == 0) && shows_socket(use))
        flow_address(use, session);
}

/* A call that passed no data: a handshake may have gone on. */
static inline void learn_early(const struct flow_use *use)
{
    if (UNLIKELY(shows_socket(use)) && attach_ring() != NULL) {
        struct session *session = session_insert(use->ssl);
        if (session != NULL)
            learn_address(use, session);
    }
}

void call_begin(struct call_frame *call, enum call_kind kind, const void *ssl, const void *frame, const void *caller)
{
    struct call *entry;
    if (!prepare(call, kind, ssl, frame, caller, &entry))
        return;
    attach_ring_or_claim();
    enter(entry);
}

void call_end_read(struct call_frame *call, const void *bytes, uint64_t length)
{
    if (!call->counts)
        return;
    struct flow_use use = leave(call);
    if (length != 0) {
        struct session *session = session_of(&use, false, length);
        if (session == NULL)
            return;
        flow_data(&use, session, false, bytes, length, clock_ns(SSLC_CLOCK_REALTIME));
        learn_address(&use, session);
        return;
    }
    learn_early(&use);
    struct session *session = session_find(call->ssl);
    SSL_get_shutdown_type get_shutdown = LIBRARY(call->library, SSL_get_shutdown);
    if (session != NULL && get_shutdown != NULL && (get_shutdown(call->ssl) & 2) != 0)
        flow_alert(session, false);
}

void call_end(struct call_frame *call)
{
    if (!call->counts)
        return;
    struct flow_use use = leave(call);
    learn_early(&use);
}

/* A write that is larger than one TLS record. */
static COLD void begin_large(struct write_frame *write, struct call *entry)
{
    struct flow_use use = {write->call.ssl, write->call.library, -1, -1};
    struct session *session = flow_session(&use);
    if (session == NULL)
        return;
    if (entry != NULL) {
        entry->time_ns = write->time_ns;
        entry->from = (uintptr_t)write->bounce.from;
        entry->length = write->bounce.length;
        entry->bounce = &write->bounce;
        entry->guard = &write->guard;
        entry->guard_value = write->guard = (uintptr_t)write ^ (uintptr_t)write->time_ns;
    }
    slice_begin(&use, session, &write->bounce, entry, write->time_ns);
}

/* A write begins; `bytes` NULL: they are not there in one piece, or `unseen`. False: it counts for nothing. */
static inline bool begin_copy(struct write_frame *write, const void *ssl, const void *bytes, uint64_t length, bool unseen,
                              const void *frame, const void *caller, struct call **entry)
{
    write->time_ns = 0;
    write->unseen = unseen;
    bounce_none(&write->bounce, bytes, length);
    if (!prepare(&write->call, CALL_WRITE, ssl, frame, caller, entry))
        return false;
    struct ring_view *view = attach_ring_or_claim();
    if (LIKELY(view != NULL)) {
        write->time_ns = clock_ns(SSLC_CLOCK_REALTIME);
        if (LIKELY(!unseen))
            bounce_begin(&write->bounce, write->stack, view->process);
    }
    return true;
}

static inline void enter_write(const struct write_frame *write, struct call *entry)
{
    if (entry != NULL) {
        entry->buffer = write->bounce.number;
        entry->ticket = write->bounce.ticket;
    }
    enter(entry);
}

void call_begin_write(struct write_frame *write, const void *ssl, const void *bytes, uint64_t length, const void *frame,
                      const void *caller)
{
    struct call *entry;
    if (!begin_copy(write, ssl, bytes, length, bytes == NULL, frame, caller, &entry))
        return;
    if (write->bounce.bytes != NULL && LIKELY(length <= BOUNCE_SMALL))
        bounce_fill(&write->bounce, length);
    else if (write->bounce.bytes != NULL)
        begin_large(write, entry);
    enter_write(write, entry);
}

void call_begin_gather(struct write_frame *write, const void *ssl, const struct iovec *pieces, unsigned count,
                       const void *frame, const void *caller)
{
    struct call *entry;
    uint64_t length = 0;
    for (unsigned i = 0; i < count; i++)
        length += pieces[i].iov_len;
    if (!begin_copy(write, ssl, NULL, length, false, frame, caller, &entry))
        return;
    write->bounce.pieces = pieces;
    if (write->bounce.bytes != NULL && length <= BOUNCE_SMALL)
        bounce_fill_any(&write->bounce, length);
    else if (write->bounce.bytes != NULL)
        begin_large(write, entry);
    enter_write(write, entry);
}

void call_keep_hello(const struct call_frame *call, int socket)
{
    struct thread_state *thread = &thread_state;
    if (call->counts && thread->depth != 0 && thread->calls[thread->depth - 1].frame == call->frame)
        thread->calls[thread->depth - 1].hello_from = socket;
}

/* Publishes what was written behind `told` bytes, and counts what there is no copy of. */
static HOT void tell_written(const struct flow_use *use, struct session *session, struct write_frame *write, uint64_t told,
                         uint64_t length)
{
    uint64_t have = bounce_keep(&write->bounce) ? bounce_have(&write->bounce, told) : 0;
    have = have < length - told ? have : length - told;
    if (LIKELY(have != 0))
        flow_data(use, session, true, write->bounce.bytes + (told - write->bounce.start), have, write->time_ns);
    if (UNLIKELY(told + have < length))
        flow_lost(session, length - told - have, write->time_ns);
}

void call_end_write(struct write_frame *write, uint64_t length)
{
    write->guard = 0; /* an entry that another thread keeps, or a dead one that is met again, is void */
    if (!write->call.counts)
        return;
    struct flow_use use = leave(&write->call);
    struct session *session = length != 0 ? session_of(&use, true, length) : session_find(use.ssl);
    if (length == 0) {
        learn_early(&use);
        if (session != NULL)
            slice_failed(session);
    } else if (session != NULL) {
        if (UNLIKELY(write->time_ns == 0)) /* the ring came during the call */
            write->time_ns = clock_ns(SSLC_CLOCK_REALTIME);
        if (UNLIKELY(write->unseen))
            flow_unseen(&use, session, length, write->time_ns);
        else
            tell_written(&use, session, write, slice_done(session, length), length);
        learn_address(&use, session);
    }
    bounce_end(&write->bounce);
}

void call_end_kept(struct write_frame *write, uint64_t told, uint64_t length, const uint8_t *bytes)
{
    write->guard = 0;
    if (!write->call.counts)
        return;
    struct flow_use use = leave(&write->call);
    uint64_t copied = write->bounce.length < length ? write->bounce.length : length;
    struct session *session = told < length ? session_of(&use, true, length - told) : session_find(use.ssl);
    if (session == NULL || told >= length) {
        learn_early(&use);
        bounce_end(&write->bounce);
        return;
    }
    if (UNLIKELY(write->time_ns == 0)) /* the ring came during the call */
        write->time_ns = clock_ns(SSLC_CLOCK_REALTIME);
    if (LIKELY(told < copied) && LIKELY(!write->unseen)) {
        tell_written(&use, session, write, told, copied);
        told = copied;
    }
    if (UNLIKELY(told < length) && bytes != NULL)
        flow_data(&use, session, true, bytes + told, length - told, write->time_ns);
    else if (UNLIKELY(told < length))
        flow_lost(session, length - told, write->time_ns);
    learn_address(&use, session);
    bounce_end(&write->bounce);
}
