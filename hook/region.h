/* SPDX-License-Identifier: MIT */
/* The shared memory of this process: how it is made, offered to the agent, claimed by a forked child. */
#ifndef SSLC_REGION_H
#define SSLC_REGION_H

#include "ring.h"
#include "seccomp.h"

enum process_state {
    PROCESS_NEW = 0,    /* nothing done yet; also what a forked child reads */
    PROCESS_READY = 1,  /* `view` is this process's own */
    PROCESS_ASK_PID = 2 /* the same, where the kernel cannot wipe a page on fork: compare pids at every look */
};

/* One page that the kernel clears in a forked child (MADV_WIPEONFORK). */
struct process {
    uint32_t state;
    uint32_t busy;             /* try-lock of region_attach and region_check */
    uint64_t next_attempt_ns;  /* CLOCK_MONOTONIC_COARSE */
    uint64_t next_check_ns;    /* CLOCK_REALTIME, of the last look at the heartbeat */
    struct ring_view *view;
    uint32_t pid;
    uint32_t counted;          /* this child was counted as unmirrored */
};

extern struct process *region_process;

/* Stands for this process in try_lock; its pid, as far as known. */
extern uint32_t region_stamp;

/* A hooked call passed data while there was no ring: sessions met later may have begun before. */
extern uint32_t region_missed;

/* Connects, or claims a spare sub-ring, at most once a second. NULL when that failed. */
struct ring_view *region_attach(void);

/* At most once a second: looks whether the agent has died and another is there, and connects to that. */
void region_check(struct ring_view *view, uint64_t time_ns);

/* The memory is another process's, which waits for this one to run a program or end (vfork). */
bool region_borrowed(void);

/* A limit on addresses was set, maybe this process's: keeps mapped no more than it uses itself. */
void region_limited(void);

/* A filter came into force: tells the agent to poll. */
void region_stop_waking(void);

/* This process's ring, if it has one that the agent still reads. Makes no system call where the kernel can wipe; where it
 * cannot, there is no ring once a filter is in force. */
static inline struct ring_view *region_ring(void)
{
    struct process *process = load_acquire(&region_process);
    uint32_t state = load_acquire(&process->state);
    if (LIKELY(state == PROCESS_READY) ||
        (state == PROCESS_ASK_PID && !seccomp_in_force() && (uint32_t)sys0(SYS_getpid) == process->pid)) {
        struct ring_view *view = load_acquire(&process->view);
        return LIKELY(load_relaxed(&view->ring->retired) == 0) ? view : NULL;
    }
    return NULL;
}

/* The same, connecting if there is none. Only for TLS calls. */
static inline struct ring_view *region_ring_or_attach(void)
{
    struct ring_view *view = region_ring();
    return LIKELY(view != NULL) ? view : region_attach();
}

#endif
