/* SPDX-License-Identifier: MIT */
#include "drain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define MASK(bits) ((1u << (bits)) - 1)
#define SEQUENCE_MASK MASK(SSLC_WORD_SLOT_SHIFT)

static void check(bool right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "drain: %s (%s)\n", what, strerror(errno));
    exit(70);
}

void drain_start(struct drain *drain, const char *directory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    drain->rendezvous = 0xcbf29ce484222325ull;
    for (const char *c = directory; *c != 0; c++)
        drain->rendezvous = (drain->rendezvous ^ (uint8_t)*c) * 0x100000001b3ull;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/hook.sock", directory);
    unlink(address.sun_path);
    drain->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check(bind(drain->listener, (struct sockaddr *)&address, sizeof address) == 0, "cannot bind the socket");
    check(listen(drain->listener, 128) == 0, "cannot listen");
    drain->regions_count = drain->rings_count = 0;
}

/* Takes what `path` opens, unless somebody has it. */
static bool take_region(struct drain *drain, const char *path, uint32_t pid)
{
    struct stat status;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    check((~fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW)) == 0, "region is not sealed");
    check(drain->regions_count < DRAIN_REGIONS, "too many regions");
    drain->regions[drain->regions_count++] = (struct drain_region){fd, pid, status.st_ino};
    return true;
}

uint32_t drain_adopt(struct drain *drain, const char *pid)
{
    uint32_t count = 0;
    char name[64], path[400], line[512], range[64];
    snprintf(name, sizeof name, "/memfd:" SSLC_NAME ":%u:%016llx", SSLC_ABI, (unsigned long long)drain->rendezvous);
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes != NULL && (entry = readdir(processes)) != NULL;) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || (pid != NULL && strcmp(entry->d_name, pid) != 0))
            continue;
        snprintf(path, sizeof path, "/proc/%s/maps", entry->d_name);
        FILE *maps = fopen(path, "re");
        while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
            if (strstr(line, name) == NULL || sscanf(line, "%60s", range) != 1)
                continue;
            snprintf(path, sizeof path, "/proc/%s/map_files/%s", entry->d_name, range);
            count += take_region(drain, path, (uint32_t)atoi(entry->d_name));
        }
        if (maps != NULL)
            fclose(maps);
    }
    if (processes != NULL)
        closedir(processes);
    return count;
}

/* Maps the rings of a region whose first ring was claimed. */
static void take_rings(struct drain *drain, struct drain_region *taken)
{
    struct sslc_region page;
    struct stat status;
    if (taken->fd < 0 || pread(taken->fd, &page, sizeof page, 0) != (ssize_t)sizeof page || page.magic != SSLC_MAGIC)
        return;
    uint64_t stride = SSLC_PAGE + (uint64_t)page.slot_capacity * sizeof(struct sslc_slot) + page.data_capacity;
    uint64_t length = SSLC_PAGE + page.ring_count * stride;
    check(page.abi == SSLC_ABI && page.ring_stride == stride, "region has an impossible geometry");
    check(fstat(taken->fd, &status) == 0 && (uint64_t)status.st_size == length, "region has another size than its page says");
    uint8_t *base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, taken->fd, 0);
    check(base != MAP_FAILED, "cannot map a region");
    for (uint32_t i = 0; i < page.ring_count; i++) {
        check(drain->rings_count < DRAIN_RINGS, "too many rings");
        struct drain_ring *ring = &drain->rings[drain->rings_count];
        memset(ring, 0, sizeof *ring);
        ring->region = (struct sslc_region *)base;
        ring->start = SSLC_PAGE + i * stride;
        ring->fd = taken->fd;
        ring->ring = (struct sslc_ring *)(base + ring->start);
        ring->slots = (struct sslc_slot *)((uint8_t *)ring->ring + SSLC_PAGE);
        ring->data = (uint8_t *)(ring->slots + page.slot_capacity);
        ring->slot_capacity = page.slot_capacity;
        ring->data_capacity = page.data_capacity;
        if (ring->ring->tail != 0)
            __atomic_store_n(&ring->ring->generation, ring->ring->generation + 1, __ATOMIC_RELEASE);
        __atomic_store_n(&drain->rings_count, drain->rings_count + 1, __ATOMIC_RELEASE);
    }
    taken->fd = -1;
}

static void accept_all(struct drain *drain)
{
    for (;;) {
        int connection = accept4(drain->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection < 0)
            return;
        struct sslc_greeting greeting;
        struct iovec part = {&greeting, sizeof greeting};
        union {
            struct cmsghdr header;
            char room[CMSG_SPACE(sizeof(int))];
        } control;
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
        /* The hook sends right after connecting; it may not have come to that. */
        ssize_t got;
        for (unsigned tries = 0;
             (got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EAGAIN && tries < 100000; tries++)
            sched_yield();
        struct cmsghdr *header = got == (ssize_t)sizeof greeting ? CMSG_FIRSTHDR(&message) : NULL;
        if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
            int fd;
            char path[32];
            struct {
                int32_t pid;
                uint32_t uid, gid;
            } peer;
            socklen_t length = sizeof peer;
            struct stat status;
            memcpy(&fd, CMSG_DATA(header), sizeof fd);
            check(greeting.magic == SSLC_MAGIC && greeting.abi == SSLC_ABI, "greeting is of another version");
            check(greeting.rendezvous == drain->rendezvous, "greeting is for another directory");
            check(fstat(fd, &status) == 0 && (uint64_t)status.st_size == greeting.length, "greeting tells another size");
            check(getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0, "cannot tell who it is");
            snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            take_region(drain, path, (uint32_t)peer.pid);
            close(fd);
        }
        close(connection);
    }
}

static struct sslc_slot *published(struct drain_ring *ring, uint32_t index, uint32_t sequence)
{
    struct sslc_slot *slot = &ring->slots[index];
    if (index >= ring->slot_capacity || __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE) != sequence)
        return NULL;
    return slot->kind == 0 ? NULL : slot;
}

static void publish_tail(struct drain_ring *ring, uint32_t sequence, uint64_t slot, uint64_t unit)
{
    __atomic_store_n(&ring->ring->tail,
                     (uint64_t)sequence | slot << SSLC_WORD_SLOT_SHIFT | unit << SSLC_WORD_DATA_SHIFT, __ATOMIC_RELEASE);
}

static uint64_t read_ring(struct drain *drain, struct drain_ring *ring)
{
    uint64_t tail = ring->ring->tail, count = 0;
    uint32_t sequence = tail & SEQUENCE_MASK, place = tail >> SSLC_WORD_SLOT_SHIFT & MASK(SSLC_WORD_SLOT_BITS);
    uint64_t end = tail >> SSLC_WORD_DATA_SHIFT & MASK(SSLC_WORD_DATA_BITS);
    for (;;) {
        uint32_t index = place;
        uint32_t next = (sequence + 1) & SEQUENCE_MASK;
        struct sslc_slot *slot = published(ring, index, next);
        if (slot == NULL)
            slot = published(ring, index = 0, next);
        if (slot == NULL)
            break;
        struct sslc_slot copy = *slot;
        check(copy.kind >= SSLC_OPEN && copy.kind <= SSLC_SKIP, "impossible kind");
        check(copy.position % SSLC_UNIT == 0 && (uint64_t)copy.position + copy.length <= ring->data_capacity,
              "payload out of bounds");
        check(copy.flow >> 52 == 0, "impossible flow");
        if (copy.kind == SSLC_DATA)
            ring->data_bytes += copy.length;
        if (copy.kind == SSLC_GAP)
            ring->gap_bytes += copy.amount;
        if (copy.kind == SSLC_GAP && (copy.flags & SSLC_NEVER_USER) != 0)
            ring->unseen_bytes += copy.amount;
        if (copy.kind != SSLC_SKIP)
            drain->record(drain->context, ring, &copy, ring->data + copy.position);
        sequence = next;
        place = copy.kind == SSLC_SKIP ? (uint32_t)copy.amount : index + 1;
        end = (copy.position + (uint64_t)copy.length + SSLC_UNIT - 1) / SSLC_UNIT;
        count++;
        ring->reached_slots = place > ring->reached_slots ? place : ring->reached_slots;
        ring->reached_units = end > ring->reached_units ? (uint32_t)end : ring->reached_units;
        publish_tail(ring, sequence, place, end);
    }
    ring->records += count;
    return count;
}

uint64_t drain_step(struct drain *drain)
{
    uint64_t count = 0;
    accept_all(drain);
    for (uint32_t i = 0; i < drain->regions_count; i++)
        take_rings(drain, &drain->regions[i]);
    for (uint32_t i = 0; i < drain->rings_count; i++) {
        struct drain_ring *ring = &drain->rings[i];
        if (__atomic_load_n(&ring->ring->magic, __ATOMIC_ACQUIRE) != SSLC_MAGIC)
            continue;
        if (drain->grant_data != 0) {
            __atomic_store_n(&ring->ring->granted_data, drain->grant_data, __ATOMIC_RELAXED);
            __atomic_store_n(&ring->ring->granted_slots, drain->grant_slots, __ATOMIC_RELAXED);
        }
        count += read_ring(drain, ring);
    }
    return count;
}

bool drain_give_back(struct drain_ring *ring)
{
    uint64_t head = __atomic_load_n(&ring->ring->head, __ATOMIC_ACQUIRE), tail = ring->ring->tail;
    uint32_t sequence = tail & SEQUENCE_MASK, next = (sequence + 1) & SEQUENCE_MASK;
    uint32_t slots = (ring->reached_slots + 63) / 64 * 64, units = (ring->reached_units + 15) / 16 * 16;
    if (((head ^ tail) & SEQUENCE_MASK) != 0 || slots >= ring->ring->granted_slots / 2 ||
        units >= ring->ring->granted_data / SSLC_UNIT / 2 || slots == 0)
        return false;
    publish_tail(ring, sequence, 0, 0);
    uint64_t reserved = (uint64_t)next | (uint64_t)slots << SSLC_WORD_SLOT_SHIFT | (uint64_t)units << SSLC_WORD_DATA_SHIFT;
    if (!__atomic_compare_exchange_n(&ring->ring->head, &head, reserved, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return false;
    ring->slots[0] = (struct sslc_slot){.kind = SSLC_SKIP, .length = units * SSLC_UNIT, .amount = slots};
    __atomic_store_n(&ring->slots[0].sequence, next, __ATOMIC_RELEASE);
    const int how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    off_t first = (off_t)ring->start + SSLC_PAGE, data = first + (off_t)ring->slot_capacity * 64;
    if (slots > 64)
        check(fallocate(ring->fd, how, first + SSLC_PAGE, (off_t)(slots - 64) * 64) == 0, "cannot punch slots");
    if (units != 0)
        check(fallocate(ring->fd, how, data, (off_t)units * SSLC_UNIT) == 0, "cannot punch data");
    publish_tail(ring, next, slots, units);
    ring->reached_slots = ring->reached_units = 0;
    return true;
}

void drain_near_wrap(struct drain *drain, uint32_t records)
{
    for (uint32_t i = 0; i < drain->rings_count; i++) {
        struct sslc_ring *ring = drain->rings[i].ring;
        /* The numbers that come again are not to be found where they were. */
        memset(drain->rings[i].slots, 0, drain->rings[i].reached_slots * sizeof(struct sslc_slot));
        ring->head = ring->tail = SEQUENCE_MASK - records;
    }
}

bool drain_empty(const struct drain *drain)
{
    for (uint32_t i = 0; i < drain->rings_count; i++)
        if (((__atomic_load_n(&drain->rings[i].ring->head, __ATOMIC_ACQUIRE) ^ drain->rings[i].ring->tail) &
             SEQUENCE_MASK) != 0)
            return false;
    return true;
}
