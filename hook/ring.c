/* SPDX-License-Identifier: MIT */
#include "ring.h"

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

struct place {
    uint32_t slot;
    uint32_t unit;
    uint64_t word; /* the new head */
};

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

/* Where a record of `units` goes, given both words and the grant. False: full. */
static HOT bool ring_place(uint64_t head, uint64_t tail, uint32_t units, uint32_t slots, uint32_t data, struct place *place)
{
    uint32_t sequence = word_sequence(head), consumed = word_sequence(tail);
    uint64_t fresh = head >> SSLC_WORD_FRESH_SHIFT;
    if (units > data)
        return false;
    if (sequence == consumed) {
        if (slots == 0)
            return false;
        place->slot = 0;
        place->unit = 0;
        fresh = 1;
    } else {
        uint32_t head_slot = word_slot(head), head_data = word_data(head);
        uint32_t tail_slot = word_slot(tail), tail_data = word_data(tail);
        if (fresh != 0 && consumed == ((sequence - head_slot) & SEQUENCE_MASK)) {
            tail_slot = 0;
            tail_data = 0;
        }
        if (head_slot > tail_slot) {
            if (head_slot < slots) {
                place->slot = head_slot;
            } else if (tail_slot > 1) {
                place->slot = 0;
                fresh = 0;
            } else {
                return false;
            }
        } else if (head_slot < tail_slot && head_slot + 1 < tail_slot && head_slot < slots) {
            place->slot = head_slot;
        } else {
            return false;
        }
        if (head_data >= tail_data) {
            if (head_data + units <= data)
                place->unit = head_data;
            else if (units < tail_data)
                place->unit = 0;
            else
                return false;
        } else if (head_data + units < tail_data && head_data + units <= data) {
            place->unit = head_data;
        } else {
            return false;
        }
    }
    place->word = (uint64_t)((sequence + 1) & SEQUENCE_MASK) | (uint64_t)(place->slot + 1) << SSLC_WORD_SLOT_SHIFT |
                  (uint64_t)(place->unit + units) << SSLC_WORD_DATA_SHIFT | fresh << SSLC_WORD_FRESH_SHIFT;
    return true;
}

#define REACH_SLOTS 64u  /* a page */
#define REACH_UNITS 256u /* 64 KiB */

static inline uint32_t round_up(uint32_t value, uint32_t multiple, uint32_t most)
{
    value = (value + multiple - 1) / multiple * multiple;
    return value < most ? value : most;
}

static inline bool reaches(uint64_t reach, uint32_t slots, uint32_t units)
{
    return slots <= (uint32_t)reach && units <= (uint32_t)(reach >> RING_REACH_UNIT_SHIFT & DATA_MASK);
}

static COLD bool reach_further(struct ring_view *view, uint32_t slots, uint32_t units)
{
    uint64_t reach = load_relaxed(&view->reach), further;
    do {
        uint32_t old_slots = (uint32_t)reach, old_units = (uint32_t)(reach >> RING_REACH_UNIT_SHIFT & DATA_MASK);
        if (reaches(reach, slots, units))
            return true;
        if ((reach & RING_REACH_FROZEN) != 0)
            return false;
        slots = round_up(slots < old_slots ? old_slots : slots, REACH_SLOTS, view->slot_capacity);
        units = round_up(units < old_units ? old_units : units, REACH_UNITS, DATA_MASK);
        further = (uint64_t)units << RING_REACH_UNIT_SHIFT | slots;
    } while (!__atomic_compare_exchange_n(&view->reach, &reach, further, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    return true;
}

void ring_freeze(struct ring_view *view, uint32_t *slots, uint32_t *data)
{
    reach_further(view, *slots, *data / SSLC_UNIT);
    uint64_t reach = __atomic_fetch_or(&view->reach, RING_REACH_FROZEN, __ATOMIC_ACQ_REL);
    *slots = (uint32_t)reach;
    *data = (uint32_t)(reach >> RING_REACH_UNIT_SHIFT & DATA_MASK) * SSLC_UNIT;
}

/* Where a record of `length` bytes goes, given the head. */
static HOT bool find_place(struct ring_view *view, uint64_t head, uint32_t length, struct place *place)
{
    const struct sslc_ring *ring = view->ring;
    /* Loaded after head: at least as new, so never behind what head already counted on. */
    uint64_t tail = load_acquire(&ring->tail);
    uint32_t slots = load_relaxed(&ring->granted_slots), data = load_relaxed(&ring->granted_data);
    slots = slots < view->slot_capacity ? slots : view->slot_capacity;
    data = data < view->data_capacity ? data : view->data_capacity;
    uint32_t units = data / SSLC_UNIT, wanted = (length + SSLC_UNIT - 1) / SSLC_UNIT;
    units = units < DATA_MASK ? units : (uint32_t)DATA_MASK;
    if (!ring_place(head, tail, wanted, slots, units, place))
        return false;
    return LIKELY(reaches(load_relaxed(&view->reach), place->slot + 1, place->unit + wanted)) ||
           reach_further(view, place->slot + 1, place->unit + wanted);
}

bool ring_has_room(struct ring_view *view, uint32_t length)
{
    struct place place;
    return find_place(view, load_acquire(&view->ring->head), 0, &place) && find_place(view, place.word, length, &place);
}

bool ring_publish(struct ring_view *view, const struct sslc_slot *form, const void *payload)
{
    struct sslc_ring *ring = view->ring;
    struct place place;
    uint64_t head = load_acquire(&ring->head);
    do {
        if (!find_place(view, head, form->length, &place))
            return false;
    } while (!__atomic_compare_exchange_n(&ring->head, &head, place.word, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));

    TAKE_OVER(ring);
    uint32_t position = place.unit * SSLC_UNIT;
    if (form->length != 0)
        memcpy(view->data + position, payload, form->length);
    struct sslc_slot *slot = &view->slots[place.slot];
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
    HAND_IN(ring);
    store_release(&slot->sequence, word_sequence(place.word));
    return true;
}
