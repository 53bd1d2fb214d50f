/* SPDX-License-Identifier: MIT */
#include "call_list.h"

#include "settings.h"

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

bool call_prepare(struct call_frame *call, enum call_kind kind, const void *caller, struct call **entry)
{
    struct thread_state *thread = &thread_state;
    call->counts = false;
    if (UNLIKELY(load_acquire(&settings.ready) == 0))
        return false;
    if (UNLIKELY(thread_call(thread, call->frame) != NULL) && is_nested(thread, kind, call->ssl, caller))
        return false;
    call->counts = true;
    *entry = thread->depth < THREAD_CALLS ? &thread->calls[thread->depth] : NULL;
    if (*entry != NULL)
        call_note(*entry, call, kind);
    return true;
}

/* Calls that were left in between go with it. It may not be there because the list was full, or a coroutine came back on another thread. */
COLD void call_leave_others(const struct call_frame *call, struct flow_use *use)
{
    struct thread_state *thread = &thread_state;
    uint32_t depth = thread->depth;
    while (depth > 0 && thread->calls[depth - 1].frame < call->frame)
        depth--;
    if (UNLIKELY(depth != thread->depth))
        thread_cut(thread, depth);
    if (depth == 0 || thread->calls[depth - 1].frame != call->frame)
        return;
    use->fd = thread->calls[depth - 1].fd;
    use->sent = thread->calls[depth - 1].sent;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    thread->depth = depth - 1;
}
