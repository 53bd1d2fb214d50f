/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>

#include "seccomp.h"
#include "settings.h"
#include "thread.h"

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
static bool ring_place(uint64_t head, uint64_t tail, uint32_t units, uint32_t slots, uint32_t data, struct place *place)
{
    uint32_t sequence = word_sequence(head), consumed = word_sequence(tail);
    uint64_t fresh = head >> SSLC_WORD_FRESH_SHIFT;
    if (sequence == consumed) {
        if (units > data || slots == 0)
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

/* Rounds outwards to whole pages; larger ones than SSLC_PAGE may take in a neighbour of the same region. */
bool ring_make_accessible(void *from, uint64_t length)
{
    uintptr_t page = load_relaxed(&settings.page_bytes);
    uintptr_t start = (uintptr_t)from & ~(page - 1);
    uintptr_t end = ((uintptr_t)from + length + page - 1) & ~(page - 1);
    return sys3(SYS_mprotect, start, end - start, PROT_READ | PROT_WRITE) == 0;
}

COLD bool ring_grow(struct ring_view *view, uint32_t slots, uint32_t data)
{
    if (seccomp_in_force() || !try_lock(&view->growing, view->epoch))
        return false;
    bool grown = true;
    if (slots > load_relaxed(&view->usable_slots)) {
        grown = ring_make_accessible(view->slots, (uint64_t)slots * sizeof(struct sslc_slot));
        if (grown)
            store_release(&view->usable_slots, slots);
    }
    if (grown && data > load_relaxed(&view->usable_data)) {
        grown = ring_make_accessible(view->data, data);
        if (grown)
            store_release(&view->usable_data, data);
    }
    /* A refusal would only be repeated: keep the lock. */
    if (grown)
        unlock(&view->growing);
    return grown;
}

/* What is granted and accessible. */
static inline void ring_limits(struct ring_view *view, uint32_t *slots, uint32_t *units)
{
    uint32_t granted_slots = load_acquire(&view->ring->granted_slots);
    uint32_t granted_data = load_acquire(&view->ring->granted_data);
    if (granted_slots > view->slot_capacity)
        granted_slots = view->slot_capacity;
    if (granted_data > view->data_capacity)
        granted_data = view->data_capacity;
    uint32_t usable_slots = load_acquire(&view->usable_slots), usable_data = load_acquire(&view->usable_data);
    if (UNLIKELY(granted_slots > usable_slots || granted_data > usable_data)) {
        ring_grow(view, granted_slots, granted_data);
        usable_slots = load_acquire(&view->usable_slots);
        usable_data = load_acquire(&view->usable_data);
    }
    *slots = granted_slots < usable_slots ? granted_slots : usable_slots;
    uint32_t data = (granted_data < usable_data ? granted_data : usable_data) / SSLC_UNIT;
    *units = data > DATA_MASK ? (uint32_t)DATA_MASK : data;
}

bool ring_has_room(struct ring_view *view, uint32_t length)
{
    uint32_t slots, data;
    struct place place;
    ring_limits(view, &slots, &data);
    uint64_t head = load_acquire(&view->ring->head), tail = load_acquire(&view->ring->tail);
    return ring_place(head, tail, 0, slots, data, &place) &&
           ring_place(place.word, tail, (length + SSLC_UNIT - 1) / SSLC_UNIT, slots, data, &place);
}

static inline uint32_t thread_id(const struct ring_view *view)
{
    struct thread_state *thread = &thread_state;
    if (UNLIKELY(thread->id_epoch != view->epoch)) {
        thread->id = seccomp_in_force() ? 0 : (uint32_t)sys0(SYS_gettid);
        thread->id_epoch = view->epoch;
    }
    return thread->id;
}

static COLD void ring_wake(struct ring_view *view, uint32_t sleep)
{
    if (load_relaxed(&view->ring->woken) == sleep || seccomp_in_force())
        return;
    if (__atomic_exchange_n(&view->ring->woken, sleep, __ATOMIC_RELAXED) != sleep)
        sys3(SYS_futex, &view->control->sleeping, FUTEX_WAKE, INT_MAX);
}

bool ring_publish(struct ring_view *view, const struct sslc_slot *form, const void *payload)
{
    struct sslc_ring *ring = view->ring;
    uint32_t slots, data, units = (form->length + SSLC_UNIT - 1) / SSLC_UNIT;
    struct place place;
    ring_limits(view, &slots, &data);
    uint64_t head = load_acquire(&ring->head);
    do {
        /* Loaded after head: at least as new, so never behind what head already counted on. */
        uint64_t tail = load_acquire(&ring->tail);
        if (!ring_place(head, tail, units, slots, data, &place))
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
    slot->thread = thread_id(view);
    slot->reserved0 = 0;
    slot->reserved1 = 0;
    HAND_IN(ring);
    /* An exchange, because the look at `sleeping` must not overtake it: the agent sets that word, then looks here. */
    __atomic_exchange_n(&slot->sequence, word_sequence(place.word), __ATOMIC_SEQ_CST);
    uint32_t sleep = __atomic_load_n(&view->control->sleeping, __ATOMIC_SEQ_CST);
    if (UNLIKELY(sleep != 0))
        ring_wake(view, sleep);
    return true;
}
