/* SPDX-License-Identifier: MIT */
#include "region.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include "connect.h"
#include "hello.h"
#include "libc.h"
#include "seccomp.h"
#include "session.h"
#include "settings.h"
#include "thread.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* Until the real page is there; never written but by compare-and-swap of the pointer to it. */
static struct process nobody;

struct process *region_process = &nobody;
uint32_t region_stamp = 1;
uint32_t region_missed;

static uint32_t kernel_wipes; /* 1: the process page is cleared on fork, 2: it is not */
static uint32_t epochs;       /* rings that this process and its ancestors had */
static struct ring_view *newest; /* also the parent's, in a forked child */

static struct process *make_page(void)
{
    struct process *page = map_memory(settings.page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (page == NULL)
        return NULL;
    uint32_t wipes = sys3(SYS_madvise, page, settings.page_bytes, MADV_WIPEONFORK) == 0 ? 1 : 2;
    store_relaxed(&kernel_wipes, wipes);
    struct process *before = &nobody;
    if (__atomic_compare_exchange_n(&region_process, &before, page, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return page;
    sys2(SYS_munmap, page, settings.page_bytes);
    return before;
}

static bool agent_lives(const struct sslc_control *control, uint64_t identity)
{
    uint64_t beat = load_relaxed(&control->heartbeat_ns), now = clock_ns(SSLC_CLOCK_MONOTONIC);
    return load_acquire(&control->identity) == identity && load_relaxed(&control->closing) == 0 &&
           (beat > now || now - beat < HEARTBEAT_STALE_NS);
}

/* Fills in a sub-ring that nobody else can have and makes it this process's. */
static void take(struct process *process, struct ring_view *view)
{
    view->epoch = __atomic_add_fetch(&epochs, 1, __ATOMIC_RELAXED);
    hello_replay(view); /* before any flow can open */
    store_release(&newest, view);
    store_release(&process->view, view);
    store_release(&process->state, load_relaxed(&kernel_wipes) == 1 ? PROCESS_READY : PROCESS_ASK_PID);
    hello_replay(view); /* of those that threads saw meanwhile */
}

/* In a forked child: a spare sub-ring of the parent's region. */
static struct ring_view *claim(const struct ring_view *parent, uint32_t pid)
{
    if (load_relaxed(&parent->ring->retired) != 0 || !agent_lives(parent->control, parent->identity))
        return NULL;
    struct ring_view *view = map_memory(SSLC_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (view == NULL)
        return NULL;
    memcpy(view, parent, sizeof *view);
    for (uint32_t i = 1; i < parent->subring_count; i++) {
        uint8_t *at = parent->base + i * parent->stride;
        struct sslc_ring *ring = (struct sslc_ring *)at;
        uint32_t spare = 0;
        if (!ring_make_accessible(at, SSLC_PAGE))
            break;
        if (load_relaxed(&ring->retired) != 0 ||
            !__atomic_compare_exchange_n(&ring->owner, &spare, pid, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            continue;
        connect_describe(view, at, pid);
        if (view->usable_data != 0)
            return view;
        store_release(&ring->owner, 0); /* memory is refused: the agent has not seen this owner */
        break;
    }
    sys2(SYS_munmap, view, SSLC_PAGE);
    return NULL;
}

/* Gives back the memory of rings that nobody reads any more: that of an agent which is gone, and in any case the last but one. */
static void discard_old(const struct ring_view *view)
{
    struct ring_view *before = view->previous;
    for (bool last = true; before != NULL; before = before->previous, last = false) {
        if (before->discarded != 0)
            continue;
        if (last && clock_ns(SSLC_CLOCK_MONOTONIC) - load_relaxed(&before->control->heartbeat_ns) < HEARTBEAT_STALE_NS)
            continue;
        before->discarded = 1;
        connect_discard(before);
    }
}

/* No filter is in force. Learning that takes 50 us the first time, so not where there is no control page anyway. */
static bool may_attach(void)
{
    return (seccomp_looked() || connect_possible()) && seccomp_permits();
}

/* Rings that a process makes for one agent, at most: what was mapped for one stays. */
#define RINGS_AGAIN_MAX 16

static struct ring_view *attach_locked(struct process *process)
{
    if (!may_attach())
        return NULL;
    uint32_t pid = (uint32_t)sys0(SYS_getpid);
    process->pid = pid;
    store_relaxed(&region_stamp, pid);
    struct ring_view *before = load_acquire(&newest), *view = NULL;
    bool own = before != NULL && before->pid == pid;
    if (before != NULL && !own)
        view = claim(before, pid);
    if (view == NULL) {
        bool again = own && load_relaxed(&before->ring->retired) == SSLC_RETIRED_AGAIN && before->epoch < RINGS_AGAIN_MAX;
        view = connect_new(own && !again ? before->identity : 0, pid);
    }
    if (view != NULL) {
        view->previous = own ? before : NULL;
        take(process, view);
        if (own)
            connect_shrink(before, UINT64_MAX); /* children claim of the new region */
        discard_old(view);
    } else if (before != NULL && before->pid != pid && process->counted == 0) {
        process->counted = 1;
        add_relaxed(&before->ring->unmirrored, 1);
    }
    return view;
}

COLD struct ring_view *region_attach(void)
{
    if (load_acquire(&settings.ready) == 0 || seccomp_in_force())
        return NULL;
    struct process *process = load_acquire(&region_process);
    if (process == &nobody && (process = make_page()) == NULL)
        return NULL;
    if (load_relaxed(&process->state) == PROCESS_ASK_PID) {
        uint32_t parent = load_relaxed(&process->pid), pid = (uint32_t)sys0(SYS_getpid);
        if (parent != pid &&
            __atomic_compare_exchange_n(&process->pid, &parent, pid, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            process->counted = 0;
            process->next_attempt_ns = 0;
            store_relaxed(&process->busy, 0);
            store_release(&process->state, PROCESS_NEW);
        }
    }
    uint64_t now = clock_ns(SSLC_CLOCK_MONOTONIC_COARSE);
    if (now < load_relaxed(&process->next_attempt_ns))
        return NULL;
    uint32_t free = 0;
    if (!__atomic_compare_exchange_n(&process->busy, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return NULL;
    struct ring_view *view = NULL;
    if (now >= load_relaxed(&process->next_attempt_ns)) {
        store_relaxed(&process->next_attempt_ns, now + NS_PER_SECOND);
        view = attach_locked(process);
    } else {
        view = region_ring();
    }
    store_release(&process->busy, 0);
    return view;
}

/* Nobody reads the ring, and no other agent is there: what it would still take is for nothing. An agent that was only stopped
 * grants again; one that is dead has no use for what lies there. */
static void abandon(struct process *process, struct ring_view *view)
{
    store_relaxed(&view->ring->granted_data, 0);
    store_relaxed(&view->ring->granted_slots, 0);
    uint32_t free = 0;
    if (view->discarded != 0 || !connect_nobody_listens() ||
        !__atomic_compare_exchange_n(&process->busy, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    if (view->discarded == 0) {
        view->discarded = 1;
        connect_discard(view);
    }
    store_release(&process->busy, 0);
}

COLD static void check(struct process *process, struct ring_view *view)
{
    if (seccomp_in_force() || agent_lives(view->control, view->identity))
        return;
    if (region_attach() == NULL && load_acquire(&process->view) == view)
        abandon(process, view);
}

void region_check(struct ring_view *view, uint64_t time_ns)
{
    struct process *process = load_acquire(&region_process);
    uint64_t next = load_relaxed(&process->next_check_ns);
    /* The clock may be set back: then the distance is negative and large. */
    if (LIKELY(next - time_ns <= NS_PER_SECOND))
        return;
    store_relaxed(&process->next_check_ns, time_ns + NS_PER_SECOND);
    check(process, view);
}

bool region_borrowed(void)
{
    struct process *process = load_acquire(&region_process);
    return load_acquire(&process->state) == PROCESS_READY &&
           (uint32_t)sys0(SYS_getpid) != load_relaxed(&process->pid);
}

COLD void region_limited(void)
{
    uint64_t limit[2] = {UINT64_MAX, UINT64_MAX};
    struct process *process = load_acquire(&region_process);
    struct ring_view *view = load_acquire(&newest);
    if (view == NULL || seccomp_in_force() || region_borrowed())
        return;
    sys4(SYS_prlimit64, 0, RLIMIT_AS, NULL, limit);
    uint32_t free = 0;
    if (limit[0] == UINT64_MAX ||
        !__atomic_compare_exchange_n(&process->busy, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    for (; view != NULL; view = view->previous)
        connect_shrink(view, limit[0]);
    store_release(&process->busy, 0);
}

void region_stop_waking(void)
{
    struct ring_view *view = region_ring();
    if (view != NULL)
        __atomic_fetch_or(&view->ring->flags, SSLC_RING_NO_WAKE, __ATOMIC_RELEASE);
}
