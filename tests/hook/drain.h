/* SPDX-License-Identifier: MIT */
/* A small agent for tests of the hook: takes regions from its socket or adopts them, and consumes their rings by the protocol of
 * record.h, checking every word it reads. */
#ifndef DRAIN_H
#define DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "../../hook/record.h"

#define DRAIN_REGIONS 512
#define DRAIN_RINGS 4096

struct drain_region {
    int fd; /* -1: its rings are known */
    uint32_t pid; /* as the kernel says */
    uint64_t inode;
};

struct drain_ring {
    struct sslc_ring *ring;
    struct sslc_region *region;
    struct sslc_slot *slots;
    uint8_t *data;
    uint32_t slot_capacity;
    uint32_t data_capacity;
    int fd; /* of the region */
    uint64_t start; /* of the ring there */
    uint32_t reached_slots, reached_units; /* by records, since memory was last given back */
    uint64_t records;
    uint64_t data_bytes;
    uint64_t gap_bytes;
    uint64_t unseen_bytes; /* of the gaps, those flagged SSLC_NEVER_USER */
};

struct drain {
    int listener;
    uint64_t rendezvous;
    uint32_t grant_data, grant_slots; /* 0: the claimer's own grant stays */
    uint32_t regions_count;
    struct drain_region regions[DRAIN_REGIONS];
    uint32_t rings_count;
    struct drain_ring rings[DRAIN_RINGS];
    /* Called for each record; `payload` is borrowed. */
    void (*record)(void *context, struct drain_ring *ring, const struct sslc_slot *slot, const uint8_t *payload);
    void *context;
};

/* Takes `directory`; exits with a message when it cannot. */
void drain_start(struct drain *drain, const char *directory);

/* Adopts what is mapped by any process, or by `pid`, for this directory, and has no reader. The number of regions. */
uint32_t drain_adopt(struct drain *drain, const char *pid);

/* Accepts, reads all that is published. Returns the number of records. */
uint64_t drain_step(struct drain *drain);

/* Gives back the memory of a ring if it is empty. False: a producer was faster. */
bool drain_give_back(struct drain_ring *ring);

/* Sets the sequence numbers of all rings, spares too, so that they wrap after `records` more. All must be empty and unused meanwhile. */
void drain_near_wrap(struct drain *drain, uint32_t records);

/* Everything reserved was published and read. */
bool drain_empty(const struct drain *drain);

#endif
