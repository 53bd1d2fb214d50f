/* SPDX-License-Identifier: MIT */
#include "drain.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
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

void drain_beat(struct drain *drain)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    __atomic_store_n(&drain->control->heartbeat_ns, (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec,
                     __ATOMIC_RELEASE);
}

void drain_start(struct drain *drain, const char *directory, const struct drain_geometry *geometry)
{
    char path[200], draft[220];
    snprintf(path, sizeof path, "%s/control", directory);
    snprintf(draft, sizeof draft, "%s/control.%d", directory, (int)getpid());
    int fd = open(draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    check(fd >= 0 && ftruncate(fd, SSLC_PAGE) == 0, "cannot make the control page");
    drain->control = mmap(NULL, SSLC_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    check(drain->control != MAP_FAILED, "cannot map the control page");
    close(fd);
    drain->control->magic = SSLC_MAGIC;
    drain->control->abi = SSLC_ABI;
    drain->control->data_capacity = geometry->data_capacity;
    drain->control->slot_capacity = geometry->slot_capacity;
    drain->control->subring_count = geometry->subring_count;
    drain->control->initial_data = geometry->initial_data;
    drain->control->initial_slots = geometry->initial_slots;
    drain->control->agent_pid = (uint32_t)getpid();
    drain_beat(drain);

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/hook.sock", directory);
    unlink(address.sun_path);
    drain->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check(bind(drain->listener, (struct sockaddr *)&address, sizeof address) == 0, "cannot bind the socket");
    check(listen(drain->listener, 128) == 0, "cannot listen");
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    __atomic_store_n(&drain->control->identity, (uint64_t)now.tv_nsec << 20 | (uint64_t)getpid(), __ATOMIC_RELEASE);
    check(rename(draft, path) == 0, "cannot place the control page");
    drain->rings_count = 0;
    drain->wakes = 0;
}

static void take_region(struct drain *drain, const struct sslc_greeting *greeting, int fd)
{
    struct stat status;
    uint64_t length = (uint64_t)greeting->subring_count * greeting->subring_stride;
    int seals = fcntl(fd, F_GET_SEALS);
    check(greeting->magic == SSLC_MAGIC && greeting->abi == SSLC_ABI, "greeting is of another version");
    check(greeting->identity == drain->control->identity, "greeting names another agent");
    check((seals & 7) == 7, "region is not sealed");
    check(fstat(fd, &status) == 0 && (uint64_t)status.st_size == length, "region has another size than greeted");
    uint8_t *base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    check(base != MAP_FAILED, "cannot map a region");
    for (uint32_t i = 0; i < greeting->subring_count; i++) {
        check(drain->rings_count < DRAIN_SUBRINGS, "too many rings");
        struct drain_ring *ring = &drain->rings[drain->rings_count];
        memset(ring, 0, sizeof *ring);
        ring->ring = (struct sslc_ring *)(base + (uint64_t)i * greeting->subring_stride);
        ring->slots = (struct sslc_slot *)((uint8_t *)ring->ring + SSLC_PAGE);
        ring->data = (uint8_t *)(ring->slots + greeting->slot_capacity);
        ring->slot_capacity = greeting->slot_capacity;
        ring->data_capacity = greeting->data_capacity;
        ring->greeting_flags = greeting->flags;
        __atomic_store_n(&drain->rings_count, drain->rings_count + 1, __ATOMIC_RELEASE);
    }
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
            memcpy(&fd, CMSG_DATA(header), sizeof fd);
            take_region(drain, &greeting, fd);
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
        check(copy.kind >= SSLC_OPEN && copy.kind <= SSLC_CLOSE, "impossible kind");
        check(copy.position % SSLC_UNIT == 0 && (uint64_t)copy.position + copy.length <= ring->data_capacity,
              "payload out of bounds");
        check(copy.flow >> 52 == 0, "impossible flow");
        if (copy.kind == SSLC_DATA)
            ring->data_bytes += copy.length;
        if (copy.kind == SSLC_GAP)
            ring->gap_bytes += copy.amount;
        if (copy.kind == SSLC_GAP && (copy.flags & SSLC_NEVER_USER) != 0)
            ring->unseen_bytes += copy.amount;
        drain->record(drain->context, ring, &copy, ring->data + copy.position);
        sequence = next;
        place = index + 1;
        end = (copy.position + (uint64_t)copy.length + SSLC_UNIT - 1) / SSLC_UNIT;
        count++;
        __atomic_store_n(&ring->ring->tail,
                         (uint64_t)sequence | (uint64_t)place << SSLC_WORD_SLOT_SHIFT | end << SSLC_WORD_DATA_SHIFT,
                         __ATOMIC_RELEASE);
    }
    ring->records += count;
    return count;
}

uint64_t drain_step(struct drain *drain)
{
    uint64_t count = 0;
    drain_beat(drain);
    accept_all(drain);
    for (uint32_t i = 0; i < drain->rings_count; i++) {
        struct drain_ring *ring = &drain->rings[i];
        if (__atomic_load_n(&ring->ring->magic, __ATOMIC_ACQUIRE) != SSLC_MAGIC)
            continue;
        ring->ring->granted_data = ring->data_capacity;
        ring->ring->granted_slots = ring->slot_capacity;
        count += read_ring(drain, ring);
    }
    return count;
}

void drain_sleep(struct drain *drain, unsigned milliseconds)
{
    static uint32_t generation;
    uint32_t sleep = ++generation;
    struct timespec limit = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    __atomic_store_n(&drain->control->sleeping, sleep, __ATOMIC_SEQ_CST);
    if (drain_step(drain) == 0 &&
        syscall(SYS_futex, &drain->control->sleeping, FUTEX_WAIT, sleep, &limit, NULL, 0) == 0)
        drain->wakes++;
    __atomic_store_n(&drain->control->sleeping, 0, __ATOMIC_SEQ_CST);
}

void drain_near_wrap(struct drain *drain, uint32_t records)
{
    for (uint32_t i = 0; i < drain->rings_count; i++) {
        struct sslc_ring *ring = drain->rings[i].ring;
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
