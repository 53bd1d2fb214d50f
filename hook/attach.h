/* SPDX-License-Identifier: MIT */
/* The ring of this process: when its region is made and handed over, and when a ring of it is claimed.
 *
 * The region is made once, when the program is loaded with a TLS library, or at its first TLS call; that takes system
 * calls. A ring is claimed at a process's first TLS call; that takes none. A forked child claims a ring of its parent's
 * region, and makes one of its own only when none is spare. */
#ifndef SSLC_ATTACH_H
#define SSLC_ATTACH_H

#include "ring.h"

/* One page that the kernel clears in a forked child (MADV_WIPEONFORK), untouched before the first TLS call. */
struct process {
    struct ring_view *view;   /* this process's own ring, NULL: none yet */
    uint32_t busy;            /* try-lock of all that changes here and in the region */
    uint32_t views;           /* rings that it had */
    uint32_t entered;         /* attach_stamp is this process's */
    uint32_t tried;           /* to make a region of its own */
    uint32_t ringless;        /* it was counted so */
    uint64_t unserved_sessions; /* passed while it had no ring, and are not counted in the region yet */
    uint64_t unserved_bytes;
    uint64_t next_attempt_ns; /* CLOCK_MONOTONIC_COARSE */
};

extern struct process *attach_process;

/* Stands for this process in try_lock: another number than that of its ancestors, as soon as it has used TLS. */
extern uint32_t attach_stamp;

/* There is a region: what passes sockets may be of use. */
extern uint32_t attach_done;

/* A hooked call passed data while there was no ring: sessions met later may have begun before. */
extern uint32_t attach_missed;

/* When the program is loaded, a TLS library being there: makes the region. */
void attach_at_load(void);

/* At the first TLS call of a program that loaded its library later: the same. */
void attach_late(void);

/* Claims a ring, making a region where there is none. NULL when that failed. */
struct ring_view *attach_claim(void);

/* `bytes` of clear text passed in this process, which has no ring; `first`: of this session. */
void attach_count_ringless(uint64_t bytes, bool first);

/* A library whose calls pass the hook by was loaded. */
void attach_count_uncorrected(void);

/* The process needs its addresses, or locks them all into memory: gives back what it does not use. */
void attach_shrink(void);

/* Gives back all of it, where no ring was claimed: this process goes unmirrored. False: it uses TLS. */
bool attach_give_up(void);

/* This process's ring, if it has one that is still read. */
static inline struct ring_view *attach_ring(void)
{
    struct ring_view *view = load_acquire(&load_acquire(&attach_process)->view);
    return LIKELY(view != NULL) && LIKELY(load_relaxed(&view->ring->retired) == 0) ? view : NULL;
}

/* This process's ring, whose reader wants nothing of this process; NULL: it has none, or it is another one's concern. */
static inline struct ring_view *attach_unwanted(void)
{
    struct ring_view *view = load_acquire(&load_acquire(&attach_process)->view);
    return view != NULL && load_relaxed(&view->ring->retired) == SSLC_UNWANTED ? view : NULL;
}

/* Its ring that is read, claiming one if there is none. Only for TLS calls. */
static inline struct ring_view *attach_ring_or_claim(void)
{
    struct ring_view *view = attach_ring();
    return LIKELY(view != NULL) ? view : attach_claim();
}

#endif
