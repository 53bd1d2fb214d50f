/* SPDX-License-Identifier: MIT */
/* How calls come onto their thread's list (thread.h) and off it again. */
#ifndef SSLC_CALL_LIST_H
#define SSLC_CALL_LIST_H

#include "library.h"
#include "thread.h"

/* On the wrapper's stack while its call is under way. */
struct call_frame {
    const void *ssl;
    const struct library *library;
    const char *frame;
    bool counts; /* false: the hook is off, or this call is part of an outer one that counts */
};

static inline void call_note(struct call *entry, const struct call_frame *call, enum call_kind kind)
{
    entry->ssl = call->ssl;
    entry->frame = call->frame;
    entry->library = call->library;
    entry->kind = (uint8_t)kind;
    entry->sliced = 0;
    entry->fd = -1;
    entry->sent = -1;
    entry->hello_from = CALL_KEEPS_NONE;
    entry->buffer = BOUNCE_NONE;
}

/* Sets call->counts. True: *entry is a place in the list that call_enter takes, NULL when it is full. */
bool call_prepare(struct call_frame *call, enum call_kind kind, const void *caller, struct call **entry);

/* A signal handler sees whole entries only. */
static inline void call_enter(const struct call *entry)
{
    __atomic_signal_fence(__ATOMIC_RELEASE);
    if (LIKELY(entry != NULL))
        thread_state.depth++;
}

/* Takes a call off the list that is not alone there, and adds to `use` what is known of its sockets: nothing where it was not there. */
void call_leave_others(const struct call_frame *call, struct flow_use *use);

/* Takes the call off the list: on whose behalf what passed is told. */
static HOT struct flow_use call_leave(const struct call_frame *call)
{
    struct thread_state *thread = &thread_state;
    const struct call *entry = thread->calls;
    struct flow_use use = {call->ssl, call->library, -1, -1};
    if (UNLIKELY(thread->depth != 1) || UNLIKELY(entry->frame != call->frame)) {
        call_leave_others(call, &use);
        return use;
    }
    use.fd = entry->fd;
    use.sent = entry->sent;
    /* A signal's handler may take the entry from here on. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread->depth = 0;
    return use;
}

#endif
