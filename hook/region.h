/* SPDX-License-Identifier: MIT */
/* The memory that a process and the children that it forks share with the agent: how it is made, and how rings of it are
 * claimed. */
#ifndef SSLC_REGION_H
#define SSLC_REGION_H

#include "ring.h"

/* Rings that a process may have one after the other. */
#define REGION_VIEWS 4u
#define REGION_PARTS (1 + 2 * REGION_VIEWS) /* the first page; slots and data of each ring */

struct region_part {
    uintptr_t start;
    uintptr_t end;
};

/* Of one process; a forked child has a copy, and the memory itself. Read only once it is made, but for what `busy` guards. */
struct region {
    uint8_t *base;
    uint64_t length;      /* of the file, bytes */
    uint64_t stride;      /* bytes */
    uint32_t ring_count;
    uint32_t slot_capacity;
    uint32_t data_capacity; /* bytes */
    uint32_t first_data;  /* bytes that a claimer grants itself */
    uint32_t flags;       /* SSLC_REGION_* */
    uint32_t pid;         /* of the process that made it */
    uint32_t first_ring;  /* what is still mapped here, from there on; guarded by `busy` of attach.h */
    uint32_t usable_rings;
    uint32_t kept_data;   /* bytes of each ring's data area that are, 0: all */
    struct region_part mapped[REGION_PARTS]; /* and all that is, in pages: what lies between may be memory of others now */
    uint64_t attached_ns;
    uint64_t rendezvous;
    char comm[16];
};

/* Makes and maps a region, sized by the limits of this process. Its descriptor, or a negative number. */
long region_make(struct region *region, uint64_t rendezvous);

/* It was handed to an agent, or not: what claimers grant themselves. */
void region_handed(struct region *region, bool handed);

void region_unmap(struct region *region);

/* Claims a spare ring for the thread `owner`, and describes it in `view`. False when none is spare. Makes no system call. */
bool region_claim(struct region *region, uint32_t owner, uint64_t time_ns, struct ring_view *view);

/* Unmaps what no thread can reach: all but what the rings of this process have used, those that were given up too, since a thread may be
 * within one of them for as long as it likes. The last of `views`, all that the process has claimed here, gets a little more; all go no
 * further from now on. A process that has claimed none yet keeps one small ring. */
void region_shrink(struct region *region, struct ring_view *views, uint32_t count);

/* The region's first page; to be touched only when a ring was claimed, since then it is there. */
static inline struct sslc_region *region_page(const struct region *region)
{
    return (struct sslc_region *)region->base;
}

/* Whether the process has so small limits on its memory that its tables should be small, too. */
static inline bool region_is_small(const struct region *region)
{
    return (region->flags & SSLC_REGION_SMALL) != 0;
}

#endif
