/* SPDX-License-Identifier: MIT */
/* places SEED: publishes records of all sizes in a ring, consumes them in batches, changes the grant and freezes the ring, and checks each
 * time that the new record has a place of its own, within what is granted and frozen. Says whether the ring was full, and its slots used
 * again, often enough for that to be worth something. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../hook/ring.h"

#define SLOTS 512u
#define DATA (256u << 10)
#define SLOT_OF(word) ((uint32_t)((word) >> SSLC_WORD_SLOT_SHIFT) & 0xffffu)
#define DATA_OF(word) ((uint32_t)((word) >> SSLC_WORD_DATA_SHIFT) & 0x3ffffu)
#define SEQUENCE_OF(word) ((uint32_t)(word) & 0x1fffffffu)

struct live {
    uint32_t sequence, slot, from, to;
};

static struct sslc_ring ring;
static struct sslc_slot slots[SLOTS];
static uint8_t data[DATA], payload[8192];
static struct live live[SLOTS];
static uint32_t live_count;
static uint64_t state;

static uint32_t any(uint32_t below)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(state >> 33) % below;
}

static void fail(const char *what)
{
    fprintf(stderr, "places: %s\n", what);
    exit(1);
}

static void consume(uint32_t count)
{
    for (; count != 0 && live_count != 0; count--) {
        const struct live *oldest = &live[0];
        if (slots[oldest->slot].sequence != oldest->sequence)
            fail("a record was lost");
        ring.tail = oldest->sequence | (uint64_t)(oldest->slot + 1) << SSLC_WORD_SLOT_SHIFT |
                    (uint64_t)oldest->to << SSLC_WORD_DATA_SHIFT;
        memmove(live, live + 1, --live_count * sizeof *live);
    }
}

/* Bounds of what may be used, in slots and units. */
static void check(const struct live *made, uint32_t slot_bound, uint32_t unit_bound)
{
    const struct sslc_slot *slot = &slots[made->slot];
    if (slot->sequence != made->sequence || slot->position != made->from * SSLC_UNIT)
        fail("a record is not where the head says");
    if (made->slot >= slot_bound || made->to > unit_bound)
        fail("a record reaches too far");
    if (live_count != 0 && made->slot != 0 && made->slot != live[live_count - 1].slot + 1)
        fail("a slot was left out");
    for (uint32_t i = 0; i < live_count; i++)
        if (live[i].slot == made->slot || (live[i].from < made->to && made->from < live[i].to))
            fail("a record lies upon another");
}

int main(int count, char **arguments)
{
    struct ring_view view = {.ring = &ring, .slots = slots, .data = data, .slot_capacity = SLOTS, .data_capacity = DATA};
    uint32_t frozen_slots = SLOTS, frozen_units = DATA / SSLC_UNIT, full = 0, wrapped = 0;
    state = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    ring.head = ring.tail = 0x1fffffff - any(2000); /* numbers begin anew soon */
    for (uint32_t round = 0; round < 200000; round++) {
        if (round % 512 == 0) {
            ring.granted_slots = 16 + any(SLOTS);
            ring.granted_data = (64u << 10) + any(DATA);
        }
        if (round == 100000) {
            consume(live_count);
            view.reach = 0; /* as when the ring has just been claimed */
            uint32_t bytes = 64u << 10;
            frozen_slots = 128;
            ring_freeze(&view, &frozen_slots, &bytes);
            frozen_units = bytes / SSLC_UNIT;
        }
        struct sslc_slot form = {.kind = SSLC_DATA, .length = any(4) == 0 ? any(sizeof payload) : any(300)};
        uint32_t before = SEQUENCE_OF(ring.head), units = (form.length + SSLC_UNIT - 1) / SSLC_UNIT;
        uint32_t granted_units = ring.granted_data / SSLC_UNIT;
        if (ring_publish(&view, &form, payload)) {
            struct live made = {SEQUENCE_OF(ring.head), SLOT_OF(ring.head) - 1, DATA_OF(ring.head) - units, DATA_OF(ring.head)};
            if (made.sequence != ((before + 1) & 0x1fffffffu))
                fail("a number is missing");
            check(&made, ring.granted_slots < frozen_slots ? ring.granted_slots : frozen_slots,
                  granted_units < frozen_units ? granted_units : frozen_units);
            wrapped += live_count != 0 && made.slot < live[live_count - 1].slot;
            live[live_count++] = made;
        } else {
            full++;
        }
        if (any(3) == 0)
            consume(any(any(8) == 0 ? 64 : 6));
        if (any(2000) == 0)
            consume(live_count);
    }
    printf("%s %s\n", full > 100 ? "full" : "never full", wrapped > 100 ? "wrapped" : "never wrapped");
    return 0;
}
