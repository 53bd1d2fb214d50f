/* SPDX-License-Identifier: MIT */
/* A ring as its producers see it, and the producer's side of the protocol that record.h specifies. */
#ifndef SSLC_RING_H
#define SSLC_RING_H

#include "record.h"
#include "sys.h"

/* Data longer than this is published as several records, so that each fits the smallest grant. */
#define RING_PIECE_BYTES (32u << 10)

/* Made once when this process claims the ring, then read only but for `reach`. */
struct ring_view {
    struct sslc_ring *ring;
    struct sslc_slot *slots;
    uint8_t *data;
    uint32_t slot_capacity;
    uint32_t data_capacity; /* bytes */
    uint64_t reach;         /* RING_REACH_*: how far records may have gone; grows with them */
    uint32_t epoch;         /* number of this ring among those that this process and its ancestors had, from 1 */
    uint32_t process;       /* attach_stamp of the process */
    uint32_t owner;         /* as claimed */
    char comm[16];
};
#define RING_REACH_UNIT_SHIFT 32
#define RING_REACH_FROZEN (1ull << 63) /* it grows no more */

static inline uint64_t ring_reach(uint32_t slots, uint32_t data)
{
    return (uint64_t)(data / SSLC_UNIT) << RING_REACH_UNIT_SHIFT | slots;
}

/* Tells records for one reader of one ring from all others. */
static inline uint64_t ring_epoch(const struct ring_view *view)
{
    return (uint64_t)view->epoch << 32 | load_relaxed(&view->ring->generation);
}

/* Publishes one record: `form` has every field but sequence and position; `payload` is form->length bytes. False, and
 * nothing written, when the ring is full. Safe in any number of threads and in signal handlers; `view` must be this process's own. */
bool ring_publish(struct ring_view *view, const struct sslc_slot *form, const void *payload);

/* Whether an empty record and one of `length` bytes would fit one after the other now. */
bool ring_has_room(struct ring_view *view, uint32_t length);

/* Keeps all records from now on within `slots` and `data` bytes, or as far as they have been already: the answer. */
void ring_freeze(struct ring_view *view, uint32_t *slots, uint32_t *data);

#endif
