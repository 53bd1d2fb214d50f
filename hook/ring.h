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

/* ---- For those who publish with every call: the same in line ---- */

#define SEQUENCE_MASK ((1u << SSLC_WORD_SLOT_SHIFT) - 1)
#define SLOT_MASK ((1ull << SSLC_WORD_SLOT_BITS) - 1)
#define DATA_MASK ((1ull << SSLC_WORD_DATA_BITS) - 1)

/* The consumer hands a place on from the producer that filled it to the next one, through another process, where the thread
 * sanitizer cannot see it. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
void __tsan_acquire(void *);
void __tsan_release(void *);
#define HAND_IN(ring) __tsan_release(ring)
#define TAKE_OVER(ring) __tsan_acquire(ring)
#endif
#endif
#ifndef HAND_IN
#define HAND_IN(ring) ((void)0)
#define TAKE_OVER(ring) ((void)0)
#endif

static inline uint32_t word_sequence(uint64_t word)
{
    return (uint32_t)word & SEQUENCE_MASK;
}

static inline uint32_t word_slot(uint64_t word)
{
    return (uint32_t)(word >> SSLC_WORD_SLOT_SHIFT & SLOT_MASK);
}

static inline uint32_t word_data(uint64_t word)
{
    return (uint32_t)(word >> SSLC_WORD_DATA_SHIFT & DATA_MASK);
}

static inline bool reaches(uint64_t reach, uint32_t slots, uint32_t units)
{
    return slots <= (uint32_t)reach && units <= (uint32_t)(reach >> RING_REACH_UNIT_SHIFT & DATA_MASK);
}

/* A place is given as the head behind its record, which is never 0: the record has the slot before word_slot, and the last units before
 * word_data. */

/* The place of a record of `units` right after the last one, in a ring that is not empty and has used no slot twice since it was: nearly
 * always. Within view->reach, which lies within what the ring can hold. 0: the record may go elsewhere. */
static HOT uint64_t ring_place_behind(const struct ring_view *view, uint64_t head, uint64_t tail, uint32_t units)
{
    const struct sslc_ring *ring = view->ring;
    uint32_t sequence = word_sequence(head), consumed = word_sequence(tail);
    uint32_t slot = word_slot(head), unit = word_data(head);
    if (head >> SSLC_WORD_FRESH_SHIFT == 0 || sequence == consumed)
        return 0;
    if (slot >= load_relaxed(&ring->granted_slots) || unit + units > load_relaxed(&ring->granted_data) / SSLC_UNIT ||
        !reaches(load_relaxed(&view->reach), slot + 1, unit + units))
        return 0;
    /* Data may have begun anew; not while nothing was consumed since the rewind. */
    if (unit < word_data(tail) && consumed != ((sequence - slot) & SEQUENCE_MASK))
        return 0;
    return head - sequence + ((uint64_t)units << SSLC_WORD_DATA_SHIFT) + (1ull << SSLC_WORD_SLOT_SHIFT) +
           ((sequence + 1) & SEQUENCE_MASK);
}

static inline uint32_t ring_units(uint32_t length)
{
    return (length + SSLC_UNIT - 1) / SSLC_UNIT;
}

/* Reserves a place for a record of `units`. 0: the ring is full. */
uint64_t ring_reserve(struct ring_view *view, uint32_t units);

/* The same right after the last record, at the first try. 0: in vain. */
static HOT uint64_t ring_reserve_behind(struct ring_view *view, uint32_t units)
{
    struct sslc_ring *ring = view->ring;
    /* Tail is loaded after head: at least as new, so never behind what head already counted on. */
    uint64_t head = load_acquire(&ring->head), behind = ring_place_behind(view, head, load_acquire(&ring->tail), units);
    if (behind != 0 &&
        LIKELY(__atomic_compare_exchange_n(&ring->head, &head, behind, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)))
        return behind;
    return 0;
}

static HOT bool ring_publish_here(struct ring_view *view, const struct sslc_slot *form, const void *payload)
{
    uint32_t units = ring_units(form->length);
    uint64_t behind = ring_reserve_behind(view, units);
    if (UNLIKELY(behind == 0)) {
        behind = ring_reserve(view, units);
        if (behind == 0)
            return false;
    }
    TAKE_OVER(view->ring);
    uint32_t position = (word_data(behind) - units) * SSLC_UNIT;
    if (LIKELY(form->length != 0))
        memcpy(view->data + position, payload, form->length);
    struct sslc_slot *slot = &view->slots[word_slot(behind) - 1];
    slot->kind = form->kind;
    slot->direction = form->direction;
    slot->flags = form->flags;
    slot->position = position;
    slot->length = form->length;
    slot->flow = form->flow;
    slot->offset = form->offset;
    slot->time_ns = form->time_ns;
    slot->amount = form->amount;
    slot->reserved0 = 0;
    slot->reserved1 = 0;
    HAND_IN(view->ring);
    store_release(&slot->sequence, word_sequence(behind));
    return true;
}

#endif
