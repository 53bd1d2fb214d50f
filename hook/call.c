/* SPDX-License-Identifier: MIT */
#include "call.h"

#include "attach.h"
#include "hello.h"
#include "libc.h"
#include "slice.h"

/* Nothing but this call is under way on its thread, in a process that has its ring: nearly always. */
static inline bool is_alone(void)
{
    return LIKELY(thread_state.depth == 0) && LIKELY(attach_ring() != NULL);
}

/* The same in a process of which nothing is wanted. */
static inline bool is_alone_and_unwanted(void)
{
    return thread_state.depth == 0 && attach_unwanted() != NULL;
}

static inline void enter_alone(struct call_frame *call, enum call_kind kind)
{
    call->counts = true;
    call_note(thread_state.calls, call, kind);
    call_enter(thread_state.calls);
}

/* The session to record for; NULL: none, and what passed is counted. */
static HOT struct session *session_of(const struct flow_use *use, bool written, uint64_t length)
{
    if (LIKELY(attach_ring() != NULL))
        return flow_session(use);
    flow_unserved(use, written, length);
    return NULL;
}

/* The same of a session that wrote, some of which may have been told as it left. */
static HOT struct session *session_that_wrote(const struct flow_use *use, uint64_t length)
{
    if (LIKELY(attach_ring() != NULL))
        return flow_session(use);
    struct session *known = session_find(use->ssl);
    flow_unserved(use, true, length - (known == NULL ? 0 : slice_done(known, length)));
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

static COLD void begin_among_others(struct call_frame *call, enum call_kind kind, const void *caller)
{
    struct call *entry;
    if (is_alone_and_unwanted()) {
        enter_alone(call, kind);
        return;
    }
    if (!call_prepare(call, kind, caller, &entry))
        return;
    attach_ring_or_claim();
    call_enter(entry);
}

void call_begin(struct call_frame *call, enum call_kind kind, const void *ssl, const void *frame, const void *caller)
{
    call->ssl = ssl;
    call->frame = frame;
    if (UNLIKELY(!is_alone())) {
        begin_among_others(call, kind, caller);
        return;
    }
    enter_alone(call, kind);
}

void call_end_read(struct call_frame *call, const void *bytes, uint64_t length)
{
    if (!call->counts)
        return;
    struct flow_use use = call_leave(call);
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
    struct flow_use use = call_leave(call);
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
static bool begin_copy(struct write_frame *write, const void *bytes, uint64_t length, bool unseen, const void *caller,
                       struct call **entry)
{
    write->time_ns = 0;
    write->unseen = unseen;
    bounce_none(&write->bounce, bytes, length);
    if (!call_prepare(&write->call, CALL_WRITE, caller, entry))
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
    call_enter(entry);
}

static __attribute__((noinline)) void begin_any_write(struct write_frame *write, const void *bytes, uint64_t length,
                                                      const void *caller)
{
    struct call *entry;
    if (is_alone_and_unwanted()) {
        write->time_ns = 0;
        write->unseen = bytes == NULL;
        bounce_none(&write->bounce, bytes, length);
        enter_alone(&write->call, CALL_WRITE);
        return;
    }
    if (!begin_copy(write, bytes, length, bytes == NULL, caller, &entry))
        return;
    if (write->bounce.bytes != NULL && LIKELY(length <= BOUNCE_SMALL))
        bounce_fill(&write->bounce, length);
    else if (write->bounce.bytes != NULL)
        begin_large(write, entry);
    enter_write(write, entry);
}

void call_begin_write(struct write_frame *write, const void *ssl, const void *bytes, uint64_t length, const void *frame,
                      const void *caller)
{
    write->call.ssl = ssl;
    write->call.frame = frame;
    if (!is_alone() || length > BOUNCE_STACK || bytes == NULL) {
        begin_any_write(write, bytes, length, caller);
        return;
    }
    write->time_ns = clock_ns(SSLC_CLOCK_REALTIME);
    write->unseen = false;
    bounce_copy(&write->bounce, write->stack, bytes, length);
    enter_alone(&write->call, CALL_WRITE);
}

void call_begin_gather(struct write_frame *write, const void *ssl, const struct iovec *pieces, unsigned count,
                       const void *frame, const void *caller)
{
    struct call *entry;
    uint64_t length = 0;
    for (unsigned i = 0; i < count; i++)
        length += pieces[i].iov_len;
    write->call.ssl = ssl;
    write->call.frame = frame;
    if (!begin_copy(write, NULL, length, false, caller, &entry))
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
static __attribute__((noinline)) void tell_rest(const struct flow_use *use, struct session *session, struct write_frame *write, uint64_t told,
                         uint64_t length)
{
    uint64_t have = bounce_keep(&write->bounce) ? bounce_have(&write->bounce, told) : 0;
    have = have < length - told ? have : length - told;
    if (LIKELY(have != 0))
        flow_data(use, session, true, write->bounce.bytes + (told - write->bounce.start), have, write->time_ns);
    if (UNLIKELY(told + have < length))
        flow_lost(session, length - told - have, write->time_ns);
}

/* The same; nearly always that is all of it, from the stack. */
static HOT void tell_written(const struct flow_use *use, struct session *session, struct write_frame *write, uint64_t told,
                             uint64_t length)
{
    if (LIKELY(told == 0) && LIKELY(write->bounce.number == BOUNCE_NONE) && LIKELY(length <= write->bounce.filled))
        flow_data(use, session, true, write->bounce.bytes, length, write->time_ns);
    else
        tell_rest(use, session, write, told, length);
}

void call_end_write(struct write_frame *write, uint64_t length)
{
    write->guard = 0; /* an entry that another thread keeps, or a dead one that is met again, is void */
    if (!write->call.counts)
        return;
    struct flow_use use = call_leave(&write->call);
    struct session *session = length != 0 ? session_that_wrote(&use, length) : session_find(use.ssl);
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
    struct flow_use use = call_leave(&write->call);
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
