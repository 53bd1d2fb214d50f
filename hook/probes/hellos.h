/* SPDX-License-Identifier: MIT */
/* ClientHellos in the packets of this host: their randoms, ends, and what else they say; and what ServerHellos answer. */
#ifndef SSLC_PROBES_HELLOS_H
#define SSLC_PROBES_HELLOS_H

#include "maps.h"

#define RECORD_HANDSHAKE 0x16
#define CLIENT_HELLO 1
#define SERVER_HELLO 2
/* With this its random begins where it asks for another ClientHello (RFC 8446 section 4.1.3). */
#define RETRY_RANDOM 0xcf21ad74
/* Of a record with a ClientHello: where the random stands, and where it ends. */
#define RANDOM_AT 11
#define RANDOM_END 43
#define IPV4_HEADER 20
#define IPV6_HEADER 40

/* Length of the IP header, and the ends as the packet names them: source as local, destination as remote; 0 where it is no TCP. */
INLINE u32 read_network(const struct __sk_buff *packet, struct probe_ends *ends) {
  u8 header[IPV6_HEADER];
  if (bpf_skb_load_bytes(packet, 0, header, IPV4_HEADER) != 0) return 0;
  if (header[0] >> 4 == 4) {
    if (header[9] != IPPROTO_TCP) return 0;
    ends->family = AF_INET;
    __builtin_memcpy(ends->local, header + 12, 4);
    __builtin_memcpy(ends->remote, header + 16, 4);
    return (header[0] & 15) * 4;
  }
  if (header[0] >> 4 != 6 || bpf_skb_load_bytes(packet, 0, header, IPV6_HEADER) != 0) return 0;
  if (header[6] != IPPROTO_TCP) return 0;
  ends->family = AF_INET6;
  __builtin_memcpy(ends->local, header + 8, 16);
  __builtin_memcpy(ends->remote, header + 24, 16);
  return IPV6_HEADER;
}

/*
 * Keeps what else a ClientHello says. Another packet may come in between and overwrite the draft: the agent looks whether the random in the
 * bytes is the one that they are kept by.
 */
INLINE void keep_hello(const struct __sk_buff *packet, u32 payload, const u8 *client_random, u32 is_received) {
  struct probe_hello *draft = bpf_map_lookup_elem(&hello_drafts, &is_received);
  u64 length = packet->len - payload;
  if (!draft) return;
  /* The kernel wants to see that it fits. */
  asm volatile("if %0 <= 1024 goto +1\n%0 = 1024" : "+r"(length));
  if (length == 0 || bpf_skb_load_bytes(packet, payload, draft->bytes, (u32)length) != 0) return;
  draft->length = (u32)length;
  bpf_map_update_elem(&hello_bytes, client_random, draft, BPF_NOEXIST);
}

/* Keeps what a ServerHello says, by the random of the ClientHello that went the other way on its socket. */
INLINE void keep_answer(const struct __sk_buff *packet, u32 payload, const u8 *head, u32 is_received) {
  u64 socket = bpf_get_socket_cookie(packet), length = packet->len - payload;
  u32 random = (u32)head[RANDOM_AT] << 24 | head[RANDOM_AT + 1] << 16 | head[RANDOM_AT + 2] << 8 | head[RANDOM_AT + 3];
  struct hello_key *hello = socket != 0 ? bpf_map_lookup_elem(&randoms, &socket) : 0;
  struct probe_hello *draft = bpf_map_lookup_elem(&hello_drafts, &is_received);
  if (!hello || !draft || hello->is_received == is_received || random == RETRY_RANDOM) return;
  /* The kernel wants to see that it fits. */
  asm volatile("if %0 <= 252 goto +1\n%0 = 252" : "+r"(length));
  if (length == 0 || bpf_skb_load_bytes(packet, payload, draft->bytes, (u32)length) != 0) return;
  draft->length = (u32)length;
  bpf_map_update_elem(&answers, hello->client_random, draft, BPF_NOEXIST);
}

INLINE void note_hello(const struct __sk_buff *packet, u64 is_received) {
  struct probe_ends ends = { 0 };
  u8 head[RANDOM_END];
  u8 transport[14];
  u32 at = read_network(packet, &ends);
  if (at == 0 || bpf_skb_load_bytes(packet, at, transport, sizeof transport) != 0) return;
  u32 payload = at + (transport[12] >> 4) * 4;
  if (packet->len < payload + RANDOM_END) return;
  if (bpf_skb_load_bytes(packet, payload, head, sizeof head) != 0) return;
  if (head[0] != RECORD_HANDSHAKE || head[1] != 3 || head[9] != 3) return;
  if (head[5] == SERVER_HELLO) keep_answer(packet, payload, head, is_received != 0);
  if (head[5] != CLIENT_HELLO) return;
  u16 source = (u16)(transport[0] << 8 | transport[1]), destination = (u16)(transport[2] << 8 | transport[3]);
  struct hello_key key = { .is_received = is_received };
  __builtin_memcpy(key.client_random, head + RANDOM_AT, 32);
  ends.local_port = source;
  ends.remote_port = destination;
  if (is_received) {
    struct probe_ends turned = { .family = ends.family, .local_port = destination, .remote_port = source };
    __builtin_memcpy(turned.local, ends.remote, 16);
    __builtin_memcpy(turned.remote, ends.local, 16);
    ends = turned;
  }
  bpf_map_update_elem(&hellos, &key, &ends, 0);
  keep_hello(packet, payload, key.client_random, is_received != 0);
  u64 socket = bpf_get_socket_cookie(packet);
  struct hello_key *known = socket != 0 ? bpf_map_lookup_elem(&randoms, &socket) : 0;
  /* What looks like a hello and goes the other way is none. */
  if (socket != 0 && (!known || known->is_received == is_received)) bpf_map_update_elem(&randoms, &socket, &key, 0);
}

/* Every packet goes on. */
SECTION("cgroup_skb/egress")
int packet_leaves(struct __sk_buff *packet) {
  note_hello(packet, 0);
  return 1;
}

SECTION("cgroup_skb/ingress")
int packet_comes(struct __sk_buff *packet) {
  note_hello(packet, 1);
  return 1;
}

#endif
