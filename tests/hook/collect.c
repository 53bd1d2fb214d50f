/* SPDX-License-Identifier: MIT */
/* collect DIRECTORY: an agent that prints each record as a line of JSON, until its standard input ends.
 *
 * Prints {"kind":"ready"} when hooks can connect. Data is shown as a running sum of its flow and direction, modulo 2^64: of
 * each 64-bit little-endian word, counted from the start of the stream, times the odd number 2 * place + 1. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <unistd.h>

#include "drain.h"

#define FLOWS 8192

struct known {
    const struct drain_ring *ring;
    uint64_t flow;
    uint64_t hash[2];
    uint64_t next[2];
};

static struct known known[FLOWS];
static struct drain drain;

static uint64_t sum_of(const uint8_t *bytes, uint64_t length, uint64_t offset)
{
    uint64_t sum = 0, end = offset + length;
    while (offset < end) {
        uint64_t place = offset / 8, word = 0, skip = offset % 8, step = 8 - skip;
        step = step < end - offset ? step : end - offset;
        memcpy((uint8_t *)&word + skip, bytes, step);
        sum += word * (2 * place + 1);
        bytes += step;
        offset += step;
    }
    return sum;
}

static struct known *find(const struct drain_ring *ring, uint64_t flow)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        if (known[i].ring == ring && known[i].flow == flow)
            return &known[i];
        if (known[i].ring == NULL) {
            known[i] = (struct known){ring, flow, {0, 0}, {0, 0}};
            return &known[i];
        }
    }
    fprintf(stderr, "collect: more than %d flows\n", FLOWS);
    exit(70);
}

static void print_hex(const char *name, const uint8_t *bytes, unsigned length)
{
    printf(",\"%s\":\"", name);
    for (unsigned i = 0; i < length; i++)
        printf("%02x", bytes[i]);
    printf("\"");
}

static void print_address(const struct sslc_address *address)
{
    static const char *const grades[] = {"none", "socket", "nested", "hello"};
    char local[64] = "", remote[64] = "";
    int family = address->family == 4 ? AF_INET : AF_INET6;
    if (address->family == 4 || address->family == 6) {
        inet_ntop(family, address->local_ip, local, sizeof local);
        inet_ntop(family, address->remote_ip, remote, sizeof remote);
    }
    printf(",\"grade\":\"%s\",\"local\":\"%s\",\"localPort\":%u,\"remote\":\"%s\",\"remotePort\":%u",
           grades[address->grade & 3], local, address->local_port, remote, address->remote_port);
}

static void show(void *context, struct drain_ring *ring, const struct sslc_slot *slot, const uint8_t *payload)
{
    static const char *const kinds[] = {"", "open", "hello", "data", "gap", "close"};
    (void)context;
    printf("{\"kind\":\"%s\",\"pid\":%u,\"comm\":\"%.15s\",\"flow\":%llu,\"flags\":%u,\"time\":%llu", kinds[slot->kind],
           ring->ring->owner, ring->ring->comm, (unsigned long long)slot->flow, slot->flags,
           (unsigned long long)slot->time_ns);
    if (slot->kind == SSLC_OPEN) {
        struct sslc_open open;
        memcpy(&open, payload, sizeof open);
        print_address(&open.address);
        print_hex("random", open.client_random, 32);
        printf(",\"server\":%u,\"version\":%u,\"cipher\":%u,\"alpn\":\"%.*s\",\"sni\":\"%.*s\""
               ",\"offsets\":[%llu,%llu]",
               open.is_server, open.tls_version, open.cipher_suite, open.alpn_length,
               (const char *)payload + sizeof open, open.sni_length,
               (const char *)payload + sizeof open + open.alpn_length, (unsigned long long)slot->offset,
               (unsigned long long)slot->amount);
        struct known *flow = find(ring, slot->flow);
        if ((slot->flags & SSLC_UPDATE) == 0) {
            flow->next[0] = slot->offset;
            flow->next[1] = slot->amount;
        }
    } else if (slot->kind == SSLC_HELLO) {
        struct sslc_hello hello;
        memcpy(&hello, payload, sizeof hello);
        print_address(&hello.address);
        print_hex("random", hello.client_random, 32);
        printf(",\"received\":%u,\"carrier\":%llu", hello.received, (unsigned long long)hello.carrier);
    } else if (slot->kind == SSLC_DATA || slot->kind == SSLC_GAP) {
        struct known *flow = find(ring, slot->flow);
        uint64_t hash = flow->hash[slot->direction], length = slot->kind == SSLC_DATA ? slot->length : slot->amount;
        if (slot->kind == SSLC_DATA)
            hash += sum_of(payload, slot->length, slot->offset);
        flow->hash[slot->direction] = hash;
        printf(",\"direction\":%u,\"offset\":%llu,\"length\":%llu,\"hash\":\"%016llx\",\"jump\":%s", slot->direction,
               (unsigned long long)slot->offset, (unsigned long long)length, (unsigned long long)hash,
               slot->offset == flow->next[slot->direction] ? "false" : "true");
        flow->next[slot->direction] = slot->offset + length;
    }
    printf("}\n");
}

int main(int count, char **arguments)
{
    if (count < 2)
        return 2;
    drain.record = show;
    drain_start(&drain, arguments[1]);
    drain_adopt(&drain, NULL);
    drain_step(&drain); /* what is there is this agent's from here on */
    printf("{\"kind\":\"ready\"}\n");
    fflush(stdout);
    struct pollfd input = {0, POLLIN, 0};
    for (;;) {
        if (poll(&input, 1, drain_step(&drain) == 0 ? 4 : 0) != 0)
            break;
        fflush(stdout);
    }
    while (drain_step(&drain) != 0 || !drain_empty(&drain))
        ;
    for (uint32_t i = 0; i < drain.rings_count; i++) {
        struct drain_ring *ring = &drain.rings[i];
        if (ring->ring->owner == 0)
            continue;
        printf("{\"kind\":\"ring\",\"pid\":%u,\"records\":%llu,\"data\":%llu,\"gap\":%llu,\"dropped\":%llu"
               ",\"droppedRecords\":%llu,\"unmirrored\":%llu,\"granted\":%u,\"lost\":%llu,\"ringless\":[%llu,%llu,%llu]}\n",
               ring->ring->owner, (unsigned long long)ring->records, (unsigned long long)ring->data_bytes,
               (unsigned long long)ring->gap_bytes, (unsigned long long)ring->ring->dropped_bytes,
               (unsigned long long)ring->ring->dropped_records, (unsigned long long)ring->ring->unmirrored,
               ring->ring->granted_data, (unsigned long long)ring->ring->lost_sessions,
               (unsigned long long)ring->region->ringless, (unsigned long long)ring->region->ringless_sessions,
               (unsigned long long)ring->region->ringless_bytes);
    }
    return 0;
}
