/* SPDX-License-Identifier: MIT */
#include "thread.h"

__thread struct thread_state thread_state __attribute__((tls_model("initial-exec"), visibility("hidden")));

COLD void thread_cut(struct thread_state *thread, uint32_t depth)
{
    while (thread->depth > depth) {
        const struct call *left = &thread->calls[--thread->depth];
        if (left->buffer != BOUNCE_NONE)
            bounce_orphan(left->buffer, left->ticket);
    }
}
