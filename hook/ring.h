/* SPDX-License-Identifier: MIT */
/* A sub-ring as its producers see it, and the producer's side of the protocol that record.h specifies. */
#ifndef SSLC_RING_H
#define SSLC_RING_H

#include "record.h"
#include "sys.h"

/* Data longer than this is published as several records, so that each fits the smallest grant. */
#define RING_PIECE_BYTES (32u << 10)

/* Made once when this process gets its sub-ring, then read only, except for the last group. Never unmapped: another
 * thread may be reading it. */
struct ring_view {
    struct sslc_ring *ring;
    struct sslc_slot *slots;
    uint8_t *data;
    const struct sslc_control *control;
    uint64_t identity; /* of the agent that reads it */
    uint8_t *base;     /* of what is mapped of the region */
    uint64_t mapped;   /* bytes from there; both change only under the lock of region_attach */
    uint64_t stride;   /* bytes */
    uint32_t subring_count; /* that children may claim, and this process's own */
    uint32_t slot_capacity;
    uint32_t data_capacity; /* bytes */
    uint32_t initial_slots;
    uint32_t initial_data; /* bytes */
    uint32_t pid;
    uint32_t uid;
    uint32_t epoch; /* number of this ring among those that this process and its ancestors had, from 1 */
    char comm[16];

    uint32_t usable_slots; /* as far as memory is accessible; grows with the grant */
    uint32_t usable_data;  /* bytes */
    uint32_t growing;      /* try-lock */

    struct ring_view *previous; /* of this process, with an agent that was here before */
    uint32_t discarded;         /* its memory was given back */
};

/* Publishes one record: `form` has every field but sequence, position and thread; `payload` is form->length bytes.
 * False, and nothing written, when the ring is full. Wakes the agent if it sleeps. Safe in any number of threads and in
 * signal handlers; `view` must be this process's own and not retired. */
bool ring_publish(struct ring_view *view, const struct sslc_slot *form, const void *payload);

/* Whether an empty record and one of `length` bytes would fit one after the other now. */
bool ring_has_room(struct ring_view *view, uint32_t length);

/* Makes memory accessible as far as the agent has granted it, first to `slots` and `data` bytes. */
bool ring_grow(struct ring_view *view, uint32_t slots, uint32_t data);

/* Makes part of the region readable and writable. False when the kernel refuses. */
bool ring_make_accessible(void *from, uint64_t length);

#endif
