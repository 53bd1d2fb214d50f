/* SPDX-License-Identifier: MIT */
/* stress DIRECTORY SEED [roomy]: threads and forked children use sessions of a fake TLS library through the hook, whose objects are linked
 * into this program, while an agent in this same process drains their rings, which are too small for what comes, unless `roomy`.
 *
 * Checked: every byte of every record; offsets without jumps; opens before data; close last; and for each process,
 * bytes used = data + gaps + drops not told of. Exit 0, or 1 with a message. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drain.h"
#include "fake_tls.h"

#define THREADS 16
#define FORKS 10 /* half of them before there are other threads, half while these run */
#define CHILD_THREADS 4

/* Sanitizers cannot go on in the child of a process with threads. */
#if defined(__SANITIZE_ADDRESS__)
#define FORKS_BEFORE FORKS
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define FORKS_BEFORE FORKS
#endif
#endif
#ifndef FORKS_BEFORE
#define FORKS_BEFORE (FORKS / 2)
#endif
#define FLOWS 65536

struct seen {
    const struct drain_ring *ring;
    uint64_t flow;
    uint64_t seed;
    uint64_t next[2];
    int open;
};

/* Shared with the children: what each process used, by its place. */
struct totals {
    uint64_t used[1 + FORKS * 2];
    uint32_t pid[1 + FORKS * 2];
};

static struct drain drain;
static struct seen seen[FLOWS];
static struct totals *totals;
static uint64_t seeds;
static uint64_t start_seed;
static int stopping;
static unsigned rounds = 40;
static size_t largest = 100000;
static uint64_t closes;
static uint64_t inherited;
static uint64_t given_back;

static void fail(const char *what)
{
    fprintf(stderr, "stress: %s (seed %llu)\n", what, (unsigned long long)start_seed);
    _exit(1);
}

static struct seen *find(const struct drain_ring *ring, uint64_t flow)
{
    uint64_t at = (flow * 0x9e3779b97f4a7c15ull >> 40 ^ (uintptr_t)ring >> 12) % FLOWS;
    for (unsigned step = 0; step < FLOWS; step++, at = (at + 1) % FLOWS) {
        if (seen[at].ring == ring && seen[at].flow == flow)
            return &seen[at];
        if (seen[at].ring == NULL) {
            seen[at].ring = ring;
            seen[at].flow = flow;
            return &seen[at];
        }
    }
    fail("too many flows for the test");
    return NULL;
}

static void record(void *context, struct drain_ring *ring, const struct sslc_slot *slot, const uint8_t *payload)
{
    (void)context;
    struct seen *flow = find(ring, slot->flow);
    unsigned direction = slot->direction;
    if (slot->kind == SSLC_OPEN) {
        struct sslc_open open;
        memcpy(&open, payload, sizeof open);
        if (flow->open)
            fail("a flow opened twice");
        flow->open = 1;
        memcpy(&flow->seed, open.client_random, 8);
        flow->next[0] = slot->offset;
        flow->next[1] = slot->amount;
        if ((slot->flags & SSLC_INHERITED) != 0)
            inherited++;
        else if (slot->offset != 0 || slot->amount != 0)
            fail("a new flow begins at an offset");
        if (open.pid != ring->ring->owner)
            fail("a flow of another process");
        return;
    }
    if (!flow->open)
        fail("a record before its open");
    if (slot->kind == SSLC_CLOSE) {
        flow->open = 2;
        closes++;
        return;
    }
    if (flow->open == 2)
        fail("a record after its close");
    if (slot->offset != flow->next[direction])
        fail("an offset jumps");
    if (slot->kind == SSLC_GAP) {
        flow->next[direction] += slot->amount;
        return;
    }
    for (uint32_t i = 0; i < slot->length; i++)
        if (payload[i] != fake_byte(flow->seed, (int)direction, slot->offset + i))
            fail("a byte is wrong");
    flow->next[direction] += slot->length;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Reads or writes once; returns the bytes used. */
static uint64_t use(void *ssl, uint64_t seed, int server, uint64_t *written, uint8_t *room, size_t size, uint64_t *random)
{
    uint64_t what = next_random(random);
    size_t length = what % 23 == 0 ? size : what % 11 == 0 ? 16384 : what % 700 + 1, done = 0;
    length = length < size ? length : size;
    if (what & 1u << 20) {
        SSL_read_ex(ssl, room, length, &done);
        return done;
    }
    fake_fill(seed, server, *written, room, length);
    if (what & 1u << 21)
        SSL_write_early_data(ssl, room, length, &done);
    else
        SSL_write_ex(ssl, room, length, &done);
    *written += done;
    return done;
}

struct producer {
    uint64_t random;
    unsigned place;
};

static void *produce(void *argument)
{
    struct producer *producer = argument;
    uint64_t used = 0;
    size_t size = largest;
    uint8_t *room = malloc(size);
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t seed = __atomic_add_fetch(&seeds, 1, __ATOMIC_RELAXED) ^ (uint64_t)producer->place << 40, written = 0;
        int server = (int)(next_random(&producer->random) & 1);
        struct fake_context context;
        fake_context_set(&context, seed, server);
        void *ssl = SSL_new(&context);
        unsigned uses = (unsigned)(next_random(&producer->random) % 30);
        for (unsigned i = 0; i < uses; i++)
            used += use(ssl, seed, server, &written, room, size, &producer->random);
        if (round % 4 == 0) { /* another session with the same object */
            SSL_clear(ssl);
            seed += 1ull << 32;
            written = 0;
            for (unsigned i = 0; i < uses; i++)
                used += use(ssl, seed, server, &written, room, size, &producer->random);
        }
        if (round % 3 == 0)
            SSL_shutdown(ssl);
        SSL_free(ssl);
    }
    free(room);
    __atomic_add_fetch(&totals->used[producer->place], used, __ATOMIC_RELAXED);
    return NULL;
}

static void run_threads(unsigned count, unsigned place)
{
    pthread_t threads[THREADS];
    struct producer producers[THREADS];
    for (unsigned i = 0; i < count; i++) {
        producers[i].random = (start_seed + 1) * 0x2545f4914f6cdd1dull ^ (i + 1) * 77777 ^ place * 99991;
        producers[i].place = place;
        if (pthread_create(&threads[i], NULL, produce, &producers[i]) != 0)
            fail("cannot make a thread");
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void *produce_all(void *unused)
{
    (void)unused;
    run_threads(THREADS, 0);
    return NULL;
}

static void *agent(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE)) {
        if (drain_step(&drain) != 0)
            continue;
        for (uint32_t i = 0; i < drain.rings_count; i++)
            given_back += drain_give_back(&drain.rings[i]);
        usleep(100);
    }
    return NULL;
}

/* A forked child goes on with a session of its parent, then makes its own. */
static void child(unsigned place, void *ssl, uint64_t seed, uint64_t written)
{
    uint8_t room[5000];
    uint64_t random = seed * 3 + place, used = 0;
    totals->pid[place] = (uint32_t)getpid();
    for (unsigned i = 0; i < 20; i++)
        used += use(ssl, seed, 1, &written, room, sizeof room, &random);
    SSL_free(ssl);
    __atomic_add_fetch(&totals->used[place], used, __ATOMIC_RELAXED);
    run_threads(CHILD_THREADS, place);
    _exit(0);
}

static void check_totals(void)
{
    for (unsigned place = 0; place < 1 + FORKS; place++) {
        uint64_t data = 0, gap = 0, dropped = 0, unseen = 0, rings = 0;
        for (uint32_t i = 0; i < drain.rings_count; i++) {
            const struct drain_ring *ring = &drain.rings[i];
            if (ring->ring->owner != totals->pid[place])
                continue;
            rings++;
            data += ring->data_bytes;
            gap += ring->gap_bytes;
            unseen += ring->unseen_bytes;
            dropped += ring->ring->dropped_bytes;
            if (ring->ring->gap_bytes != ring->gap_bytes - ring->unseen_bytes)
                fail("the hook's count of gaps is not what was read");
        }
        if (rings != 1)
            fail("a process has not one ring");
        if (totals->used[place] != data + dropped + unseen || gap - unseen > dropped) {
            fprintf(stderr, "process %u: used %llu, data %llu, dropped %llu, gaps %llu\n", place,
                    (unsigned long long)totals->used[place], (unsigned long long)data, (unsigned long long)dropped,
                    (unsigned long long)gap);
            fail("bytes do not add up");
        }
    }
}

static const char *own_pid(void)
{
    static char text[16];
    snprintf(text, sizeof text, "%d", (int)getpid());
    return text;
}

int main(int count, char **arguments)
{
    if (count < 3)
        return 2;
    start_seed = strtoull(arguments[2], NULL, 10);
    /* Small, so that it is full now and then; spares for most of the children, the others make regions. */
    drain.grant_data = 128u << 10;
    drain.grant_slots = 256;
    if (count > 3) {
        drain.grant_data = 16u << 20;
        drain.grant_slots = 32768;
        rounds = 6;
        largest = 70000;
    }
    totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    totals->pid[0] = (uint32_t)getpid();
    drain.record = record;
    drain_start(&drain, arguments[1]);
    if (drain_adopt(&drain, own_pid()) != 1) /* made when this program was loaded */
        fail("there is no region to adopt");

    /* Sessions that the children inherit, used before the fork, before there are threads. */
    struct fake_context context;
    void *shared[FORKS];
    uint64_t written[FORKS], seed[FORKS], random = start_seed * 2 + 1;
    uint8_t room[5000];
    for (unsigned i = 0; i < FORKS; i++) {
        seed[i] = 1ull << 50 | i;
        written[i] = 0;
        fake_context_set(&context, seed[i], 1);
        shared[i] = SSL_new(&context);
        for (unsigned j = 0; j < 5; j++)
            totals->used[0] += use(shared[i], seed[i], 1, &written[i], room, sizeof room, &random);
    }
    while (!drain_empty(&drain) || drain.rings_count == 0)
        drain_step(&drain);
    drain_near_wrap(&drain, 10);
    pid_t children[FORKS];
    pthread_t drainer, producers;
    for (unsigned i = 0; i < FORKS; i++) {
        if (i == FORKS_BEFORE) {
            pthread_create(&drainer, NULL, agent, NULL);
            pthread_create(&producers, NULL, produce_all, NULL);
        }
        children[i] = fork();
        if (children[i] == 0)
            child(1 + i, shared[i], seed[i], written[i]);
        SSL_free(shared[i]); /* does not end the child's flow */
    }
    if (FORKS_BEFORE == FORKS) {
        pthread_create(&drainer, NULL, agent, NULL);
        pthread_create(&producers, NULL, produce_all, NULL);
    }
    pthread_join(producers, NULL);
    for (unsigned i = 0; i < FORKS; i++) {
        int status = 0;
        if (waitpid(children[i], &status, 0) != children[i] || status != 0)
            fail("a child failed");
    }
    __atomic_store_n(&stopping, 1, __ATOMIC_RELEASE);
    pthread_join(drainer, NULL);
    while (drain_step(&drain) != 0 || !drain_empty(&drain))
        ;
    check_totals();
    if (inherited != FORKS)
        fail("not every inherited flow was marked so");
    uint64_t records = 0, dropped = 0;
    for (uint32_t i = 0; i < drain.rings_count; i++) {
        records += drain.rings[i].records;
        dropped += drain.rings[i].ring->dropped_bytes;
    }
    printf("records %llu closes %llu dropped %llu given back %llu\n", (unsigned long long)records,
           (unsigned long long)closes, (unsigned long long)dropped, (unsigned long long)given_back);
    return 0;
}
