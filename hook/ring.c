/* SPDX-License-Identifier: MIT */
#include "ring.h"

struct place {
    uint32_t slot;
    uint32_t unit;
    uint64_t word; /* the new head */
};

/* Where a record of `units` goes, given both words and the grant. False: full. */
static bool ring_place(uint64_t head, uint64_t tail, uint32_t units, uint32_t slots, uint32_t data, struct place *place)
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

/* Units of the data area that words can name. */
static uint32_t unit_capacity(const struct ring_view *view)
{
    uint32_t units = view->data_capacity / SSLC_UNIT;
    return units < DATA_MASK ? units : (uint32_t)DATA_MASK;
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
        units = round_up(units < old_units ? old_units : units, REACH_UNITS, unit_capacity(view));
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

/* The head behind a record of `units`, given the one before it. 0: the ring is full. */
static uint64_t find_place(struct ring_view *view, uint64_t head, uint32_t units)
{
    const struct sslc_ring *ring = view->ring;
    struct place place;
    uint64_t tail = load_acquire(&ring->tail); /* after head, see ring_reserve_behind */
    uint32_t slots = load_relaxed(&ring->granted_slots), data = load_relaxed(&ring->granted_data) / SSLC_UNIT;
    uint32_t most = unit_capacity(view);
    slots = slots < view->slot_capacity ? slots : view->slot_capacity;
    if (!ring_place(head, tail, units, slots, data < most ? data : most, &place))
        return 0;
    bool within = reaches(load_relaxed(&view->reach), place.slot + 1, place.unit + units) ||
                  reach_further(view, place.slot + 1, place.unit + units);
    return within ? place.word : 0;
}

bool ring_has_room(struct ring_view *view, uint32_t length)
{
    uint64_t behind = find_place(view, load_acquire(&view->ring->head), 0);
    return behind != 0 && find_place(view, behind, ring_units(length)) != 0;
}

uint64_t ring_reserve(struct ring_view *view, uint32_t units)
{
    uint64_t head = load_acquire(&view->ring->head), behind;
    do {
        behind = find_place(view, head, units);
    } while (behind != 0 && !__atomic_compare_exchange_n(&view->ring->head, &head, behind, false, __ATOMIC_ACQ_REL,
                                                         __ATOMIC_ACQUIRE));
    return behind;
}


bool ring_publish(struct ring_view *view, const struct sslc_slot *form, const void *payload)
{
    return ring_publish_here(view, form, payload);
}
