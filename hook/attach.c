/* SPDX-License-Identifier: MIT */
#include "attach.h"

#include <sys/mman.h>

#include "bounce.h"
#include "handover.h"
#include "libc.h"
#include "owner.h"
#include "region.h"
#include "room.h"
#include "seccomp.h"
#include "session.h"
#include "settings.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* A process that found no spare ring looks again. */
#define ATTEMPT_NS (NS_PER_SECOND / 10)

/* Until the real page is there; never written. */
static struct process nobody;

struct process *attach_process = &nobody;
uint32_t attach_stamp = 1;
uint32_t attach_done;
uint32_t attach_missed;

static uint32_t making;           /* attached, or not to be, by one thread */
static struct region regions[2];  /* the one in use, and room for a forked child's own */
static struct region *region;     /* NULL: none */
static struct ring_view views[REGION_VIEWS];
static uint32_t uncorrected;      /* libraries, until there is a page to count them in */
static uint32_t epochs;           /* rings that this process and its ancestors had */

/* A page that a fork clears; without one, children could not be told from their parents. */
static bool make_page(void)
{
    uint32_t bytes = load_relaxed(&settings.page_bytes);
    struct process *page = room_map(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (page == NULL)
        return false;
    if (sys3(SYS_madvise, page, bytes, MADV_WIPEONFORK) == 0) {
        store_release(&attach_process, page);
        return true;
    }
    sys2(SYS_munmap, page, bytes);
    return false;
}

/* Makes a region and tries to hand it over. */
static bool make_region(void)
{
    struct region *made = &regions[region == &regions[0]];
    long file = region_make(made, settings.rendezvous);
    if (file < 0)
        return false;
    bool tables = sessions_create(region_is_small(made)) && bounce_create(region_is_small(made));
    if (tables)
        region_handed(made, handover(file, made->length, made->rendezvous));
    else
        region_unmap(made);
    sys1(SYS_close, file);
    if (!tables)
        return false;
    store_release(&region, made);
    store_release(&attach_done, 1);
    return true;
}

void attach_at_load(void)
{
    store_relaxed(&making, 1);
    if (seccomp_permits() && make_page())
        make_region();
}

/* The first thread of a process that comes here. In a child of one that came here itself the stamp becomes another. */
static void enter(struct process *process)
{
    if (process->entered != 0)
        return;
    process->entered = 1;
    if (epochs != 0)
        add_relaxed(&attach_stamp, 1);
}

static struct ring_view *claim(struct process *process, uint64_t now)
{
    struct region *current = load_acquire(&region);
    uint32_t owner = owner_self();
    struct ring_view *view = &views[process->views];
    if (!region_claim(current, owner, now, view))
        return NULL;
    sessions_open();
    add_relaxed(&region_page(current)->uncorrected, __atomic_exchange_n(&uncorrected, 0, __ATOMIC_RELAXED));
    view->epoch = ++epochs;
    view->process = attach_stamp;
    process->views++;
    store_release(&process->view, view);
    return view;
}

/* With `busy` held. */
static struct ring_view *claim_or_make(struct process *process)
{
    struct ring_view *before = load_relaxed(&process->view);
    enter(process);
    if (process->views == REGION_VIEWS || (before != NULL && load_relaxed(&before->ring->retired) != SSLC_RETIRED_AGAIN))
        return NULL;
    uint64_t now = clock_ns(SSLC_CLOCK_REALTIME);
    struct ring_view *view = load_relaxed(&region) == NULL ? NULL : claim(process, now);
    if (view == NULL && process->tried == 0 && process->views == 0) {
        process->tried = 1;
        if (seccomp_permits() && make_region())
            view = claim(process, now);
    }
    return view;
}

COLD void attach_late(void)
{
    if (load_acquire(&settings.ready) != 0 && load_relaxed(&making) == 0 &&
        __atomic_exchange_n(&making, 1, __ATOMIC_ACQUIRE) == 0)
        attach_at_load();
}

COLD struct ring_view *attach_claim(void)
{
    uint32_t free = 0;
    if (attach_unwanted() != NULL)
        return NULL;
    if (load_acquire(&attach_process) == &nobody)
        attach_late();
    if (load_acquire(&attach_process) == &nobody)
        return NULL;
    struct process *process = load_acquire(&attach_process);
    uint64_t now = clock_ns(SSLC_CLOCK_MONOTONIC_COARSE);
    if (now < load_relaxed(&process->next_attempt_ns) ||
        !__atomic_compare_exchange_n(&process->busy, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return NULL;
    struct ring_view *view = attach_ring();
    if (view == NULL)
        view = claim_or_make(process);
    if (view == NULL)
        store_relaxed(&process->next_attempt_ns, now + ATTEMPT_NS);
    store_release(&process->busy, 0);
    return view;
}

/* With `busy` held. */
static void count_unserved(struct process *process, struct sslc_region *page)
{
    uint64_t now = clock_ns(SSLC_CLOCK_REALTIME), none = 0;
    if (process->ringless == 0) {
        process->ringless = 1;
        add_relaxed(&page->ringless, 1);
    }
    add_relaxed(&page->ringless_sessions, __atomic_exchange_n(&process->unserved_sessions, 0, __ATOMIC_RELAXED));
    add_relaxed(&page->ringless_bytes, __atomic_exchange_n(&process->unserved_bytes, 0, __ATOMIC_RELAXED));
    __atomic_compare_exchange_n(&page->ringless_first_ns, &none, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    store_relaxed(&page->ringless_last_ns, now);
}

COLD void attach_count_ringless(uint64_t bytes, bool first)
{
    struct process *process = load_acquire(&attach_process);
    uint32_t free = 0;
    if (load_acquire(&region) == NULL)
        return;
    if (first)
        add_relaxed(&process->unserved_sessions, 1);
    add_relaxed(&process->unserved_bytes, bytes);
    /* Whoever holds this may be giving the region back. What is not counted now is the next time. */
    if (!__atomic_compare_exchange_n(&process->busy, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    struct region *current = load_acquire(&region);
    if (current != NULL)
        count_unserved(process, region_page(current));
    store_release(&process->busy, 0);
}

COLD void attach_count_uncorrected(void)
{
    struct region *current = load_acquire(&region);
    if (attach_ring() != NULL)
        add_relaxed(&region_page(current)->uncorrected, 1);
    else
        add_relaxed(&uncorrected, 1);
}

COLD void attach_shrink(void)
{
    struct process *process = load_acquire(&attach_process);
    struct region *current = load_acquire(&region);
    uint32_t free = 0;
    if (current == NULL || seccomp_in_force() ||
        !__atomic_compare_exchange_n(&process->busy, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    region_shrink(current, views, process->views);
    sessions_shrink();
    bounce_shrink();
    store_release(&process->busy, 0);
}

COLD bool attach_give_up(void)
{
    struct process *process = load_acquire(&attach_process);
    struct region *current = load_acquire(&region);
    uint32_t free = 0;
    if (current == NULL || seccomp_in_force() || load_relaxed(&process->views) != 0 ||
        !__atomic_compare_exchange_n(&process->busy, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    /* What an ancestor used, its sessions are in: this process may end them. Who asked in vain counts in the region. */
    if (process->views != 0 || epochs != 0 || process->tried != 0) {
        store_release(&process->busy, 0);
        return false;
    }
    /* Nobody can claim any more, nor has: no thread looks at any of it. */
    store_release(&region, NULL);
    store_release(&attach_done, 0);
    region_unmap(current);
    sessions_discard();
    bounce_discard();
    return true;
}
