/* SPDX-License-Identifier: MIT */
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "libc.h"
#include "room.h"
#include "settings.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#endif

#define PR_GET_NAME 16
#define RINGS 8u
#define SLOT_BYTES 512u /* of data area for each slot: many programs read a kilobyte at a time */
#define DATA (16u << 20)
#define SMALL_DATA (256u << 10)
/* A region is no larger a share of a limit on addresses. */
#define LIMIT_SHARE 16u
/* So many times what a ring begins with must be free in the memory cgroup: other processes there begin too, and it grows. */
#define FIRST_SHARE 16u
/* What is left of a ring when the process needs its addresses. */
#define KEPT_DATA SSLC_DATA_MIN

static uint32_t slots_for(uint32_t data)
{
    return data / SLOT_BYTES;
}

static void set_size(struct region *region, uint32_t rings, uint32_t data)
{
    region->ring_count = region->usable_rings = rings;
    region->first_ring = 0;
    region->kept_data = 0;
    region->data_capacity = data;
    region->slot_capacity = slots_for(data);
    region->stride = SSLC_PAGE + (uint64_t)region->slot_capacity * sizeof(struct sslc_slot) + data;
    region->length = SSLC_PAGE + rings * region->stride;
}

/* The soft limit; the largest number when there is none. */
static uint64_t limit_of(int resource)
{
    uint64_t limit[2] = {UINT64_MAX, UINT64_MAX};
    sys4(SYS_prlimit64, 0, resource, NULL, limit);
    return limit[0];
}

/* False: this process may not have a region. */
static bool choose_size(struct region *region)
{
    uint64_t addresses = limit_of(RLIMIT_AS), writable = limit_of(RLIMIT_DATA); /* private mappings count for both */
    addresses = addresses < writable ? addresses : writable;
    region->flags = 0;
    set_size(region, RINGS, DATA);
    if (addresses != UINT64_MAX && region->length > addresses / LIMIT_SHARE) {
        region->flags = SSLC_REGION_SMALL;
        set_size(region, 1, SMALL_DATA);
        if (region->length > addresses / 4)
            return false;
    }
    return region->length <= limit_of(RLIMIT_FSIZE); /* past this one ftruncate raises SIGXFSZ */
}

static char *append(char *to, const char *text)
{
    while (*text != 0)
        *to++ = *text++;
    return to;
}

/* A sealed file, named as record.h says, or a negative number. */
static long make_file(const struct region *region)
{
    char name[48], *end = append(name, SSLC_NAME ":");
    *end++ = '0' + SSLC_ABI;
    *end++ = ':';
    for (unsigned shift = 64; shift != 0; shift -= 4)
        *end++ = "0123456789abcdef"[region->rendezvous >> (shift - 4) & 15];
    *end = 0;
    const unsigned flags = 3; /* MFD_CLOEXEC | MFD_ALLOW_SEALING */
    long fd = sys2(SYS_memfd_create, name, flags | MFD_NOEXEC_SEAL);
    if (fd == -EINVAL) /* before Linux 6.3 */
        fd = sys2(SYS_memfd_create, name, flags);
    if (fd < 0)
        return fd;
    if (sys2(SYS_ftruncate, fd, region->length) == 0 &&
        sys3(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0)
        return fd;
    sys1(SYS_close, fd);
    return -EINVAL;
}

/* Name of the main thread, which is the process's. */
static void read_comm(char comm[16], uint32_t pid)
{
    memset(comm, 0, 16);
    if ((uint32_t)sys0(SYS_gettid) == pid) {
        sys2(SYS_prctl, PR_GET_NAME, comm);
        comm[15] = 0;
        return;
    }
    long fd = sys4(SYS_openat, AT_FDCWD, "/proc/self/comm", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    long length = sys3(SYS_read, fd, comm, 15);
    sys1(SYS_close, fd);
    memset(comm + (length > 0 ? length : 0), 0, 16 - (size_t)(length > 0 ? length : 0));
    if (length > 0 && comm[length - 1] == '\n')
        comm[length - 1] = 0;
}

long region_make(struct region *region, uint64_t rendezvous)
{
    region->rendezvous = rendezvous;
    if (!choose_size(region))
        return -ENOMEM;
    long fd = make_file(region);
    if (fd < 0)
        return fd;
    region->base = room_map(region->length, MAP_SHARED, (int)fd);
    if (region->base == NULL) {
        sys1(SYS_close, fd);
        return -ENOMEM;
    }
    sys3(SYS_madvise, region->base, region->length, MADV_DONTDUMP);
    memset(region->mapped, 0, sizeof region->mapped);
    region->mapped[0] = (struct region_part){(uintptr_t)region->base, (uintptr_t)region->base + region->length};
    region->pid = (uint32_t)sys0(SYS_getpid);
    region->attached_ns = clock_ns(SSLC_CLOCK_REALTIME);
    read_comm(region->comm, region->pid);
    return fd;
}

void region_handed(struct region *region, bool handed)
{
    uint32_t data = handed ? SSLC_FIRST_DATA : SSLC_UNSERVED_DATA;
    if (handed)
        region->flags |= SSLC_REGION_HANDED;
    if (!room_for(FIRST_SHARE * (uint64_t)(data + slots_for(data) * sizeof(struct sslc_slot))))
        data = SMALL_DATA;
    region->first_data = data < region->data_capacity ? data : region->data_capacity;
}

void region_unmap(struct region *region)
{
    uintptr_t done = 0; /* large pages may hold the end of one part and the start of the next */
    for (unsigned i = 0; i < REGION_PARTS; i++) {
        uintptr_t start = region->mapped[i].start > done ? region->mapped[i].start : done;
        if (start < region->mapped[i].end)
            sys2(SYS_munmap, start, region->mapped[i].end - start);
        done = region->mapped[i].end;
    }
}

/* Children that claim at the same time write the same values. */
static void describe(const struct region *region)
{
    struct sslc_region *page = region_page(region);
    if (load_acquire(&page->magic) == SSLC_MAGIC)
        return;
    page->abi = SSLC_ABI;
    page->ring_count = region->ring_count;
    page->ring_stride = (uint32_t)region->stride;
    page->slot_capacity = region->slot_capacity;
    page->data_capacity = region->data_capacity;
    page->pid = region->pid;
    page->flags = region->flags;
    page->attached_ns = region->attached_ns;
    page->address = (uintptr_t)region->base;
    store_release(&page->magic, SSLC_MAGIC);
}

static inline uint8_t *ring_at(const struct region *region, uint32_t number)
{
    return region->base + SSLC_PAGE + number * region->stride;
}

bool region_claim(struct region *region, uint32_t owner, uint64_t time_ns, struct ring_view *view)
{
    for (uint32_t i = 0; i < region->usable_rings; i++) {
        struct sslc_ring *ring = (struct sslc_ring *)ring_at(region, region->first_ring + i);
        uint32_t spare = 0;
        if (load_relaxed(&ring->retired) != 0 ||
            !__atomic_compare_exchange_n(&ring->owner, &spare, owner, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            continue;
        view->ring = ring;
        view->slots = (struct sslc_slot *)((uint8_t *)ring + SSLC_PAGE);
        view->data = (uint8_t *)(view->slots + region->slot_capacity);
        view->slot_capacity = region->slot_capacity;
        view->data_capacity = region->data_capacity;
        view->reach = region->kept_data == 0 ? 0 : ring_reach(slots_for(region->kept_data), region->kept_data) | RING_REACH_FROZEN;
        view->owner = owner;
        memcpy(view->comm, region->comm, sizeof view->comm);
        describe(region);
        memcpy(ring->comm, region->comm, sizeof ring->comm);
        ring->claimed_ns = time_ns;
        ring->claims++;
        if (load_relaxed(&ring->granted_data) == 0) {
            store_relaxed(&ring->granted_slots, slots_for(region->first_data));
            store_relaxed(&ring->granted_data, region->first_data);
        }
        store_release(&ring->magic, SSLC_MAGIC); /* the reader takes the header for whole from here on */
        return true;
    }
    return false;
}

/* The pages that `length` bytes lie in. */
static struct region_part pages_of(const uint8_t *from, uint64_t length)
{
    uintptr_t page = load_relaxed(&settings.page_bytes);
    return (struct region_part){(uintptr_t)from & ~(page - 1), ((uintptr_t)from + length + page - 1) & ~(page - 1)};
}

/* The first ring that nobody has claimed; the last one where all are. */
static uint32_t spare_ring(const struct region *region)
{
    uint32_t number = 0;
    while (number + 1 < region->ring_count && load_relaxed(&((struct sslc_ring *)ring_at(region, number))->owner) != 0)
        number++;
    return number;
}

/* The view of this ring; NULL: there is none. */
static struct ring_view *view_of(struct ring_view *views, uint32_t count, const uint8_t *ring)
{
    for (uint32_t i = 0; i < count; i++)
        if ((const uint8_t *)views[i].ring == ring)
            return &views[i];
    return NULL;
}

/* Unmaps what lies between the last part that is kept and `next`, which is the last one from now on. */
static void keep_next(struct region *region, uint32_t *kept, struct region_part next)
{
    uintptr_t done = region->mapped[*kept].end;
    if (done < next.start)
        sys2(SYS_munmap, done, next.start - done);
    region->mapped[++*kept] = next;
}

void region_shrink(struct region *region, struct ring_view *views, uint32_t count)
{
    uint32_t least = KEPT_DATA < region->data_capacity ? KEPT_DATA : region->data_capacity, kept = 0;
    if (region->kept_data != 0)
        return;
    region->kept_data = least;
    region->first_ring = count == 0 ? spare_ring(region) : 0;
    region->usable_rings = count == 0;
    region->first_data = count == 0 ? least : region->first_data;
    uintptr_t end = region->mapped[0].end;
    region->mapped[0] = pages_of(region->base, SSLC_PAGE);
    for (uint32_t number = 0; number < region->ring_count; number++) {
        uint8_t *ring = ring_at(region, number);
        struct ring_view *view = view_of(views, count, ring);
        bool is_last = count == 0 ? number == region->first_ring : view == &views[count - 1];
        uint32_t data = is_last ? least : 0, slots = slots_for(data);
        if (view != NULL)
            ring_freeze(view, &slots, &data);
        else if (!is_last)
            continue;
        keep_next(region, &kept, pages_of(ring, SSLC_PAGE + (uint64_t)slots * sizeof(struct sslc_slot)));
        keep_next(region, &kept, pages_of(ring + SSLC_PAGE + (uint64_t)region->slot_capacity * sizeof(struct sslc_slot), data));
    }
    uintptr_t done = region->mapped[kept].end;
    if (done < end)
        sys2(SYS_munmap, done, end - done);
}
