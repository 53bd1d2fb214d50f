/* SPDX-License-Identifier: MIT */
/* A small agent for tests of the hook: serves the control page and the socket, maps what hooks send, and consumes their
 * rings by the protocol of record.h, checking every word it reads. */
#ifndef DRAIN_H
#define DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "../../hook/record.h"

#define DRAIN_SUBRINGS 4096

struct drain_ring {
    struct sslc_ring *ring;
    struct sslc_slot *slots;
    uint8_t *data;
    uint32_t slot_capacity;
    uint32_t data_capacity;
    uint32_t greeting_flags;
    uint64_t records;
    uint64_t data_bytes;
    uint64_t gap_bytes;
    uint64_t unseen_bytes; /* of the gaps, those flagged SSLC_NEVER_USER */
};

struct drain {
    struct sslc_control *control;
    int listener;
    uint32_t rings_count;
    struct drain_ring rings[DRAIN_SUBRINGS];
    uint32_t wakes;
    /* Called for each record; `payload` is borrowed. */
    void (*record)(void *context, struct drain_ring *ring, const struct sslc_slot *slot, const uint8_t *payload);
    void *context;
};

struct drain_geometry {
    uint32_t data_capacity, slot_capacity, subring_count, initial_data, initial_slots;
};

/* Takes `directory`; exits with a message when it cannot. */
void drain_start(struct drain *drain, const char *directory, const struct drain_geometry *geometry);

/* Accepts, reads all that is published. Returns the number of records. */
uint64_t drain_step(struct drain *drain);

/* Sleeps by the futex protocol until woken or `milliseconds` have passed. */
void drain_sleep(struct drain *drain, unsigned milliseconds);

/* Refreshes the heartbeat. */
void drain_beat(struct drain *drain);

/* Sets the sequence numbers of all rings, spares too, so that they wrap after `records` more. All must be empty and unused meanwhile. */
void drain_near_wrap(struct drain *drain, uint32_t records);

/* Everything reserved was published and read. */
bool drain_empty(const struct drain *drain);

#endif
